import Dispatch
import Synchronization

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
        // An output that nobody reads must not end the process before it has cleaned up.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [notice] in notice.came(number) }
            self.sources.append(source)
            await withCheckedContinuation { continuation in
                // Elsewhere and some time later: a signal that is ignored until then would be lost.
                source.setRegistrationHandler {
                    #if canImport(Darwin)
                        // There a source only watches, beside what a signal does otherwise.
                        signal(number, SIG_IGN)
                    #endif
                    continuation.resume()
                }
                source.activate()
            }
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
