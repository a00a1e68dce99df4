internal import Synchronization
public import struct TeleportHTTP.HTTPDate

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The current `Date`, formatted once a second.
@usableFromInline
final class DateClock: Sendable {
    private let date = Mutex(HTTPDate())

    @usableFromInline
    func now() -> HTTPDate {
        var time = timespec()
        #if os(Linux)
            // Milliseconds of error do not matter to a text that tells seconds, and it costs a third.
            clock_gettime(CLOCK_REALTIME_COARSE, &time)
        #else
            clock_gettime(CLOCK_REALTIME, &time)
        #endif
        let second = Int64(time.tv_sec)
        return self.date.withLock { date in
            date.update(to: second)
            return date
        }
    }
}
