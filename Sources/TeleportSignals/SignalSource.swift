public import Dispatch

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A signal that does what a program says instead of what signals do. For executables: a process has each signal once.
public enum SignalSource {
    /// Takes a signal over. Returns when it is taken: what comes later is not lost, and what came before had its usual
    /// effect.
    ///
    /// - Parameters:
    ///   - number: which one, such as `SIGTERM`.
    ///   - body: called at each, on a thread of Dispatch's.
    /// - Returns: what has to be kept for as long as the signal is to be taken.
    public static func take(
        _ number: CInt, _ body: @escaping @Sendable () -> Void
    ) async -> any DispatchSourceSignal {
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler(handler: body)
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
        return source
    }

    /// Has a write to a peer that is gone fail, instead of ending the process.
    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}
