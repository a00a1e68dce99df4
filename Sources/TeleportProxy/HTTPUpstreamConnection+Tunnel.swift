internal import NIOCore
internal import Teleport

/// Which halves of a tunnel have ended.
struct TunnelHalves {
    /// The client has sent its last, and the server was given it.
    var isClientDone = false
    /// The server has sent its last.
    var isServerDone = false
}

/// Connections that become tunnels (P-53, P-54): bytes both ways, until both have sent their last.
extension HTTPUpstreamConnection {
    /// The server granted the tunnel. Only now what the client sends is looked at.
    func beginTunnel(_ head: ResponseHead, _ bytes: inout ByteBuffer) {
        guard let exchange = self.exchange, let upload = exchange.upload else { return self.fail(.switchedProtocols) }
        let pipe = BodyPipe(producer: self.producer)
        let head = head.detached()
        self.answer.head = head
        self.answer.pipe = pipe
        self.tunnel = TunnelHalves()
        self.stopWatching()
        exchange.opened(head, pipe)
        self.uploading = .untilClose
        upload.attach(self.reader)
        self.continueUpload()
        self.readTunnel(&bytes)
    }

    func readTunnel(_ bytes: inout ByteBuffer) {
        let piece = bytes
        bytes.moveReaderIndex(to: bytes.writerIndex)
        guard let pipe = self.answer.pipe, piece.readableBytes > 0 else { return }
        if !pipe.append(piece) { self.driver?.pauseReading() }
    }

    func clientEndedTunnel() {
        self.tunnel?.isClientDone = true
        self.driver?.finishOutput()
        self.endTunnelIfDone()
    }

    func serverEndedTunnel() {
        self.tunnel?.isServerDone = true
        self.answer.pipe?.finish()
        self.endTunnelIfDone()
    }

    private func endTunnelIfDone() {
        guard let tunnel = self.tunnel, tunnel.isClientDone, tunnel.isServerDone else { return }
        self.exchange = nil
        self.end(nil)
    }
}
