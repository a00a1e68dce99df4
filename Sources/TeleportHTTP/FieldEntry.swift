/// Where one field stands in the buffer of its ``Fields``: 16 bytes without references, so an array of them is one
/// allocation and copies as plain memory. Offsets count from the buffer's reader index.
///
/// A canonical name need not stand in the buffer, nor does a value of the ``ValueTable``: `Fields.withName` and
/// `Fields.withValue` know where to look.
@usableFromInline
struct FieldEntry: Sendable {
    @usableFromInline var nameStart: UInt32
    /// Of a value of the ``ValueTable`` its number there.
    @usableFromInline var valueStart: UInt32
    @usableFromInline var valueLength: UInt32
    @usableFromInline var nameLength: UInt16
    /// The ``FieldName/id``, 0 if the name is not a well-known one.
    @usableFromInline var nameID: UInt8
    @usableFromInline var flags: UInt8

    /// The name is well known and spelled canonically.
    static let canonicalName: UInt8 = 1
    /// The buffer holds exactly `name: value` and a line end here, so the line can be copied as it is.
    static let verbatimLine: UInt8 = 2
    /// The value is one of the ``ValueTable`` and not in the buffer.
    static let tableValue: UInt8 = 4
    /// The value came apart from its head, so that no history holds it, and is to be sent on in the same way.
    static let secretValue: UInt8 = 8

    @inline(__always) var isCanonical: Bool { flags & Self.canonicalName != 0 }
    @inline(__always) var isVerbatim: Bool { flags & Self.verbatimLine != 0 }
    @inline(__always) var hasTableValue: Bool { flags & Self.tableValue != 0 }
    @inline(__always) var isSecret: Bool { flags & Self.secretValue != 0 }
    @inline(__always) var nameEnd: Int { Int(nameStart) &+ Int(nameLength) }
    /// The end of a value that stands in the buffer.
    @inline(__always) var valueEnd: Int { Int(valueStart) &+ Int(valueLength) }
    /// The end of the line, if it is verbatim.
    @inline(__always) var lineEnd: Int { valueEnd &+ 2 }
    /// Bytes of the line when it is written.
    @inline(__always) var lineLength: Int { Int(nameLength) &+ Int(valueLength) &+ 4 }
}
