import NIOCore
import Synchronization
import Teleport

/// A relay that counts the bytes each way, and keeps the first of them if asked to: what the link carries, seen from
/// outside, whatever is in it.
///
/// It stands between client and server only for a short run of its own, so that it costs the measured run nothing.
final class ByteMeter: Sendable {
    struct Count: Sendable {
        var sent = 0
        var received = 0
    }

    /// What passed, in order.
    struct Recording: Sendable {
        var sent = ByteBuffer()
        var received = ByteBuffer()
    }

    private let sent = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let recorded = Mutex(Recording())
    private let recordedBytes: Int

    /// - Parameter recordedBytes: how many bytes of each direction are kept.
    init(recording recordedBytes: Int = 0) {
        self.recordedBytes = recordedBytes
    }

    var count: Count {
        Count(sent: self.sent.load(ordering: .relaxed), received: self.received.load(ordering: .relaxed))
    }

    var recording: Recording { self.recorded.withLock { $0 } }

    /// Listens at `address` and relays to `target`.
    func start(
        at address: TransportAddress, to target: TransportAddress, group: any EventLoopGroup
    ) async throws -> Listener {
        let connector = Connector(to: target)
        return try await Listener.bind(address, group: group) { eventLoop in
            let near = RelayEnd { self.passed($0, isSent: true) }
            let far = RelayEnd { self.passed($0, isSent: false) }
            near.peer = far
            far.peer = near
            let bound = NIOLoopBound((near: near, far: far), eventLoop: eventLoop)
            connector.connect(on: eventLoop) { bound.value.far }
                .whenFailure { bound.value.near.connectingFailed($0) }
            return near
        }
    }

    private func passed(_ bytes: ByteBuffer, isSent: Bool) {
        if isSent {
            self.sent.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
        } else {
            self.received.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
        }
        guard self.recordedBytes > 0 else { return }
        self.recorded.withLock { recorded in
            if isSent {
                self.keep(bytes, in: &recorded.sent)
            } else {
                self.keep(bytes, in: &recorded.received)
            }
        }
    }

    private func keep(_ bytes: ByteBuffer, in kept: inout ByteBuffer) {
        if kept.readableBytes < self.recordedBytes { kept.writeImmutableBuffer(bytes) }
    }
}

/// One of the two connections that a relayed connection consists of. Both live on the same loop.
private final class RelayEnd: ByteStream {
    /// The other end; until one of them is closed.
    var peer: RelayEnd?
    private let passed: (ByteBuffer) -> Void
    private var driver: ConnectionDriver?
    /// What the peer received and this socket has not taken.
    private var outbound = ByteBuffer()
    private var failure: TransportError?

    init(passed: @escaping (ByteBuffer) -> Void) {
        self.passed = passed
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        if let failure = self.failure {
            driver.closeNow(failure)
        } else if let other = self.peer?.driver {
            other.resumeReading()
        } else {
            // Until there is somewhere to send it.
            driver.pauseReading()
        }
    }

    func connectingFailed(_ error: any Error) {
        let failure = TransportError(.broken, "The relay does not reach the server.", cause: error)
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

    // Who ends one direction has no use for the other: all calls are answered by then.
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
