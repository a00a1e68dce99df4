import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// SIGINT, SIGTERM and SIGHUP: they end this process, but not before it has cleaned up.
final class Signals: Sendable {
    static let shared = Signals()

    private struct State {
        var action: (@Sendable () -> Void)?
        var hasCome = false
        var isEnding = false
    }

    private let state = Mutex(State())

    /// As long as what it returns lives, a signal cleans up and ends the process with the code that shells expect,
    /// unless ``wait()`` takes it.
    func takeOver() -> [any DispatchSourceSignal] {
        // An output that nobody reads must not end the process before it has cleaned up.
        signal(SIGPIPE, SIG_IGN)
        return [SIGINT, SIGTERM, SIGHUP].map { number in
            #if canImport(Darwin)
                // There a source only watches. Elsewhere this would lose what comes before it is set up; nothing is to be
                // cleaned up by then.
                signal(number, SIG_IGN)
            #endif
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { self.came(number) }
            source.activate()
            return source
        }
    }

    /// Waits for the first signal, which then ends nothing. A second one does.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isLate = self.state.withLock { state in
                if !state.hasCome { state.action = { continuation.resume() } }
                return state.hasCome
            }
            if isLate { continuation.resume() }
        }
    }

    /// Waits for the end if a signal is about to bring it: what fails for that reason is no news.
    func letEnd() async {
        guard self.state.withLock({ $0.isEnding }) else { return }
        while true { try? await Task.sleep(for: .seconds(60)) }
    }

    private func came(_ number: CInt) {
        let action = self.state.withLock { state in
            defer {
                state.isEnding = state.action == nil
                state.action = nil
                state.hasCome = true
            }
            return state.action
        }
        if let action { return action() }
        Cleanup.shared.run()
        exit(128 + number)
    }
}
