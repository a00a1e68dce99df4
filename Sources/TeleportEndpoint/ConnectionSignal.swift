/// What a caller or a handler has to tell the loop of its connection.
///
/// Not nested in the generic types that use it: in code that is not specialised each look at a flag would go through
/// witness tables.
@usableFromInline
struct ConnectionSignal: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @inlinable
    init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable static var flush: ConnectionSignal { ConnectionSignal(rawValue: 1) }
    /// The batch is full: do not wait for the delay.
    @inlinable static var flushNow: ConnectionSignal { ConnectionSignal(rawValue: 2) }
    /// A client's connection has an earlier deadline.
    @inlinable static var deadlineMoved: ConnectionSignal { ConnectionSignal(rawValue: 4) }
    /// Nothing is under way on a client's connection that takes no new calls.
    @inlinable static var close: ConnectionSignal { ConnectionSignal(rawValue: 8) }
    /// A server in serial mode: the next request may be read.
    @inlinable static var resumeReading: ConnectionSignal { ConnectionSignal(rawValue: 16) }
    /// A server gave the last answer that it owed.
    @inlinable static var finish: ConnectionSignal { ConnectionSignal(rawValue: 32) }
    /// An answer could not be encoded in any form: the peer would wait for it for ever.
    @inlinable static var fail: ConnectionSignal { ConnectionSignal(rawValue: 64) }
}
