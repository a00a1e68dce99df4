/// A point in time or a span, in nanoseconds.
///
/// This module reads no clock: whoever drives a machine passes `now`, taken from one monotonic clock for the life of
/// the connection. Only differences matter, so any epoch serves.
public typealias Nanoseconds = UInt64

extension Nanoseconds {
    /// The deadline of a call that has none.
    @inlinable public static var never: Nanoseconds { .max }

    /// `count` milliseconds.
    @inlinable public static func milliseconds(_ count: UInt64) -> Nanoseconds { count * 1_000_000 }

    /// This much later, or at the end of time.
    func adding(_ span: Nanoseconds) -> Nanoseconds {
        let (sum, overflow) = self.addingReportingOverflow(span)
        return overflow ? .max : sum
    }

    /// `count` seconds.
    @inlinable public static func seconds(_ count: UInt64) -> Nanoseconds { count * 1_000_000_000 }
}
