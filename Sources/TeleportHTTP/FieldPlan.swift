import struct NIOCore.ByteBuffer

/// What becomes of the fields of one head when it is written: found in one pass over plain entries, before a byte is.
///
/// It does not copy, so that passing it on and capturing it counts no references.
struct FieldPlan: ~Copyable {
    /// Upper bound of what the fields take.
    private(set) var bytes = 0
    private(set) var hostCount = 0
    private(set) var hasDate = false
    /// Whether the `Content-Length` of the fields passes.
    private(set) var keepsLength = false
    private var dropped: FieldSet
    /// Names without an id that are left out.
    private let droppedNames: [FieldName]?
    /// Names without an id have to be compared with `Connection`.
    private var comparesNominated = false

    /// - Parameter keepsLength: Whether a `Content-Length` passes, if there is just one and it is a number.
    @inline(__always)
    init(_ fields: Fields, filter: FieldFilter, keepsLength: Bool = false) {
        droppedNames = filter.names
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
        self.keepsLength = keepsLength && lengthCount == 1 && FieldPlan.hasNumericLength(fields)
        if !self.keepsLength { dropped.insert(FieldID.contentLength) }
        if filter.followsConnection, seen.contains(FieldID.connection) {
            comparesNominated = filter.addNominated(by: fields, to: &dropped)
        }
        hasDate = seen.contains(FieldID.date) && !dropped.contains(FieldID.date)
    }

    private static func hasNumericLength(_ fields: Fields) -> Bool {
        fields.withValue(.contentLength) { ByteScan.decimal($0.bytes, from: 0, to: $0.count) != nil } ?? false
    }

    /// Throws `tooManyFields` if more than `maxCount` lines would be written, `lines` of them on top of the fields.
    func check(_ fields: Fields, andLines lines: Int, maxCount: Int) throws(HTTPError) {
        // Nearly always it is clear without a look at each of them.
        guard fields.entries.count + lines > maxCount else { return }
        let source = fields.buffer.readableBytesSpan
        var count = lines
        for entry in fields.entries where !drops(entry, of: fields.entries, source) { count += 1 }
        guard count <= maxCount else { throw HTTPError(.tooManyFields) }
    }

    /// Leaves out one more.
    mutating func drop(_ id: UInt8) {
        dropped.insert(id)
    }

    /// Writes the fields that stay. Lines that stand side by side in the buffer, as parsed ones do, go in one copy.
    func write(_ fields: Fields, to writer: inout HeadWriter) {
        let source = fields.buffer.readableBytesSpan
        var runStart = 0
        var runEnd = 0
        for entry in fields.entries where !drops(entry, of: fields.entries, source) {
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
                if entry.isCanonical {
                    NameTable.shared.withLineStart(of: entry.nameID) { writer.write($0) }
                } else {
                    writer.write(source, from: Int(entry.nameStart), to: entry.nameEnd)
                    writer.write(": ")
                }
                Fields.withValue(of: entry, in: source) { writer.write($0) }
                writer.write("\r\n")
            }
        }
        writer.write(source, from: runStart, to: runEnd)
    }

    /// Whether the field is left out.
    @inline(__always)
    func drops(_ entry: FieldEntry, of entries: [FieldEntry], _ source: RawSpan) -> Bool {
        if entry.nameID != 0 { return dropped.contains(entry.nameID) }
        guard comparesNominated || droppedNames != nil else { return false }
        return dropsByName(entry, of: entries, source)
    }

    private func dropsByName(_ entry: FieldEntry, of entries: [FieldEntry], _ source: RawSpan) -> Bool {
        for name in droppedNames ?? [] where Fields.entry(entry, in: source, isNamed: 0, name.literal.utf8.span.bytes) {
            return true
        }
        guard comparesNominated else { return false }
        return Fields.withName(of: entry, in: source) { name in
            entries.contains { nominator in
                guard nominator.nameID == FieldID.connection else { return false }
                return Fields.withValue(of: nominator, in: source) { FieldPlan.list($0, names: name) }
            }
        }
    }

    private static func list(_ list: RawSpan, names name: RawSpan) -> Bool {
        var members = ListMembers(from: 0, to: list.byteCount)
        while let (first, last) = members.next(in: list) {
            if last - first == name.byteCount,
                ByteScan.equalIgnoringCase(list, at: first, name, at: 0, count: name.byteCount)
            {
                return true
            }
        }
        return false
    }
}
