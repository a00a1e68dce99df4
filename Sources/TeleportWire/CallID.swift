/// The number that ties an answer to its call on one connection (rules V0-7 to V0-9).
///
/// Ids rise by one a call and wrap after 2³²−1; at a million calls a second that is every 72 minutes, so ids are
/// compared by serial-number arithmetic (RFC 1982), never by `<`.
public struct CallID: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The id of a one-way message: the handler runs and nothing is answered. Never given to a call.
    public static let oneWay = CallID(rawValue: 0)

    /// The id of the first call on a connection.
    public static let first = CallID(rawValue: 1)

    /// The id after this one; skips 0.
    @inlinable
    public var next: CallID {
        let sum = self.rawValue &+ 1
        return CallID(rawValue: sum == 0 ? 1 : sum)
    }

    /// Whether this id was given out before `other`, as long as the two lie within 2³¹ calls of each other.
    @inlinable
    public func precedes(_ other: CallID) -> Bool {
        Int32(bitPattern: self.rawValue &- other.rawValue) < 0
    }
}

extension CallID: CustomStringConvertible {
    public var description: String { String(self.rawValue) }
}
