public import struct NIOCore.ByteBuffer

/// Looking fields up. None of it depends on the case of names; only what returns a `String` may allocate.
extension Fields {
    /// The value of the first field of that name as text, `nil` if there is none.
    ///
    /// Bytes that are not UTF-8 become U+FFFD; ``firstBytes(_:)`` has them as they are.
    public func first(_ name: FieldName) -> String? {
        withValue(name) { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of the first field of that name as bytes that share the buffer; `nil` if there is none.
    public func firstBytes(_ name: FieldName) -> ByteBuffer? {
        guard let index = firstIndex(of: name) else { return nil }
        return valueBytes(of: entries[index])
    }

    /// Calls `body` with the bytes of the first value of that name and returns what it returned; `nil` if there is none.
    ///
    /// The pointer is valid only during the call. Nothing is allocated.
    public func withValue<R, E: Error>(
        _ name: FieldName, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R? {
        guard let index = firstIndex(of: name) else { return nil }
        return try Fields.withValue(of: entries[index], in: buffer.readableBytesSpan) { (value) throws(E) in
            try value.withUnsafeBytes(body)
        }
    }

    /// The values of all fields of that name, in order.
    public func all(_ name: FieldName) -> [String] {
        var values: [String] = []
        forEachValue(named: name) { value in
            values.append(ByteScan.string(value, from: 0, to: value.byteCount))
            return true
        }
        return values
    }

    /// Whether there is a field of that name.
    public func contains(_ name: FieldName) -> Bool {
        firstIndex(of: name) != nil
    }

    /// Whether a field of that name, read as a list with commas, has `token` as a member, in any case.
    ///
    /// For names such as `Connection` whose members are plain tokens; quoted strings are not understood.
    public func containsToken(_ name: FieldName, _ token: String) -> Bool {
        var isFound = false
        let wanted = token.utf8.span.bytes
        forEachValue(named: name) { value in
            var members = ListMembers(from: 0, to: value.byteCount)
            while let (start, end) = members.next(in: value) {
                if end - start == wanted.byteCount,
                    ByteScan.equalIgnoringCase(value, at: start, wanted, at: 0, count: end - start)
                {
                    isFound = true
                    return false
                }
            }
            return true
        }
        return isFound
    }

    /// The place of the first field of that name.
    func firstIndex(of name: FieldName) -> Int? {
        if name.id != 0 { return entries.firstIndex { $0.nameID == name.id } }
        let bytes = buffer.readableBytesSpan
        let spelling = name.literal.utf8.span.bytes
        for index in entries.indices where Fields.entry(entries[index], in: bytes, isNamed: 0, spelling) {
            return index
        }
        return nil
    }

    /// Calls `body` with the value of each field of that name until it returns false.
    private func forEachValue(named name: FieldName, _ body: (RawSpan) -> Bool) {
        let bytes = buffer.readableBytesSpan
        name.withSpelling { spelling in
            for entry in entries where Fields.entry(entry, in: bytes, isNamed: name.id, spelling) {
                guard Fields.withValue(of: entry, in: bytes, body) else { return }
            }
        }
    }

    static func entry(_ entry: FieldEntry, in bytes: RawSpan, isNamed id: UInt8, _ spelling: RawSpan) -> Bool {
        guard id == entry.nameID else { return false }
        return id != 0
            || Int(entry.nameLength) == spelling.byteCount
                && ByteScan.equalIgnoringCase(
                    bytes, at: Int(entry.nameStart), spelling, at: 0, count: spelling.byteCount)
    }

    func slice(_ start: Int, _ length: Int) -> ByteBuffer {
        buffer.getSlice(at: buffer.readerIndex + start, length: length) ?? ByteBuffer()
    }
}

/// Walks over the members of a list with commas (RFC 9110 §5.6.1), blanks around them removed, empty ones passed over.
struct ListMembers {
    private var position: Int
    private let end: Int

    init(from start: Int, to end: Int) {
        position = start
        self.end = end
    }

    mutating func next(in bytes: RawSpan) -> (start: Int, end: Int)? {
        while position < end {
            var first = position
            while position < end, ByteScan.byte(bytes, position) != ASCII.comma { position += 1 }
            var last = position
            position += 1
            while first < last, ASCII.isBlank(ByteScan.byte(bytes, first)) { first += 1 }
            while last > first, ASCII.isBlank(ByteScan.byte(bytes, last - 1)) { last -= 1 }
            if first < last { return (first, last) }
        }
        return nil
    }
}

extension Fields: Sequence {
    /// Walks over the fields in order, making a `String` of each name and value.
    public struct Iterator: IteratorProtocol {
        private let fields: Fields
        private var index = 0

        init(_ fields: Fields) {
            self.fields = fields
        }

        public mutating func next() -> (name: String, value: String)? {
            guard index < fields.entries.count else { return nil }
            let entry = fields.entries[index]
            index += 1
            let bytes = fields.buffer.readableBytesSpan
            return (
                Fields.withName(of: entry, in: bytes) { ByteScan.string($0, from: 0, to: $0.byteCount) },
                Fields.withValue(of: entry, in: bytes) { ByteScan.string($0, from: 0, to: $0.byteCount) }
            )
        }
    }

    public func makeIterator() -> Iterator {
        Iterator(self)
    }

    public var underestimatedCount: Int { entries.count }
}

extension Fields: Equatable {
    /// Whether both have the same fields in the same order: names without regard to case, values byte for byte.
    public static func == (left: Fields, right: Fields) -> Bool {
        guard left.count == right.count else { return false }
        let leftBytes = left.buffer.readableBytesSpan
        let rightBytes = right.buffer.readableBytesSpan
        for (one, other) in zip(left.entries, right.entries) {
            let isSame = Fields.withName(of: other, in: rightBytes) { name in
                Fields.entry(one, in: leftBytes, isNamed: other.nameID, name)
            }
            guard isSame, one.valueLength == other.valueLength else { return false }
            let isSameValue = Fields.withValue(of: one, in: leftBytes) { value in
                Fields.withValue(of: other, in: rightBytes) { value.isIdenticalContent(to: $0) }
            }
            guard isSameValue else { return false }
        }
        return true
    }
}

extension Fields: CustomStringConvertible {
    public var description: String {
        map { "\($0.name): \($0.value)" }.joined(separator: "\n")
    }
}

extension RawSpan {
    /// Whether both hold the same bytes.
    func isIdenticalContent(to other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for index in 0..<byteCount where ByteScan.byte(self, index) != ByteScan.byte(other, index) {
            return false
        }
        return true
    }

    func isIdenticalContent(to text: StaticString) -> Bool {
        text.withUTF8Buffer { isIdenticalContent(to: $0.span.bytes) }
    }
}
