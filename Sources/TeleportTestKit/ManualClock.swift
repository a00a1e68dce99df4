import Synchronization

/// A clock that stands still until a test moves it.
///
/// Machines without I/O take the time as a number; this is where a test gets it from. May be shared between threads.
public final class ManualClock: Sendable {
    private let nanoseconds: Atomic<UInt64>

    /// Makes a clock.
    ///
    /// - Parameter now: Its time, in nanoseconds since nothing in particular.
    public init(now: UInt64 = 0) {
        self.nanoseconds = Atomic(now)
    }

    /// Its time, in nanoseconds.
    public var now: UInt64 { self.nanoseconds.load(ordering: .sequentiallyConsistent) }

    /// Moves it forward.
    ///
    /// - Parameter nanoseconds: By how much. The time stops at the greatest there is.
    /// - Returns: The new time.
    @discardableResult
    public func advance(by nanoseconds: UInt64) -> UInt64 {
        var old = self.now
        while true {
            let (sum, overflow) = old.addingReportingOverflow(nanoseconds)
            let new = overflow ? .max : sum
            let (exchanged, original) = self.nanoseconds.compareExchange(
                expected: old, desired: new, ordering: .sequentiallyConsistent)
            if exchanged {
                return new
            }
            old = original
        }
    }

    /// Moves it forward to a time. Does nothing if that time has passed: a clock never goes back.
    ///
    /// - Parameter time: In nanoseconds.
    public func advance(to time: UInt64) {
        let now = self.now
        if time > now {
            self.advance(by: time - now)
        }
    }
}
