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

    init(onStop: @escaping @Sendable () -> Void, onReopen: @escaping @Sendable () -> Void) {
        // A client that is gone must not end the process either.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGTERM, SIGINT] {
            self.handle(number) {
                signal(number, SIG_DFL)
                onStop()
            }
        }
        self.handle(SIGUSR1, onReopen)
    }

    private func handle(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: body)
        source.activate()
        self.sources.append(source)
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
