internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// What arrives on a channel, kept until somebody asks for it.
final class LinkHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        var received = ByteBuffer()
        var end: LinkEnd?
        var isSecured = false
        var negotiatedProtocol: String?
        var waiter: Waiter?
        var waiters: UInt64 = 0
    }

    private struct Waiter {
        let number: UInt64
        let condition: Condition
        let continuation: CheckedContinuation<Void, Never>
    }

    /// What somebody waits for. The end of the connection satisfies all of them.
    enum Condition: Sendable {
        case bytes(beyond: Int)
        case secured
        case end
    }

    private let state = Mutex(State())

    /// All that came and was not taken, without taking it.
    var received: ByteBuffer { self.state.withLock { $0.received } }
    var end: LinkEnd? { self.state.withLock { $0.end } }
    var isSecured: Bool { self.state.withLock { $0.isSecured } }
    var negotiatedProtocol: String? { self.state.withLock { $0.negotiatedProtocol } }

    /// Takes what is there.
    func take() -> ByteBuffer {
        self.state.withLock { state in
            defer { state.received = ByteBuffer() }
            return state.received
        }
    }

    /// Takes `count` bytes, or nothing.
    func take(_ count: Int) -> ByteBuffer? {
        self.state.withLock { $0.received.readSlice(length: count) }
    }

    /// Waits for `condition`, and no longer than `limit`.
    func wait(for condition: Condition, within limit: Duration, on eventLoop: any EventLoop) async {
        let number = self.state.withLock { state in
            state.waiters += 1
            return state.waiters
        }
        let timer = eventLoop.scheduleTask(in: .nanoseconds(limit.nanoseconds)) { self.giveUp(number) }
        await withCheckedContinuation { continuation in
            let ready = self.state.withLock { state in
                state.waiter = Waiter(number: number, condition: condition, continuation: continuation)
                return Self.takeWaiter(&state)
            }
            ready?.resume()
        }
        timer.cancel()
    }

    private func giveUp(_ number: UInt64) {
        let waiter = self.state.withLock { state in
            guard state.waiter?.number == number else { return nil as Waiter? }
            return state.waiter.take()
        }
        waiter?.continuation.resume()
    }

    private static func takeWaiter(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard let waiter = state.waiter else { return nil }
        let isSatisfied =
            switch waiter.condition {
            case .bytes(let count): state.received.readableBytes > count
            case .secured: state.isSecured
            case .end: false
            }
        guard isSatisfied || state.end != nil else { return nil }
        state.waiter = nil
        return waiter.continuation
    }

    private func change(_ body: (inout sending State) -> Void) {
        self.state.withLock { state in
            body(&state)
            return Self.takeWaiter(&state)
        }?.resume()
    }

    private func ended(_ end: LinkEnd) {
        // The first thing that is known is the cause of the others.
        self.change { if $0.end == nil { $0.end = end } }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.change { $0.received.writeImmutableBuffer(bytes) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            self.ended(.orderly)
        case TLSUserEvent.handshakeCompleted(let name):
            self.change { state in
                state.isSecured = true
                state.negotiatedProtocol = name
            }
        default:
            break
        }
    }

    func channelInactive(context: ChannelHandlerContext) { self.ended(.orderly) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let failure = Self.tlsFailure(error) {
            self.ended(.tls(failure))
        } else {
            self.ended(.reset)
        }
        context.close(promise: nil)
    }

    /// What went wrong, unless it is a connection that was just closed below TLS.
    private static func tlsFailure(_ error: any Error) -> String? {
        switch error {
        case NIOSSLError.uncleanShutdown: "cut without a closing alert"
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: "\(error)"
        default: nil
        }
    }
}

extension Duration {
    /// In nanoseconds, which is enough for 292 years.
    var nanoseconds: Int64 {
        self.components.seconds * 1_000_000_000 + self.components.attoseconds / 1_000_000_000
    }

    /// In milliseconds, for people.
    var milliseconds: Double { Double(self.nanoseconds) / 1_000_000 }

    /// For sentences: `2 s`, `50 ms`.
    var words: String {
        let milliseconds = self.nanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}
