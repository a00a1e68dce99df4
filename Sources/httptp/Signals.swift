import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Calls one closure at the first SIGTERM or SIGINT, a second of which ends the process at once, and another one at each
/// SIGUSR1.
final class Signals {
    private var sources: [any DispatchSourceSignal] = []

    /// Returns when the signals are taken: what comes later is not lost, and what came before had its usual effect.
    init(onStop: @escaping @Sendable () -> Void, onReopen: @escaping @Sendable () -> Void) async {
        // A client that is gone must not end the process either.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGTERM, SIGINT] {
            await self.handle(number) {
                signal(number, SIG_DFL)
                onStop()
            }
        }
        await self.handle(SIGUSR1, onReopen)
    }

    private func handle(_ number: Int32, _ body: @escaping @Sendable () -> Void) async {
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: body)
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

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
