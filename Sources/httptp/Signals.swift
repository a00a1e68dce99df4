import Dispatch
import TeleportSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Calls one closure at the first SIGTERM or SIGINT, a second of which ends the process at once, another one at each
/// SIGUSR1, and a third at each SIGHUP.
final class Signals {
    private var sources: [any DispatchSourceSignal] = []

    /// Returns when the signals are taken.
    init(
        onStop: @escaping @Sendable () -> Void, onReopen: @escaping @Sendable () -> Void,
        onReload: @escaping @Sendable () -> Void
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
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
