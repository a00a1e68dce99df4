/// The values that heads of protocol v1 name by number (V1-68), and finding the number of one: one hash over the length
/// and three characters, one compare.
///
/// The multipliers were searched for so that no two values share a place; a test holds them to it.
struct ValueTable: @unchecked Sendable {
    /// The values; the number of one is its place here.
    static let values: [StaticString] = [
        "0", "1", "*", "*/*", "br", "gzip", "zstd", "identity", "gzip, deflate", "gzip, deflate, br",
        "gzip, deflate, br, zstd", "Accept-Encoding", "Origin", "application/json", "application/json; charset=utf-8",
        "application/octet-stream", "application/x-www-form-urlencoded", "text/html", "text/html; charset=utf-8",
        "text/plain", "text/plain; charset=utf-8", "bytes", "max-age=0", "no-cache", "no-store", "private", "public",
        "http", "https", "nginx",
    ]

    static let shared = ValueTable()

    /// The length of the longest value.
    private static let longest = 33
    /// Bytes reserved for a value.
    private static let stride = 40
    private static let places = 64

    /// The number of values; those from here on are not given.
    let count: Int
    // As in `NameTable`: allocated once and never written again.
    private let numbers: UnsafePointer<UInt8>
    private let lengths: UnsafePointer<UInt8>
    private let text: UnsafeRawPointer

    private init() {
        count = Self.values.count
        let numbers = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.places)
        numbers.initialize(repeating: 0, count: Self.places)
        let lengths = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        let text = UnsafeMutableRawPointer.allocate(byteCount: count * Self.stride, alignment: 8)
        text.initializeMemory(as: UInt8.self, repeating: 0, count: count * Self.stride)
        for number in 0..<count {
            Self.values[number].withUTF8Buffer { utf8 in
                (text + number * Self.stride).copyMemory(
                    from: utf8.baseAddress ?? UnsafePointer(numbers), byteCount: utf8.count)
                lengths[number] = UInt8(utf8.count)
                numbers[Self.hash(utf8.span.bytes, from: 0, length: utf8.count)] = UInt8(number)
            }
        }
        self.numbers = UnsafePointer(numbers)
        self.lengths = UnsafePointer(lengths)
        self.text = UnsafeRawPointer(text)
    }

    @inline(__always)
    private static func hash(_ bytes: RawSpan, from start: Int, length: Int) -> Int {
        let first = Int(ByteScan.byte(bytes, start))
        let last = Int(ByteScan.byte(bytes, start &+ length &- 1))
        let middle = Int(ByteScan.byte(bytes, start &+ length &>> 1))
        return (length &+ first &* 15 &+ last &* 24 &+ middle) & (places - 1)
    }

    /// The length of the value with that number, which must be below ``count``.
    @inline(__always)
    func length(of number: UInt8) -> UInt32 {
        UInt32(lengths[Int(number)])
    }

    /// Calls `body` with the value of that number, which must be below ``count``.
    @inline(__always)
    func withValue<R, E: Error>(_ number: UInt8, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(
            UnsafeRawBufferPointer(start: text + Int(number) &* Self.stride, count: Int(lengths[Int(number)])).bytes)
    }

    /// The number of the value in `bytes[start..<end]`, or `nil` if it has none.
    @inline(__always)
    func find(_ bytes: RawSpan, from start: Int, to end: Int) -> UInt8? {
        let length = end &- start
        guard length > 0, length <= Self.longest else { return nil }
        let number = numbers[Self.hash(bytes, from: start, length: length)]
        guard Int(lengths[Int(number)]) == length else { return nil }
        return ByteScan.isIdentical(bytes, from: start, length: length, text + Int(number) &* Self.stride)
            ? number : nil
    }
}
