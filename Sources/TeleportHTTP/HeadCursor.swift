/// Goes over bytes from front to back; what is asked for beyond the end throws. It holds no bytes, they are passed in.
struct HeadCursor {
    private(set) var position: Int
    let end: Int

    init(from start: Int, to end: Int) {
        position = start
        self.end = end
    }

    @inline(__always)
    var isAtEnd: Bool { position == end }

    @inline(__always)
    var left: Int { end &- position }

    @inline(__always)
    mutating func byte(_ bytes: RawSpan) throws(HTTPError) -> UInt8 {
        guard position < end else { throw HTTPError(.malformedHead) }
        let byte = ByteScan.byte(bytes, position)
        position &+= 1
        return byte
    }

    /// LEB128 of at most three bytes and no longer than needed (V1-61).
    @inline(__always)
    mutating func varint(_ bytes: RawSpan) throws(HTTPError) -> Int {
        let first = try byte(bytes)
        return first < 0x80 ? Int(first) : try longVarint(bytes, first)
    }

    private mutating func longVarint(_ bytes: RawSpan, _ first: UInt8) throws(HTTPError) -> Int {
        var result = Int(first & 0x7F)
        for shift in [7, 14] {
            let next = try byte(bytes)
            result |= Int(next & 0x7F) << shift
            if next < 0x80 {
                guard next > 0 else { break }
                return result
            }
        }
        throw HTTPError(.malformedHead)
    }

    /// Goes over `count` bytes and returns where they begin.
    @inline(__always)
    mutating func skip(_ count: Int) throws(HTTPError) -> Int {
        guard count <= left else { throw HTTPError(.malformedHead) }
        let start = position
        position &+= count
        return start
    }
}
