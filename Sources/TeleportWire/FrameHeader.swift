public import struct NIOCore.ByteBuffer

/// The nine bytes in front of each frame (rules V1-21, V1-22, V1-24).
///
/// ```
/// +---------------------+------+-------+----------------+
/// | payload length, u24 | type | flags | stream id, u32 |
/// +---------------------+------+-------+----------------+
/// ```
public struct FrameHeader: Sendable, Hashable {
    /// Bytes behind the header.
    public var length: Int
    /// What the frame is; `nil` is a type that this version does not know, to be read over.
    public var type: FrameType?
    public var flags: FrameFlags
    /// The stream, or `nil` for a frame of the connection.
    public var stream: CallID?

    /// Bytes of a header.
    public static let headerLength = 9
    /// The most payload of a body that one frame carries.
    public static let maximumBodyLength = 65536
    /// The most text in a GOAWAY.
    public static let maximumTextLength = 256
    /// What a payload of REQUEST has besides head and body: deadline and length of the head.
    static let requestOverhead = 7

    @inlinable
    public init(_ type: FrameType, length: Int, flags: FrameFlags = [], stream: CallID? = nil) {
        self.length = length
        self.type = type
        self.flags = flags
        self.stream = stream
    }

    /// Appends the header to `buffer`.
    @inlinable
    public func encode(into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.reserveCapacity(minimumWritableBytes: Self.headerLength)
        buffer.moveWriterIndex(forwardBy: Self.headerLength)
        self.set(at: start, in: &buffer)
    }

    /// Takes one header from the front of `buffer`. All that can be judged without the payload is judged.
    ///
    /// - Parameter headLimit: the largest head that this side accepts.
    /// - Returns: the header, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.violation(.frame)`; `buffer` is then untouched.
    public static func decode(headLimit: Int, from buffer: inout ByteBuffer) throws(WireError) -> FrameHeader? {
        var front: UInt64?
        return try self.decode(headLimit: headLimit, from: &buffer, front: &front)
    }

    /// The same, with the first eight bytes behind the header, if so many are there: each look at the memory of a buffer costs
    /// a check for exclusive access.
    static func decode(
        headLimit: Int, from buffer: inout ByteBuffer, front: inout UInt64?
    ) throws(WireError) -> FrameHeader? {
        guard buffer.readableBytes >= self.headerLength else { return nil }
        let (word, last) = buffer.withUnsafeReadableBytes { bytes in
            if bytes.count >= self.headerLength + 8 {
                front = UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: self.headerLength, as: UInt64.self))
            }
            return (UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)), bytes[8])
        }
        let id = UInt32(truncatingIfNeeded: word >> 40) | UInt32(last) << 24
        var header = FrameHeader(
            .settings, length: Int(word & 0xFF_FFFF), flags: FrameFlags(rawValue: UInt8(truncatingIfNeeded: word >> 32))
        )
        header.type = FrameType(rawValue: UInt8(truncatingIfNeeded: word >> 24))
        header.stream = id == 0 ? nil : CallID(rawValue: id)
        try header.check(headLimit)
        buffer.moveReaderIndex(forwardBy: self.headerLength)
        return header
    }

    private func check(_ headLimit: Int) throws(WireError) {
        guard let type = self.type else {
            guard self.length <= Self.maximumBodyLength + headLimit else { throw self.fault("is too long (V1-22)") }
            return
        }
        guard type.allowedFlags.isSuperset(of: self.flags) else {
            throw self.fault("has a flag that is not its own (V1-22)")
        }
        switch type.place {
        case .connection: if self.stream != nil { throw self.fault("has the id of a stream (V1-22)") }
        case .stream: if self.stream == nil { throw self.fault("has no stream id (V1-22)") }
        case .either: break
        }
        if let fixed = type.fixedLength, self.length != fixed { throw self.fault("has another length (V1-22)") }
        guard self.length <= self.longest(type, headLimit) else { throw self.fault("is too long (V1-22)") }
    }

    private func longest(_ type: FrameType, _ headLimit: Int) -> Int {
        switch type {
        case .request, .response: Self.maximumBodyLength + headLimit + Self.requestOverhead
        case .data: Self.maximumBodyLength
        case .trailers, .secrets: headLimit
        case .settings: 6 * 64
        case .goAway: 6 + Self.maximumTextLength
        case .cancel, .credit, .ping, .pong: 8
        }
    }

    private func fault(_ fault: StaticString) -> WireError {
        let name = self.type.map { "\($0)" } ?? "unknown"
        return WireError(.violation(.frame), "A frame (\(name)) \(fault).")
    }
}
