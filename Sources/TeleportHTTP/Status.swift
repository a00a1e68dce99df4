/// A response status: a number from 100 to 599 (RFC 9110 §15).
public struct Status: Hashable, Sendable, CustomStringConvertible {
    /// The number, 100 to 599.
    public let code: UInt16

    @inlinable
    init(unchecked code: UInt16) {
        self.code = code
    }

    /// The status with that number; `nil` outside 100 to 599.
    public init?(code: Int) {
        guard 100...599 ~= code else { return nil }
        self.code = UInt16(code)
    }

    public var description: String {
        reasonPhrase.isEmpty ? "\(code)" : "\(code) \(reasonPhrase)"
    }

    /// 1xx: not the final answer, except 101.
    @inlinable public var isInformational: Bool { code < 200 }
    /// 2xx
    @inlinable public var isSuccessful: Bool { 200...299 ~= code }

    /// Whether a response with this status never has a body: 1xx, 204 and 304 (RFC 9110 §6.4.1).
    @inlinable public var forbidsBody: Bool { code < 200 || code == 204 || code == 304 }

    /// The reason phrase that the registry gives this status, or an empty string.
    public var reasonPhrase: String { standardReason.description }
}

extension Status: ExpressibleByIntegerLiteral {
    /// A status as a literal in the source, `404`. A literal outside 100 to 599 is a programmer's mistake and traps; use
    /// ``init(code:)`` for anything computed.
    public init(integerLiteral value: UInt16) {
        precondition(100...599 ~= value, "a status is 100 to 599")
        code = value
    }
}
