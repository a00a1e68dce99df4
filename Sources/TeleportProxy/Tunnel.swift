internal import NIOCore
internal import Synchronization
internal import Teleport

/// A tunnel that was granted (P-53 to P-56): two pipes, each of which ends for itself. It is over when both are empty and
/// have ended, or when one of them breaks off, or when it has been silent for too long.
///
/// Its pipes hold it, until the end of each was told.
final class Tunnel: Sendable {
    private enum Half { case upload, download }

    private struct State {
        var clock: TunnelClock
        var endedHalves = 0
        /// Why it ends, if not in an orderly way.
        var failure: String?
        var isOver = false
        /// Bytes that were counted.
        var counted = (up: 0, down: 0)
    }

    private let exchange: Exchange
    private let status: Status
    private let upload: BodyPipe
    private let download: BodyPipe
    private let counts: TunnelCounts
    private let interval: TimeAmount
    private let state: Mutex<State>

    /// How often it is looked whether a tunnel that both sides have ended is empty.
    private static let lastLooks = TimeAmount.milliseconds(100)

    init(
        _ exchange: Exchange, _ status: Status, upload: BodyPipe, download: BodyPipe, idleTimeout: TimeAmount,
        counts: TunnelCounts
    ) {
        self.exchange = exchange
        self.status = status
        self.upload = upload
        self.download = download
        self.counts = counts
        // Close enough, and seldom: there may be very many tunnels.
        self.interval = .nanoseconds(Swift.min(60_000_000_000, Swift.max(1_000_000, idleTimeout.nanoseconds / 8)))
        self.state = Mutex(State(clock: TunnelClock(limit: idleTimeout, now: .now())))
    }

    func begin() {
        self.counts.opened()
        self.upload.observeEnd { ending, _ in self.ended(.upload, ending) }
        self.download.observeEnd { ending, _ in self.ended(.download, ending) }
        self.lookAgain(in: self.interval)
    }

    private func ended(_ half: Half, _ ending: BodyPipe.Ending) {
        let areBothEnded = self.state.withLock { state in
            state.endedHalves += 1
            guard case .complete = ending else {
                state.failure = state.failure ?? Self.word(half, ending)
                return false
            }
            return state.endedHalves == 2 && state.failure == nil
        }
        guard areBothEnded else {
            if case .complete = ending { return }
            return self.finish()
        }
        // The pipe that is ending may hold bytes, and must not be asked from in here.
        self.lookAgain(in: .zero)
    }

    /// Who broke it off.
    private static func word(_ half: Half, _ ending: BodyPipe.Ending) -> String {
        switch (half, ending) {
        case (.upload, .cancelled), (.download, .failed), (.download, .complete): "server_gone"
        case (.upload, .failed), (.download, .cancelled), (.upload, .complete): "client_gone"
        }
    }

    private func lookAgain(in time: TimeAmount) {
        // Not kept alive by it: the pipes do that, until they have ended.
        if time == .zero { return self.eventLoop.execute { self.look() } }
        self.eventLoop.scheduleTask(in: time) { [weak self] in self?.look() }
    }

    private var eventLoop: any EventLoop { self.exchange.replyTo.eventLoop }

    private func look() {
        let (upload, download) = (self.upload.flow, self.download.flow)
        self.count(upload, download)
        enum Next { case nothing, look, lookSoon, finish, giveUp }
        let next = self.state.withLock { state -> Next in
            guard !state.isOver else { return .nothing }
            let isIdle = state.clock.isOver(upload: upload, download: download, now: .now())
            if state.endedHalves == 2, upload.held == 0, download.held == 0 { return .finish }
            guard isIdle else { return state.endedHalves == 2 ? .lookSoon : .look }
            state.failure = state.failure ?? "idle"
            return .giveUp
        }
        switch next {
        case .nothing: break
        case .look: self.lookAgain(in: self.interval)
        case .lookSoon:
            // Nobody else holds it any more.
            self.eventLoop.scheduleTask(in: Self.lastLooks) { self.look() }
        case .finish: self.finish()
        case .giveUp:
            self.exchange.giveUp(.timedOut)
            // Whoever works on it ends both pipes, unless it has done its part.
            self.finish()
        }
    }

    private func finish() {
        let failure = self.state.withLock { state -> String?? in
            guard !state.isOver else { return nil }
            state.isOver = true
            return .some(state.failure)
        }
        guard let failure else { return }
        let (upload, download) = (self.upload.flow, self.download.flow)
        self.count(upload, download)
        self.counts.closed()
        self.exchange.tunnelEnded(self.status, bytes: download.given, because: failure)
    }

    private func count(_ upload: BodyPipe.Flow, _ download: BodyPipe.Flow) {
        let (up, down) = self.state.withLock { state in
            defer { state.counted = (upload.given, download.given) }
            return (upload.given - state.counted.up, download.given - state.counted.down)
        }
        self.counts.moved(up: up, down: down)
    }
}

/// What is counted over all tunnels of a process.
final class TunnelCounts: Sendable {
    private let current = Atomic(0)
    private let all = Atomic(0)
    private let up = Atomic(0)
    private let down = Atomic(0)

    func opened() {
        self.current.wrappingAdd(1, ordering: .relaxed)
        self.all.wrappingAdd(1, ordering: .relaxed)
    }

    func closed() { self.current.wrappingSubtract(1, ordering: .relaxed) }

    func moved(up: Int, down: Int) {
        self.up.wrappingAdd(up, ordering: .relaxed)
        self.down.wrappingAdd(down, ordering: .relaxed)
    }

    var statistics: TunnelStatistics {
        TunnelStatistics(
            open: self.current.load(ordering: .relaxed), total: self.all.load(ordering: .relaxed),
            bytesFromClients: self.up.load(ordering: .relaxed), bytesFromServers: self.down.load(ordering: .relaxed))
    }
}

/// Tunnels of a proxy (P-56).
public struct TunnelStatistics: Sendable, Hashable {
    /// Those that are open.
    public var open = 0
    /// Those that were opened.
    public var total = 0
    /// Bytes that clients sent through them, up to a minute late for those that are open.
    public var bytesFromClients = 0
    /// Bytes that servers sent through them.
    public var bytesFromServers = 0
}
