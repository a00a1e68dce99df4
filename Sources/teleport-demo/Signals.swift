import Dispatch
import Synchronization
import TeleportSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Takes SIGINT, SIGTERM and SIGHUP, so that nothing is left running. Cleaning up takes little more than two seconds at
/// most; what is sent meanwhile changes nothing.
final class Signals {
    /// What the signals' own threads may touch.
    private final class Notice: Sendable {
        struct State {
            var received: CInt?
            var action: (@Sendable () -> Void)?
        }

        let state = Mutex(State())

        func came(_ number: CInt) {
            let action = self.state.withLock { state in
                guard state.received == nil else { return nil as (@Sendable () -> Void)? }
                state.received = number
                return state.action
            }
            action?()
        }
    }

    private let notice = Notice()
    private var sources: [any DispatchSourceSignal] = []

    /// Returns when the signals are taken.
    init() async {
        SignalSource.ignoreBrokenPipes()
        for number in [SIGINT, SIGTERM, SIGHUP] {
            self.sources.append(await SignalSource.take(number) { [notice] in notice.came(number) })
        }
    }

    /// The signal that came first, if one came.
    var received: CInt? { self.notice.state.withLock { $0.received } }

    /// Calls `action` at the first signal; at once if it came already.
    func onFirst(_ action: @escaping @Sendable () -> Void) {
        let isLate = self.notice.state.withLock { state in
            state.action = action
            return state.received != nil
        }
        if isLate { action() }
    }
}
