import struct NIOCore.ByteBuffer

/// Writes into memory that was reserved for an upper bound. Going over it would be a mistake of this module and traps
/// instead of writing elsewhere.
struct HeadWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    /// Appends at most `bound` bytes to `buffer` in one go.
    @inline(__always)
    static func append(
        to buffer: inout ByteBuffer, atMost bound: Int, _ body: (inout HeadWriter) -> Void
    ) {
        buffer.reserveCapacity(minimumWritableBytes: bound)
        let start = buffer.writerIndex
        let count = buffer.withVeryUnsafeMutableBytes { memory in
            var writer = HeadWriter(UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + bound]))
            body(&writer)
            return writer.count
        }
        buffer.moveWriterIndex(forwardBy: count)
    }

    @inline(__always)
    private init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    mutating func write(_ text: StaticString) {
        text.withUTF8Buffer { write(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    mutating func write(_ bytes: RawSpan, from start: Int, to end: Int) {
        guard end > start else { return }
        bytes.extracting(start..<end).withUnsafeBytes { write($0) }
    }

    mutating func write(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { write($0) }
    }

    mutating func write(_ method: HTTPMethod) {
        switch method.storage {
        case .get: write("GET")
        case .post: write("POST")
        default: write(method.rawValue.utf8.span.bytes)
        }
    }

    mutating func write(decimal number: Int) {
        let length = HeadWriter.digits(of: number)
        reserve(length)
        // From the last digit on: each costs one division by a constant.
        var rest = UInt(number.magnitude)
        for index in stride(from: count + length - 1, through: count, by: -1) {
            memory[index] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += length
    }

    /// How many decimal digits a number has.
    static func digits(of number: Int) -> Int {
        var length = 1
        var bound = 10
        while length < 19, number >= bound {
            length += 1
            bound = bound &* 10
        }
        return length
    }

    mutating func write(hexadecimal number: Int) {
        var shift = (Int.bitWidth - max(1, number).leadingZeroBitCount - 1) & ~3
        while shift >= 0 {
            let digit = UInt8(number >> shift & 15)
            write(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }

    /// A length as LEB128 (V1-61). Callers see to it that it is below 2²¹, so that three bytes do.
    @inline(__always)
    mutating func write(varint number: Int) {
        var rest = UInt32(truncatingIfNeeded: number)
        while rest >= 0x80 {
            write(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(byte: UInt8(truncatingIfNeeded: rest))
    }

    /// A length and the bytes.
    @inline(__always)
    mutating func write(counted bytes: RawSpan, from start: Int, to end: Int) {
        write(varint: end &- start)
        write(bytes, from: start, to: end)
    }

    @inline(__always)
    mutating func write(counted bytes: RawSpan) {
        write(varint: bytes.byteCount)
        write(bytes)
    }

    @inline(__always)
    mutating func write(byte: UInt8) {
        reserve(1)
        memory[count] = byte
        count += 1
    }

    @inline(__always)
    private mutating func write(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        guard let source = bytes.baseAddress, let destination = memory.baseAddress else { return }
        (destination + count).copyMemory(from: source, byteCount: bytes.count)
        count &+= bytes.count
    }

    @inline(__always)
    private func reserve(_ length: Int) {
        precondition(length <= memory.count - count, "the bound of a head was computed too low")
    }
}
