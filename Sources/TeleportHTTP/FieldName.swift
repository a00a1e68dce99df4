/// The name of a field: a token that is compared without regard to case (RFC 9110 §5.1).
///
/// Names that everybody uses have an id, so that finding `.host` compares one byte a field. Any other name is written as
/// a string literal; it keeps its spelling. Making a `FieldName` checks nothing; adding a field does.
public struct FieldName: Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The number of a well-known name, 1 to 63, or 0 for any other. Stable only within one process, apart from those of
    /// V1-67.
    public let id: UInt8
    /// The spelling if `id` is 0, else empty.
    @usableFromInline
    let literal: String

    @inlinable
    init(id: UInt8) {
        self.id = id
        self.literal = ""
    }

    /// The name with this spelling. A well-known name in another case becomes the canonical one.
    public init(_ spelling: String) {
        let utf8 = spelling.utf8.span
        id = NameTable.shared.find(utf8.bytes, from: 0, to: utf8.count).id
        literal = id == 0 ? spelling : ""
    }

    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// The canonical spelling of a well-known name; the given one of any other.
    public var spelling: String {
        id == 0 ? literal : FieldName.spellings[Int(id)].description
    }

    public var description: String { spelling }

    /// Calls `body` with the bytes of the spelling.
    func withSpelling<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        guard id == 0 else { return try NameTable.shared.withSpelling(of: id, body) }
        return try body(literal.utf8.span.bytes)
    }
}

extension FieldName: Hashable {
    public static func == (left: FieldName, right: FieldName) -> Bool {
        guard left.id == right.id else { return false }
        if left.id != 0 { return true }
        let leftBytes = left.literal.utf8.span.bytes
        let rightBytes = right.literal.utf8.span.bytes
        let count = leftBytes.byteCount
        return count == rightBytes.byteCount
            && ByteScan.equalIgnoringCase(leftBytes, at: 0, rightBytes, at: 0, count: count)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        for byte in literal.utf8 {
            hasher.combine(ASCII.lowercased(byte))
        }
    }
}
