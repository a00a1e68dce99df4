import Dispatch
import TeleportSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Calls one closure at the first SIGTERM or SIGINT, a second of which ends the process at once, and another one at each
/// SIGUSR1.
final class Signals {
    private var sources: [any DispatchSourceSignal] = []

    /// Returns when the signals are taken.
    init(onStop: @escaping @Sendable () -> Void, onReopen: @escaping @Sendable () -> Void) async {
        SignalSource.ignoreBrokenPipes()
        for number in [SIGTERM, SIGINT] {
            self.sources.append(
                await SignalSource.take(number) {
                    signal(number, SIG_DFL)
                    onStop()
                })
        }
        self.sources.append(await SignalSource.take(SIGUSR1, onReopen))
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
