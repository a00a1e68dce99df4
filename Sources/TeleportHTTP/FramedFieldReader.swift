import struct NIOCore.ByteBuffer

/// Reads the fields of a head or trailer section of protocol v1 (V1-63) into entries.
struct FramedFieldReader {
    /// Over the head.
    var cursor: HeadCursor
    /// Over the secret values, which stand behind the head in the same bytes.
    private var secrets: HeadCursor
    /// What `Content-Length` says, if there is one.
    private(set) var contentLength: Int?
    // Held here because each look at a global costs a call.
    private let names = NameTable.shared
    private let values = ValueTable.shared

    /// - Parameters:
    ///   - end: Where the head ends and the secret values begin.
    ///   - secretEnd: Where those end.
    init(to end: Int, secretsTo secretEnd: Int) {
        cursor = HeadCursor(from: 0, to: end)
        secrets = HeadCursor(from: end, to: secretEnd)
    }

    /// Reads all fields, behind which the head and the secret values must end.
    ///
    /// - Parameters:
    ///   - host: Where the value stands of a `Host` that is to come before them.
    ///   - forbidden: Ids of names that are not accepted.
    ///   - maxCount: The most entries, `Host` included.
    @inline(__always)
    mutating func fields(
        _ bytes: RawSpan, behindHost host: Range<Int>? = nil, forbidden: FieldSet, maxCount: Int
    ) throws(HTTPError) -> [FieldEntry] {
        let count = try cursor.varint(bytes)
        // Each field has at least one byte: so no memory is taken for what cannot come.
        guard count <= cursor.left else { throw HTTPError(.malformedHead) }
        let total = count &+ (host == nil ? 0 : 1)
        guard total <= maxCount else { throw HTTPError(.tooManyFields) }
        var entries: [FieldEntry] = []
        entries.reserveCapacity(total)
        if let host { entries.append(hostEntry(host)) }
        for _ in 0..<count {
            entries.append(try field(bytes, forbidden))
        }
        guard cursor.isAtEnd else { throw HTTPError(.malformedHead) }
        guard secrets.isAtEnd else { throw HTTPError(.secretsMismatch) }
        return entries
    }

    private func hostEntry(_ host: Range<Int>) -> FieldEntry {
        FieldEntry(
            nameStart: 0, valueStart: UInt32(truncatingIfNeeded: host.lowerBound),
            valueLength: UInt32(truncatingIfNeeded: host.count), nameLength: names.length(of: FieldID.host),
            nameID: FieldID.host, flags: FieldEntry.canonicalName)
    }

    @inline(__always)
    private mutating func field(_ bytes: RawSpan, _ forbidden: FieldSet) throws(HTTPError) -> FieldEntry {
        let mark = try cursor.byte(bytes)
        var entry = FieldEntry(
            nameStart: 0, valueStart: 0, valueLength: 0, nameLength: 0, nameID: mark & FramedField.number, flags: 0)
        if entry.nameID == 0 {
            try literalName(bytes, &entry)
        } else {
            guard entry.nameID <= FieldID.lastInTable else { throw HTTPError(.invalidFieldName) }
            entry.nameLength = names.length(of: entry.nameID)
            entry.flags = FieldEntry.canonicalName
        }
        if forbidden.contains(entry.nameID) { throw HTTPError(.forbiddenField) }
        let form = mark & ~FramedField.number
        if form == 0 {
            try Self.value(bytes, &cursor, &entry)
        } else {
            try unusualValue(bytes, form, &entry)
        }
        if entry.nameID == FieldID.contentLength { try noteLength(entry, bytes) }
        return entry
    }

    private mutating func literalName(_ bytes: RawSpan, _ entry: inout FieldEntry) throws(HTTPError) {
        let length = try cursor.varint(bytes)
        let start = try cursor.skip(length)
        let match = names.find(bytes, from: start, to: start &+ length)
        guard match.id != 0 || ByteScan.isToken(bytes, from: start, to: start &+ length),
            length <= Int(UInt16.max)
        else { throw HTTPError(.invalidFieldName) }
        entry.nameID = match.id
        entry.nameStart = UInt32(truncatingIfNeeded: start)
        entry.nameLength = UInt16(truncatingIfNeeded: length)
        entry.flags = match.isCanonical ? FieldEntry.canonicalName : 0
    }

    /// A length and the bytes, from the head or from the secret values.
    @inline(__always)
    private static func value(
        _ bytes: RawSpan, _ cursor: inout HeadCursor, _ entry: inout FieldEntry
    ) throws(HTTPError) {
        let length = try cursor.varint(bytes)
        let start = try cursor.skip(length)
        let end = start &+ length
        guard ByteScan.lineStop(bytes, from: start, to: end) == end else { throw HTTPError(.invalidFieldValue) }
        if length > 0,
            ASCII.isBlank(ByteScan.byte(bytes, start)) || ASCII.isBlank(ByteScan.byte(bytes, end &- 1))
        {
            throw HTTPError(.invalidFieldValue, message: "A field value must not begin or end with a blank.")
        }
        entry.valueStart = UInt32(truncatingIfNeeded: start)
        entry.valueLength = UInt32(truncatingIfNeeded: length)
    }

    private mutating func unusualValue(
        _ bytes: RawSpan, _ form: UInt8, _ entry: inout FieldEntry
    ) throws(HTTPError) {
        switch form {
        case FramedField.tableValue:
            let number = try cursor.byte(bytes)
            guard Int(number) < values.count else { throw HTTPError(.invalidFieldValue) }
            entry.valueStart = UInt32(number)
            entry.valueLength = values.length(of: number)
            entry.flags |= FieldEntry.tableValue
        case FramedField.secret:
            guard !secrets.isAtEnd else { throw HTTPError(.secretsMismatch) }
            try Self.value(bytes, &secrets, &entry)
            entry.flags |= FieldEntry.secretValue
        default:
            throw HTTPError(.malformedHead)
        }
    }

    private mutating func noteLength(_ entry: FieldEntry, _ bytes: RawSpan) throws(HTTPError) {
        guard contentLength == nil else { throw HTTPError(.duplicateContentLength) }
        let length = Fields.withValue(of: entry, in: bytes) { value in
            ByteScan.decimal(value, from: 0, to: value.byteCount)
        }
        guard let length else { throw HTTPError(.invalidContentLength) }
        contentLength = length
    }
}
