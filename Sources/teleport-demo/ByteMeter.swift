import NIOCore
import Synchronization
import TeleportTransport

/// A relay on loopback that counts the bytes each way: what the link carries, seen from outside.
final class ByteMeter: Sendable {
    /// Bytes from the side that connected, and bytes back to it.
    struct Count: Sendable {
        var out = 0
        var back = 0
        var connections = 0
    }

    fileprivate let out = Atomic<Int>(0)
    fileprivate let back = Atomic<Int>(0)
    private let connections = Atomic<Int>(0)

    var count: Count {
        Count(
            out: self.out.load(ordering: .relaxed), back: self.back.load(ordering: .relaxed),
            connections: self.connections.load(ordering: .relaxed))
    }

    /// Listens on a free port and relays to `target`.
    func start(to target: TransportAddress) async throws -> Listener {
        let connector = Connector(to: target)
        return try await Listener.bind(.tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared) { eventLoop in
            self.connections.wrappingAdd(1, ordering: .relaxed)
            let near = RelayEnd(self, .out)
            let far = RelayEnd(self, .back)
            near.peer = far
            far.peer = near
            let bound = NIOLoopBound((near: near, far: far), eventLoop: eventLoop)
            connector.connect(on: eventLoop) { bound.value.far }
                .whenFailure { bound.value.near.connectingFailed($0) }
            return near
        }
    }
}

/// One of the two connections that a relayed connection consists of. Both live on the same loop.
private final class RelayEnd: ByteStream {
    enum Direction {
        case out, back
    }

    private let meter: ByteMeter
    /// Which way the bytes go that are received here.
    private let direction: Direction
    /// The other end; until one of them is closed.
    var peer: RelayEnd?
    private var driver: ConnectionDriver?
    /// What the peer received and this socket has not taken. Bounded: the peer does not read while it is full.
    private var outbound = ByteBuffer()
    private var failure: TransportError?

    init(_ meter: ByteMeter, _ direction: Direction) {
        self.meter = meter
        self.direction = direction
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        if let failure = self.failure {
            driver.closeNow(failure)
        } else if self.peer?.driver != nil {
            self.peer?.driver?.resumeReading()
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
        switch self.direction {
        case .out: self.meter.out.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
        case .back: self.meter.back.wrappingAdd(bytes.readableBytes, ordering: .relaxed)
        }
        guard let peer = self.peer, let peerDriver = peer.driver else { return bytes.clear() }
        if peer.outbound.readableBytes == 0 {
            peer.outbound = bytes
        } else {
            peer.outbound.writeImmutableBuffer(bytes)
        }
        bytes = ByteBuffer()
        peerDriver.scheduleFlush()
        if !peerDriver.isWritable { self.driver?.pauseReading() }
    }

    func bytesToSend() -> ByteBuffer? {
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        return bytes
    }

    func writabilityChanged(_ isWritable: Bool) {
        if isWritable { self.peer?.driver?.resumeReading() }
    }

    // Who ends one direction has no use for the other here: all requests are answered by then.
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
