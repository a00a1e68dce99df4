/// Finds the id of a well-known field name from its bytes: one hash over the length and three characters, one compare.
///
/// The multipliers were searched for so that no two names share a place; a test holds them to it.
struct NameTable: @unchecked Sendable {
    /// What a name was found to be: its id, 0 if unknown, and whether it was spelled canonically.
    struct Match {
        var id: UInt8
        var isCanonical: Bool
    }

    static let shared = NameTable()

    /// Bytes reserved for a name with a colon and a space; the longest of them has 29.
    private static let stride = 32

    // Allocated once for the life of the process and never written again: that makes it safe to share, and a plain
    // pointer costs no reference counting in the parser.
    private let ids: UnsafePointer<UInt8>
    private let lengths: UnsafePointer<UInt8>
    private let text: UnsafeRawPointer

    private init() {
        let count = FieldName.spellings.count
        let ids = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        ids.initialize(repeating: 0, count: 256)
        let lengths = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        let text = UnsafeMutableRawPointer.allocate(byteCount: count * Self.stride, alignment: 8)
        text.initializeMemory(as: UInt8.self, repeating: 0, count: count * Self.stride)
        for id in 1..<count {
            FieldName.spellings[id].withUTF8Buffer { utf8 in
                (text + id * Self.stride).copyMemory(
                    from: utf8.baseAddress ?? UnsafePointer(ids), byteCount: utf8.count)
                text.storeBytes(of: ASCII.colon, toByteOffset: id * Self.stride + utf8.count, as: UInt8.self)
                text.storeBytes(of: ASCII.space, toByteOffset: id * Self.stride + utf8.count + 1, as: UInt8.self)
                lengths[id] = UInt8(utf8.count)
                ids[Self.hash(utf8.span.bytes, from: 0, to: utf8.count)] = UInt8(id)
            }
        }
        self.ids = UnsafePointer(ids)
        self.lengths = UnsafePointer(lengths)
        self.text = UnsafeRawPointer(text)
    }

    @inline(__always)
    private static func hash(_ bytes: RawSpan, from start: Int, to end: Int) -> Int {
        let length = end &- start
        let first = Int(ByteScan.byte(bytes, start) | 0x20)
        let last = Int(ByteScan.byte(bytes, end &- 1) | 0x20)
        let middle = Int(ByteScan.byte(bytes, start &+ length &>> 1) | 0x20)
        return (length &* 13 &+ first &* 7 &+ last &* 16 &+ middle) & 0xFF
    }

    /// The length of the canonical spelling of `id`.
    @inline(__always)
    func length(of id: UInt8) -> UInt16 {
        UInt16(lengths[Int(id)])
    }

    /// Calls `body` with the canonical spelling of `id`, a colon and a space.
    @inline(__always)
    func withLineStart<R, E: Error>(of id: UInt8, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(
            UnsafeRawBufferPointer(start: text + Int(id) * Self.stride, count: Int(lengths[Int(id)]) &+ 2).bytes)
    }

    /// Calls `body` with the canonical spelling of `id`.
    @inline(__always)
    func withSpelling<R, E: Error>(of id: UInt8, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: text + Int(id) * Self.stride, count: Int(lengths[Int(id)])).bytes)
    }

    /// Looks up the name in `bytes[start..<end]`.
    @inline(__always)
    func find(_ bytes: RawSpan, from start: Int, to end: Int) -> Match {
        let length = end &- start
        guard length > 0 else { return Match(id: 0, isCanonical: false) }
        let id = ids[Self.hash(bytes, from: start, to: end)]
        guard Int(lengths[Int(id)]) == length else { return Match(id: 0, isCanonical: false) }
        let candidate = text + Int(id) &* Self.stride
        if ByteScan.isIdentical(bytes, from: start, length: length, candidate) {
            return Match(id: id, isCanonical: true)
        }
        let spelling = UnsafeRawBufferPointer(start: candidate, count: length)
        let isSame = ByteScan.equalIgnoringCase(bytes, at: start, spelling.bytes, at: 0, count: length)
        return Match(id: isSame ? id : 0, isCanonical: false)
    }
}
