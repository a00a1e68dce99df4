internal import NIOCore
internal import Teleport

/// Connections that become tunnels (P-50 to P-54).
///
/// ```
/// asking ──granted, its head written──▶ tunnel ──client's end──▶ tunnelEnded ──server's end──▶ closed
///    └── any other answer: nothing         └── server's end: output closed, still read ──client's end──▶ closed
/// ```
extension HTTPFrontStream {
    /// Whether the connection is HTTP no more.
    var isTunnel: Bool { self.readingKind == .tunnel }

    /// Passes a request for a tunnel on. What the client sends behind it is left where it is until it is answered: it is
    /// the tunnel's or the next request, and nobody knows yet.
    func askForTunnel(_ head: RequestHead) {
        let pipe = BodyPipe(producer: self.uploader)
        let keepsAlive = head.keepsAlive && !self.isDraining
        let number = self.pipeline.requestRead(
            isHEAD: head.method == .head, version: head.version, keepsAlive: keepsAlive)
        self.reading = .asking(number, pipe, keepsAlive: keepsAlive)
        self.pauseReading(.tunnelAsked)
        self.accept(Request(head: head.detached(), opensTunnel: true), upload: pipe, number: number)
    }

    /// An answer to any request came that grants no tunnel: that leaves the connection as it was.
    func tunnelRefused(_ number: UInt64) {
        guard self.readingKind == .asking, case .asking(number, let pipe, let keepsAlive) = self.reading else { return }
        self.reading = .nothing
        pipe.finish()
        if !keepsAlive || self.isDraining { self.endInput() }
        self.resumeReading(.tunnelAsked)
    }

    /// The client is told that it has its tunnel.
    func tunnelGranted() {
        guard case .asking(_, let pipe, _) = self.reading else { return }
        self.reading = .tunnel(pipe)
        self.patience.becameTunnel()
        self.watchTime()
        // Not in place: what waits to be read is offered at once, and may end what is being written.
        let front = self.front
        front.eventLoop.execute { front.stream.value?.resumeReading(.tunnelAsked) }
    }

    func tunnelRead(_ bytes: inout ByteBuffer) {
        let piece = bytes
        bytes.moveReaderIndex(to: bytes.writerIndex)
        guard case .tunnel(let pipe) = self.reading, piece.readableBytes > 0 else { return }
        if !pipe.append(piece) { self.pauseReading(.uploadFull) }
    }

    /// There is room in the pipe that a client's bytes go to, or nobody wants them any more.
    func uploadChanged() {
        if case .tunnel(let pipe) = self.reading, pipe.isCancelled {
            self.driver?.reset(TransportError(.broken, "The server left the tunnel."))
            return
        }
        self.resumeReading(.uploadFull)
    }

    func clientEndedTunnel() {
        guard case .tunnel(let pipe) = self.reading else { return }
        self.reading = .tunnelEnded
        pipe.finish()
        if self.isTunnelOutputOver { self.driver?.closeGracefully() }
    }

    func serverEndedTunnel() {
        self.isTunnelOutputOver = true
        if case .tunnelEnded = self.reading {
            self.driver?.closeGracefully()
        } else {
            self.driver?.finishOutput()
        }
    }
}
