/// Why a v1 stream or connection ended (rule V1-80).
public struct ErrorCode: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// A drain; or the rest of a request is not wanted.
    public static let noError = ErrorCode(rawValue: 0)

    // Streams.

    /// The caller gave up.
    public static let cancelled = ErrorCode(rawValue: 1)
    /// Not executed; may be sent elsewhere.
    public static let refused = ErrorCode(rawValue: 2)
    /// Not executed; try later.
    public static let overloaded = ErrorCode(rawValue: 3)
    /// Its time is over.
    public static let deadline = ErrorCode(rawValue: 4)
    /// The side that says so is at fault.
    public static let `internal` = ErrorCode(rawValue: 5)
    /// A rule that concerns one stream was broken.
    public static let `protocol` = ErrorCode(rawValue: 6)
    /// A head, fields or a length are malformed.
    public static let malformed = ErrorCode(rawValue: 7)
    /// Data was left unread for too long.
    public static let slow = ErrorCode(rawValue: 8)
    /// A body is over a limit.
    public static let tooLarge = ErrorCode(rawValue: 9)

    // Connections.

    /// Section 2, blocks.
    public static let block = ErrorCode(rawValue: 16)
    /// Section 3, frames.
    public static let frame = ErrorCode(rawValue: 17)
    /// SETTINGS missing, twice, or not allowed.
    public static let settings = ErrorCode(rawValue: 18)
    /// A frame that its stream has no place for.
    public static let stream = ErrorCode(rawValue: 19)
    /// More data than credit, or credit that cannot be.
    public static let credit = ErrorCode(rawValue: 20)
    /// A sensitive frame touched a history.
    public static let secret = ErrorCode(rawValue: 21)
    /// Too many frames that cost more than they say.
    public static let abuse = ErrorCode(rawValue: 22)
    /// A PING was not answered.
    public static let timeout = ErrorCode(rawValue: 23)

    private static let names: [UInt16: String] = [
        0: "NO_ERROR", 1: "CANCELLED", 2: "REFUSED", 3: "OVERLOADED", 4: "DEADLINE", 5: "INTERNAL", 6: "PROTOCOL",
        7: "MALFORMED", 8: "SLOW", 9: "TOO_LARGE", 16: "BLOCK", 17: "FRAME", 18: "SETTINGS", 19: "STREAM", 20: "CREDIT",
        21: "SECRET", 22: "ABUSE", 23: "TIMEOUT",
    ]
}

extension ErrorCode: CustomStringConvertible {
    /// The name that the specification gives it.
    public var description: String { Self.names[self.rawValue] ?? "INTERNAL (\(self.rawValue))" }
}
