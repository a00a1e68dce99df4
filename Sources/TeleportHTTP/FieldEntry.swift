/// Where one field stands in the buffer of its ``Fields``: 16 bytes without references, so an array of them is one
/// allocation and copies as plain memory. Offsets count from the buffer's reader index.
@usableFromInline
struct FieldEntry: Sendable {
    @usableFromInline var nameStart: UInt32
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

    @inline(__always) var isVerbatim: Bool { flags & Self.verbatimLine != 0 }
    @inline(__always) var nameEnd: Int { Int(nameStart) &+ Int(nameLength) }
    @inline(__always) var valueEnd: Int { Int(valueStart) &+ Int(valueLength) }
    /// The end of the line, if it is verbatim.
    @inline(__always) var lineEnd: Int { valueEnd &+ 2 }
    /// Bytes of the line when it is written.
    @inline(__always) var lineLength: Int { Int(nameLength) &+ Int(valueLength) &+ 4 }
}
