/// Scanning of raw bytes, eight at a time where it matters.
///
/// The word-wise tests flag bytes in the high bit of each lane. A borrow can only spoil lanes *above* a true hit, so the
/// lowest flag is always right, and that is the one used.
enum ByteScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func byte(_ bytes: RawSpan, _ index: Int) -> UInt8 {
        bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    @inline(__always)
    static func word(_ bytes: RawSpan, _ index: Int) -> UInt64 {
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }

    @inline(__always)
    private static func lanes(of word: UInt64, below limit: UInt64) -> UInt64 {
        (word &- ones &* limit) & ~word
    }

    @inline(__always)
    private static func lanes(of word: UInt64, equalTo byte: UInt64) -> UInt64 {
        lanes(of: word ^ (ones &* byte), below: 1)
    }

    /// The first control character other than a tab in `bytes[start..<end]`, or `end`.
    ///
    /// What it stops at is a line end or something that no line may contain.
    @inline(__always)
    static func lineStop(_ bytes: RawSpan, from start: Int, to end: Int) -> Int {
        var index = start
        while true {
            var hit: UInt64 = 0
            while index &+ 8 <= end {
                let word = word(bytes, index)
                hit = (lanes(of: word, below: 0x20) | lanes(of: word, equalTo: 0x7F)) & highs
                if hit != 0 { break }
                index &+= 8
            }
            if hit != 0 {
                index &+= hit.trailingZeroBitCount >> 3
            } else {
                while index < end, byte(bytes, index) >= 0x20, byte(bytes, index) != 0x7F { index &+= 1 }
                if index >= end { return end }
            }
            if byte(bytes, index) != ASCII.tab { return index }
            index &+= 1
        }
    }

    /// The first colon, space, control or non-ASCII byte in `bytes[start..<end]`, or `end`: where a name ends.
    @inline(__always)
    static func nameStop(_ bytes: RawSpan, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = word(bytes, index)
            let hit = (lanes(of: word, below: 0x21) | lanes(of: word, equalTo: 0x3A) | word) & highs
            if hit != 0 { return index &+ hit.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        while index < end {
            let byte = byte(bytes, index)
            if byte <= 0x20 || byte == ASCII.colon || byte >= 0x80 { return index }
            index &+= 1
        }
        return end
    }

    /// The first space or control character in `bytes[start..<end]`, or `end`: where a word of a start line ends.
    @inline(__always)
    static func spaceStop(_ bytes: RawSpan, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = word(bytes, index)
            let hit = (lanes(of: word, below: 0x21) | lanes(of: word, equalTo: 0x7F)) & highs
            if hit != 0 { return index &+ hit.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        while index < end {
            let byte = byte(bytes, index)
            if byte <= 0x20 || byte == 0x7F { return index }
            index &+= 1
        }
        return end
    }

    /// Whether `bytes[start..<end]` is a token (RFC 9110 §5.6.2): not empty and of token characters alone.
    @inline(__always)
    static func isToken(_ bytes: RawSpan, from start: Int, to end: Int) -> Bool {
        consists(bytes, from: start, to: end, low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe) && start < end
    }

    /// Whether `bytes[start..<end]` has only characters that a host and port can have (RFC 9110 §4.2); may be empty.
    static func isHost(_ bytes: RawSpan, from start: Int, to end: Int) -> Bool {
        consists(bytes, from: start, to: end, low: 0x2fff_7ff2_0000_0000, high: 0x47ff_fffe_afff_fffe)
    }

    /// The sets are bit masks over ASCII: `low` for 0–63, `high` for 64–127. Bytes above are in no set.
    @inline(__always)
    private static func consists(_ bytes: RawSpan, from start: Int, to end: Int, low: UInt64, high: UInt64) -> Bool {
        var index = start
        while index < end {
            let byte = byte(bytes, index)
            let mask = byte < 64 ? low : high
            if byte >= 0x80 || (mask &>> UInt64(byte & 63)) & 1 == 0 { return false }
            index &+= 1
        }
        return true
    }

    /// The bytes of `bytes[start..<end]` packed into one word, or 0 if there are none or more than eight.
    @inline(__always)
    static func packed(_ bytes: RawSpan, from start: Int, to end: Int) -> UInt64 {
        guard end &- start <= 8 else { return 0 }
        var result: UInt64 = 0
        var index = end
        while index > start {
            index &-= 1
            result = result &<< 8 | UInt64(byte(bytes, index))
        }
        return result
    }

    /// Whether `bytes[start..<start + length]` is what stands at `candidate`, byte for byte.
    ///
    /// Compares in words that overlap at the end, so that no byte outside the range is read.
    @inline(__always)
    static func isIdentical(
        _ bytes: RawSpan, from start: Int, length: Int, _ candidate: UnsafeRawPointer
    ) -> Bool {
        guard length >= 8 else {
            for offset in 0..<length
            where byte(bytes, start &+ offset) != candidate.load(fromByteOffset: offset, as: UInt8.self) {
                return false
            }
            return true
        }
        var offset = 0
        while offset &+ 8 <= length {
            guard word(bytes, start &+ offset) == word(candidate, offset) else { return false }
            offset &+= 8
        }
        return word(bytes, start &+ length &- 8) == word(candidate, length &- 8)
    }

    @inline(__always)
    private static func word(_ pointer: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: pointer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The number that the decimal digits of `bytes[start..<end]` say; `nil` if there are none, something else is among
    /// them, or it is too large.
    static func decimal(_ bytes: RawSpan, from start: Int, to end: Int) -> Int? {
        guard start < end else { return nil }
        var result = 0
        for index in start..<end {
            let digit = byte(bytes, index) &- 0x30
            let (shifted, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(Int(digit))
            guard digit < 10, !overflow, !carry else { return nil }
            result = sum
        }
        return result
    }

    /// Whether two ranges hold the same text, ASCII letters of either case being the same.
    static func equalIgnoringCase(
        _ left: RawSpan, at leftStart: Int, _ right: RawSpan, at rightStart: Int, count: Int
    ) -> Bool {
        for offset in 0..<count
        where ASCII.lowercased(byte(left, leftStart + offset)) != ASCII.lowercased(byte(right, rightStart + offset)) {
            return false
        }
        return true
    }

    /// Text of the range; bytes that are not UTF-8 become U+FFFD.
    static func string(_ bytes: RawSpan, from start: Int, to end: Int) -> String {
        bytes.extracting(start..<end).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// The characters that the grammar names.
enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let numberSign: UInt8 = 0x23
    static let asterisk: UInt8 = 0x2A
    static let comma: UInt8 = 0x2C
    static let slash: UInt8 = 0x2F
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let questionMark: UInt8 = 0x3F

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool {
        byte == space || byte == tab
    }

    @inline(__always)
    static func isLetter(_ byte: UInt8) -> Bool {
        lowercased(byte) &- 0x61 < 26
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
