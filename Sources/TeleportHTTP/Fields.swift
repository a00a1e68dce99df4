public import struct NIOCore.ByteBuffer

/// The fields of a head or a trailer section, in order, duplicates and spelling kept.
///
/// **Ownership.** All names and values stand in one `ByteBuffer`, except those that protocol v1 knows by number, with one
/// array of plain entries that say where. Fields that were parsed share the buffer they were received in and keep that
/// whole block alive: hold on to ``detached()`` instead if they outlive the message. Adding a field writes to the buffer,
/// which copies it first if it is shared; removing one only drops its entry.
///
/// **Rules.** Every name is a token and no value holds CR, LF, NUL or another control character (a tab may stand inside)
/// or begins or ends with a blank: parsing and ``append(_:_:)`` see to it, and encoders rely on it.
public struct Fields: Sendable {
    @usableFromInline
    var buffer: ByteBuffer
    @usableFromInline
    var entries: [FieldEntry]

    @inlinable
    init(buffer: ByteBuffer, entries: [FieldEntry]) {
        self.buffer = buffer
        self.entries = entries
    }

    /// No fields. Allocates nothing.
    @inlinable
    public init() {
        self.init(buffer: ByteBuffer(), entries: [])
    }

    /// No fields yet, in a buffer that begins with other text, so that a small head is one buffer.
    init(behind text: String, reserving capacity: Int) {
        self.init()
        buffer.reserveCapacity(text.utf8.count + capacity)
        buffer.writeString(text)
    }

    /// Fields in the order given.
    ///
    /// - Throws: ``HTTPError`` as ``append(_:_:)`` does.
    public init(_ pairs: some Sequence<(FieldName, String)>) throws(HTTPError) {
        self.init()
        for (name, value) in pairs {
            try append(name, value)
        }
    }

    /// The number of fields; each line of a repeated name counts.
    @inlinable
    public var count: Int { entries.count }

    /// Whether there is no field.
    @inlinable
    public var isEmpty: Bool { entries.isEmpty }

    /// Adds a field at the end, also if there is one of that name.
    ///
    /// - Throws: ``HTTPError/Code/invalidFieldName`` if the name is not a token, ``HTTPError/Code/invalidFieldValue`` if
    ///   the value contains a control character or begins or ends with a blank. Nothing is added then.
    public mutating func append(_ name: FieldName, _ value: String) throws(HTTPError) {
        let utf8 = value.utf8.span
        try append(name, utf8.bytes)
    }

    /// Adds a field whose value need not be text in UTF-8.
    ///
    /// - Throws: As ``append(_:_:)``.
    public mutating func append(_ name: FieldName, bytes value: ByteBuffer) throws(HTTPError) {
        try append(name, value.readableBytesSpan)
    }

    /// Replaces all fields of that name by one, which stands where the first of them stood, or at the end.
    ///
    /// - Throws: As ``append(_:_:)``; nothing is changed then.
    public mutating func set(_ name: FieldName, _ value: String) throws(HTTPError) {
        let place = firstIndex(of: name)
        try append(name, value)
        guard let place else { return }
        let entry = entries.removeLast()
        removeEntries(name)
        entries.insert(entry, at: place)
        compactIfMostlyDead()
    }

    /// Removes all fields of that name and returns how many there were.
    @discardableResult
    public mutating func remove(_ name: FieldName) -> Int {
        let removed = removeEntries(name)
        if removed > 0 { compactIfMostlyDead() }
        return removed
    }

    /// A copy in a buffer of its own, no larger than needed.
    public func detached() -> Fields {
        var copy = ByteBuffer()
        copy.reserveCapacity(minimumWritableBytes: lineBytes)
        return copied(behind: copy)
    }

    /// The same fields with their lines appended to `destination`, which they then share.
    func copied(behind destination: ByteBuffer) -> Fields {
        var buffer = destination
        var copies: [FieldEntry] = []
        copies.reserveCapacity(entries.count)
        let source = self.buffer.readableBytesSpan
        for entry in entries {
            let copy = Fields.withName(of: entry, in: source) { name in
                Fields.withValue(of: entry, in: source) { value in
                    Fields.write(
                        nameID: entry.nameID, flags: entry.flags & ~FieldEntry.tableValue, name: name, value: value,
                        to: &buffer)
                }
            }
            copies.append(copy)
        }
        return Fields(buffer: buffer, entries: copies)
    }

    /// What all lines take when written.
    var lineBytes: Int {
        entries.reduce(0) { $0 + $1.lineLength }
    }

    private mutating func append(_ name: FieldName, _ value: RawSpan) throws(HTTPError) {
        let size = value.byteCount
        guard ByteScan.lineStop(value, from: 0, to: size) == size else { throw HTTPError(.invalidFieldValue) }
        if size > 0, ASCII.isBlank(ByteScan.byte(value, 0)) || ASCII.isBlank(ByteScan.byte(value, size - 1)) {
            throw HTTPError(.invalidFieldValue, message: "A field value must not begin or end with a blank.")
        }
        try name.withSpelling { (spelling) throws(HTTPError) in
            guard spelling.byteCount <= Int(UInt16.max),
                name.id != 0 || ByteScan.isToken(spelling, from: 0, to: spelling.byteCount)
            else { throw HTTPError(.invalidFieldName) }
            // Entries count in 32 bits.
            guard buffer.readableBytes + spelling.byteCount + size + 4 <= Int(UInt32.max) else {
                throw HTTPError(.headTooLarge)
            }
            entries.append(
                Fields.write(
                    nameID: name.id, flags: name.id == 0 ? 0 : FieldEntry.canonicalName,
                    name: spelling, value: value, to: &buffer))
        }
    }

    /// Appends the line `name: value` to `buffer` and says where it stands.
    private static func write(
        nameID: UInt8, flags: UInt8, name: RawSpan, value: RawSpan, to buffer: inout ByteBuffer
    ) -> FieldEntry {
        let start = buffer.readableBytes
        buffer.writeBytes(name)
        buffer.writeStaticString(": ")
        buffer.writeBytes(value)
        buffer.writeStaticString("\r\n")
        return FieldEntry(
            nameStart: UInt32(start),
            valueStart: UInt32(start + name.byteCount + 2),
            valueLength: UInt32(value.byteCount),
            nameLength: UInt16(name.byteCount),
            nameID: nameID,
            flags: flags | FieldEntry.verbatimLine)
    }

    @discardableResult
    private mutating func removeEntries(_ name: FieldName) -> Int {
        let before = entries.count
        let buffer = self.buffer
        name.withSpelling { spelling in
            let bytes = buffer.readableBytesSpan
            entries.removeAll { Fields.entry($0, in: bytes, isNamed: name.id, spelling) }
        }
        return before - entries.count
    }

    /// Keeps a head whose fields are replaced again and again from growing for ever.
    private mutating func compactIfMostlyDead() {
        if buffer.readableBytes > 1024 + 2 * lineBytes { self = detached() }
    }
}

extension Fields: ExpressibleByDictionaryLiteral {
    /// Fields as a literal in the source: `["Host": "example.org", "Accept": "*/*"]`.
    ///
    /// A literal that breaks the rules of ``append(_:_:)`` is a mistake of the programmer and traps. Use that method, or
    /// ``init(_:)``, for anything computed.
    public init(dictionaryLiteral elements: (FieldName, String)...) {
        do {
            try self.init(elements)
        } catch {
            preconditionFailure("Fields literal: \(error)")
        }
    }
}
