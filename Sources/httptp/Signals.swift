import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Calls a closure at the first SIGTERM or SIGINT; a second one ends the process at once.
final class Signals {
    private var sources: [any DispatchSourceSignal] = []

    init(onStop: @escaping @Sendable () -> Void) {
        // A client that is gone must not end the process either.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                signal(number, SIG_DFL)
                onStop()
            }
            source.activate()
            self.sources.append(source)
        }
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}
