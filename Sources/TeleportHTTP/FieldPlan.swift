import struct NIOCore.ByteBuffer

/// What becomes of the fields of one head when it is written: found in one pass over plain entries, before a byte is.
struct FieldPlan {
    /// Upper bound of what the fields take.
    private(set) var bytes = 0
    private(set) var hostCount = 0
    private(set) var hasDate = false
    private var dropped: FieldSet
    private let filter: FieldFilter
    /// Names without an id have to be compared with `Connection`.
    private var comparesNominated = false

    /// - Parameter keepsLength: Whether a `Content-Length` passes, if there is just one and it is a number.
    init(_ fields: Fields, filter: FieldFilter, keepsLength: Bool = false) {
        self.filter = filter
        dropped = filter.ids
        dropped.insert(FieldID.transferEncoding)
        var seen = FieldSet()
        var lengthCount = 0
        for entry in fields.entries {
            bytes &+= entry.lineLength
            seen.insert(entry.nameID)
            if entry.nameID == FieldID.host { hostCount &+= 1 }
            if entry.nameID == FieldID.contentLength { lengthCount &+= 1 }
        }
        if !keepsLength || lengthCount != 1 || !FieldPlan.hasNumericLength(fields) {
            dropped.insert(FieldID.contentLength)
        }
        if filter.followsConnection, seen.contains(FieldID.connection) {
            comparesNominated = FieldFilter.addNominated(by: fields, to: &dropped)
        }
        hasDate = seen.contains(FieldID.date) && !dropped.contains(FieldID.date)
    }

    private static func hasNumericLength(_ fields: Fields) -> Bool {
        fields.withValue(.contentLength) { value in
            !value.isEmpty && value.allSatisfy { 0x30...0x39 ~= $0 }
        } ?? false
    }

    /// Throws `tooManyFields` if more than `maxCount` lines would be written, `lines` of them on top of the fields.
    func check(_ fields: Fields, andLines lines: Int, maxCount: Int) throws(HTTPError) {
        // Nearly always it is clear without a look at each of them.
        guard fields.entries.count + lines > maxCount else { return }
        let source = fields.buffer.readableBytesSpan
        var count = lines
        for entry in fields.entries where !drops(entry, of: fields, source) { count += 1 }
        guard count <= maxCount else { throw HTTPError(.tooManyFields) }
    }

    /// Writes the fields that stay. Lines that stand side by side in the buffer, as parsed ones do, go in one copy.
    func write(_ fields: Fields, to writer: inout HeadWriter) {
        let source = fields.buffer.readableBytesSpan
        var runStart = 0
        var runEnd = 0
        for entry in fields.entries where !drops(entry, of: fields, source) {
            if entry.isVerbatim {
                if Int(entry.nameStart) != runEnd {
                    writer.write(source, from: runStart, to: runEnd)
                    runStart = Int(entry.nameStart)
                }
                runEnd = entry.lineEnd
            } else {
                writer.write(source, from: runStart, to: runEnd)
                runStart = 0
                runEnd = 0
                writer.write(source, from: Int(entry.nameStart), to: entry.nameEnd)
                writer.write(": ")
                writer.write(source, from: Int(entry.valueStart), to: entry.valueEnd)
                writer.write("\r\n")
            }
        }
        writer.write(source, from: runStart, to: runEnd)
    }

    @inline(__always)
    private func drops(_ entry: FieldEntry, of fields: Fields, _ source: RawSpan) -> Bool {
        if entry.nameID != 0 { return dropped.contains(entry.nameID) }
        guard comparesNominated || !filter.names.isEmpty else { return false }
        return dropsByName(entry, of: fields, source)
    }

    private func dropsByName(_ entry: FieldEntry, of fields: Fields, _ source: RawSpan) -> Bool {
        for name in filter.names where Fields.entry(entry, in: source, isNamed: 0, name.literal.utf8.span.bytes) {
            return true
        }
        guard comparesNominated else { return false }
        let start = Int(entry.nameStart)
        let length = Int(entry.nameLength)
        for nominator in fields.entries where nominator.nameID == FieldID.connection {
            var members = ListMembers(from: Int(nominator.valueStart), to: nominator.valueEnd)
            while let (first, last) = members.next(in: source) {
                if last - first == length,
                    ByteScan.equalIgnoringCase(source, at: first, source, at: start, count: length)
                {
                    return true
                }
            }
        }
        return false
    }
}
