public import NIOCore
internal import Synchronization
public import TeleportTransport

/// A relay that counts the bytes each way, and keeps the first of them if asked to: what a link carries, seen from
/// outside, whatever is in it.
public final class ByteMeter: Sendable {
    /// Bytes from the side that connected, and bytes back to it.
    public struct Count: Sendable {
        public var sent = 0
        public var received = 0

        public init() {}
    }

    /// What passed, in order.
    public struct Recording: Sendable {
        public var sent = ByteBuffer()
        public var received = ByteBuffer()

        public init() {}
    }

    private let sent = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let recorded = Mutex(Recording())
    private let recordedBytes: Int

    /// - Parameter recordedBytes: how many bytes of each direction are kept, to the end of the piece that they are in.
    public init(recording recordedBytes: Int = 0) {
        self.recordedBytes = recordedBytes
    }

    /// What all connections carried so far.
    public var count: Count {
        var count = Count()
        count.sent = self.sent.load(ordering: .relaxed)
        count.received = self.received.load(ordering: .relaxed)
        return count
    }

    public var recording: Recording { self.recorded.withLock { $0 } }

    /// Listens at `address` and relays each connection to one of its own to `target`.
    public func start(
        at address: TransportAddress, to target: TransportAddress, group: any EventLoopGroup
    ) async throws(TransportError) -> Listener {
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
