import struct NIOCore.ByteBuffer

/// The text of an entry: in the buffer of its fields or in one of the tables.
extension Fields {
    /// Calls `body` with the name as it is spelled.
    @inline(__always)
    static func withName<R, E: Error>(
        of entry: FieldEntry, in bytes: RawSpan, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        if entry.isCanonical { return try NameTable.shared.withSpelling(of: entry.nameID, body) }
        return try body(bytes.extracting(Int(entry.nameStart)..<entry.nameEnd))
    }

    /// Calls `body` with the value.
    @inline(__always)
    static func withValue<R, E: Error>(
        of entry: FieldEntry, in bytes: RawSpan, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        if entry.hasTableValue {
            return try ValueTable.shared.withValue(UInt8(truncatingIfNeeded: entry.valueStart), body)
        }
        return try body(bytes.extracting(Int(entry.valueStart)..<entry.valueEnd))
    }

    /// The value; shares the buffer if it stands there.
    func valueBytes(of entry: FieldEntry) -> ByteBuffer {
        guard entry.hasTableValue else { return slice(Int(entry.valueStart), Int(entry.valueLength)) }
        return Fields.withValue(of: entry, in: buffer.readableBytesSpan) { value in
            value.withUnsafeBytes { ByteBuffer(bytes: $0) }
        }
    }
}
