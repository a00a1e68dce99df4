internal import NIOCore
internal import TeleportTransport

/// One of the two connections that a relayed connection consists of. Both live on the same loop.
final class RelayEnd: ByteStream {
    /// The other end; until one of them is closed.
    var peer: RelayEnd?
    private let passed: (ByteBuffer) -> Void
    private var driver: ConnectionDriver?
    /// What the peer received and this socket has not taken. Bounded: the peer does not read while it is full.
    private var outbound = ByteBuffer()
    private var failure: TransportError?

    /// - Parameter passed: is shown what is received here.
    init(passed: @escaping (ByteBuffer) -> Void) {
        self.passed = passed
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        guard let peer = self.peer else {
            return driver.closeNow(self.failure ?? TransportError(.closedByPeer, "The other end was closed before."))
        }
        if let other = peer.driver {
            other.resumeReading()
        } else {
            // Until there is somewhere to send it.
            driver.pauseReading()
        }
    }

    func connectingFailed(_ error: any Error) {
        let failure = TransportError(.broken, "The relay does not reach its target.", cause: error)
        self.failure = failure
        self.peer = nil
        self.driver?.closeNow(failure)
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        self.passed(bytes)
        guard let peer = self.peer, let driver = peer.driver else { return bytes.clear() }
        if peer.outbound.readableBytes == 0 {
            peer.outbound = bytes
        } else {
            peer.outbound.writeImmutableBuffer(bytes)
        }
        bytes = ByteBuffer()
        driver.scheduleFlush()
        if !driver.isWritable { self.driver?.pauseReading() }
    }

    func bytesToSend() -> ByteBuffer? {
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        return bytes
    }

    func writabilityChanged(_ isWritable: Bool) {
        if isWritable { self.peer?.driver?.resumeReading() }
    }

    // Who ends one direction has no use for the other: all that was asked is answered by then.
    func inputClosed() {
        self.driver?.closeGracefully()
        self.peer?.driver?.closeGracefully()
    }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        self.peer?.peer = nil
        self.peer?.driver?.closeGracefully()
        self.peer = nil
    }
}
