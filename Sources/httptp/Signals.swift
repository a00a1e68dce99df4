import Dispatch
import TeleportSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Calls one closure at the first SIGTERM or SIGINT, a second of which ends the process at once, and others at each SIGUSR1,
/// SIGHUP and SIGUSR2.
final class Signals {
    private var sources: [any DispatchSourceSignal] = []

    /// Returns when the signals are taken.
    init(
        onStop: @escaping @Sendable () -> Void, onReopen: @escaping @Sendable () -> Void,
        onReload: @escaping @Sendable () -> Void, onRestart: @escaping @Sendable () -> Void
    ) async {
        SignalSource.ignoreBrokenPipes()
        for number in [SIGTERM, SIGINT] {
            self.sources.append(
                await SignalSource.take(number) {
                    signal(number, SIG_DFL)
                    onStop()
                })
        }
        self.sources.append(await SignalSource.take(SIGUSR1, onReopen))
        self.sources.append(await SignalSource.take(SIGHUP, onReload))
        self.sources.append(await SignalSource.take(SIGUSR2, onRestart))
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
