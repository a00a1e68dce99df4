public import struct NIOCore.ByteBuffer

/// One frame that was read (rule V1-21).
public struct Frame: Sendable {
    public var header: FrameHeader
    /// Shares the buffer it came in.
    public var payload: ByteBuffer
    /// The first eight bytes of ``payload``, little-endian, if it is as long and they were seen already.
    @usableFromInline let front: UInt64?

    @inlinable
    public init(header: FrameHeader, payload: ByteBuffer) {
        self.init(header: header, payload: payload, front: nil)
    }

    @inlinable
    init(header: FrameHeader, payload: ByteBuffer, front: UInt64?) {
        self.header = header
        self.payload = payload
        self.front = front
    }

    /// Takes one frame from the front of `buffer`.
    ///
    /// - Parameter headLimit: the largest head that this side accepts.
    /// - Returns: the frame, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.violation(.frame)`; `buffer` is then untouched.
    public static func decode(headLimit: Int, from buffer: inout ByteBuffer) throws(WireError) -> Frame? {
        let start = buffer.readerIndex
        var front: UInt64?
        guard let header = try FrameHeader.decode(headLimit: headLimit, from: &buffer, front: &front) else {
            return nil
        }
        guard let payload = buffer.readSlice(length: header.length) else {
            buffer.moveReaderIndex(to: start)
            return nil
        }
        return Frame(header: header, payload: payload, front: header.length >= 8 ? front : nil)
    }
}

/// The payload of a REQUEST or RESPONSE, taken apart (rule V1-21).
///
/// It is moved, not copied.
public struct MessagePayload: ~Copyable, Sendable {
    /// Milliseconds that the caller still waits; `nil` if it did not say.
    public let deadline: UInt32?
    /// The head's bytes, and behind them what came of the body: one view of the block they came in, which counts one
    /// reference. Never `nil`, except that ``split()`` takes it out, which a value that cannot be absent would be copied for.
    @usableFromInline var bytes: ByteBuffer?
    /// How many of ``bytes`` are the head.
    @usableFromInline let headLength: Int

    /// The head's bytes.
    public var head: ByteBuffer {
        self.bytes.flatMap { $0.getSlice(at: $0.readerIndex, length: self.headLength) } ?? ByteBuffer()
    }
    /// What came of the body.
    public var body: ByteBuffer {
        var bytes = self.bytes ?? ByteBuffer()
        bytes.moveReaderIndex(forwardBy: self.headLength)
        return bytes
    }
    /// How many bytes came of the body.
    @inlinable public var bodyLength: Int { (self.bytes?.readableBytes ?? 0) - self.headLength }

    /// The head and what came of the body, `nil` if that is nothing: no reference is counted more than there are parts.
    @inlinable
    public consuming func split() -> (head: ByteBuffer, body: ByteBuffer?) {
        let (headLength, bodyLength) = (self.headLength, self.bodyLength)
        guard var bytes = self.bytes.take() else { return (ByteBuffer(), nil) }
        let end = bytes.readerIndex + headLength
        guard bodyLength > 0 else {
            bytes.moveWriterIndex(to: end)
            return (consume bytes, nil)
        }
        let body = bytes.getSlice(at: end, length: bodyLength)
        bytes.moveWriterIndex(to: end)
        return (consume bytes, consume body)
    }

    /// A payload of these parts, which are copied.
    public init(head: ByteBuffer, body: ByteBuffer = ByteBuffer()) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(head.readableBytes + body.readableBytes)
        bytes.writeImmutableBuffer(head)
        bytes.writeImmutableBuffer(body)
        self.deadline = nil
        self.bytes = bytes
        self.headLength = head.readableBytes
    }

    /// Takes apart the payload of a frame.
    ///
    /// - Parameter flags: those of its header.
    /// - Throws: ``WireError`` `.violation(.frame)` if it ends early, or the head or the body is over its limit.
    @inlinable
    public init(_ payload: consuming ByteBuffer, flags: FrameFlags, headLimit: Int) throws(WireError) {
        let prefix = flags.contains(.deadline) ? 7 : 3
        let front = payload.withUnsafeReadableBytes { bytes -> UInt64? in
            guard bytes.count >= prefix else { return nil }
            var front: UInt64 = 0
            for index in 0..<prefix { front |= UInt64(bytes[index]) << (8 * index) }
            return front
        }
        guard let front else { throw Self.endsEarly }
        try self.init(payload, front: front, hasDeadline: prefix == 7, headLimit)
    }

    /// Takes a REQUEST or RESPONSE apart.
    ///
    /// - Throws: as ``init(_:flags:headLimit:)``.
    @inlinable
    public init(_ frame: consuming Frame, headLimit: Int) throws(WireError) {
        let flags = frame.header.flags
        guard let front = frame.front else {
            try self.init((consume frame).payload, flags: flags, headLimit: headLimit)
            return
        }
        try self.init((consume frame).payload, front: front, hasDeadline: flags.contains(.deadline), headLimit)
    }

    /// - Parameter front: the first bytes of `payload`: the deadline, if there is one, and the length of the head.
    @inlinable
    init(_ payload: consuming ByteBuffer, front: UInt64, hasDeadline: Bool, _ headLimit: Int) throws(WireError) {
        payload.moveReaderIndex(forwardBy: hasDeadline ? 7 : 3)
        let length = Int(truncatingIfNeeded: (hasDeadline ? front >> 32 : front) & 0xFF_FFFF)
        guard length <= headLimit, length <= payload.readableBytes,
            payload.readableBytes - length <= FrameHeader.maximumBodyLength
        else { throw Self.endsEarly }
        self.deadline = hasDeadline ? UInt32(truncatingIfNeeded: front) : nil
        self.bytes = payload
        self.headLength = length
    }

    @usableFromInline
    static var endsEarly: WireError {
        WireError(
            .violation(.frame),
            "A REQUEST or RESPONSE is shorter than it says, or its head or body is too long (V1-22).")
    }
}

extension FrameHeader {
    /// Writes a REQUEST or RESPONSE at the end of `buffer`: `writeHead` appends the head. If it throws, `buffer` is as it
    /// was.
    ///
    /// - Parameter body: what of the body goes with the head, at most ``maximumBodyLength`` bytes.
    @inlinable
    public static func writeMessage<Failure: Error>(
        _ type: FrameType, flags: FrameFlags, stream: CallID, deadline: UInt32? = nil, body: ByteBuffer? = nil,
        into buffer: inout ByteBuffer, writeHead: (inout ByteBuffer) throws(Failure) -> Void
    ) throws(Failure) {
        let start = buffer.writerIndex
        let prefix = self.headerLength + 3 + (deadline == nil ? 0 : 4)
        buffer.reserveCapacity(minimumWritableBytes: 128)
        buffer.moveWriterIndex(forwardBy: prefix)
        do throws(Failure) {
            try writeHead(&buffer)
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
        let end = buffer.writerIndex
        let (head, count) = (end - start - prefix, body?.readableBytes ?? 0)
        buffer.reserveCapacity(minimumWritableBytes: count)
        let header = FrameHeader(
            type, length: end + count - start - self.headerLength,
            flags: deadline == nil ? flags : flags.union(.deadline), stream: stream)
        // Each look at the memory of a buffer costs a check for exclusive access: so there is one of each.
        buffer.withVeryUnsafeMutableBytes { memory in
            let front = UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + prefix])
            header.store(to: front)
            var index = self.headerLength
            if let deadline {
                front.storeBytes(of: deadline.littleEndian, toByteOffset: index, as: UInt32.self)
                index += 4
            }
            front.storeBytes(of: UInt16(truncatingIfNeeded: head).littleEndian, toByteOffset: index, as: UInt16.self)
            front[index + 2] = UInt8(truncatingIfNeeded: head >> 16)
            body?.withUnsafeReadableBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: memory[end..<end + count]).copyMemory(from: bytes)
            }
        }
        buffer.moveWriterIndex(to: end + count)
    }

    /// Writes the header over nine bytes of `buffer`.
    @inlinable
    public func set(at index: Int, in buffer: inout ByteBuffer) {
        buffer.withVeryUnsafeMutableBytes { memory in
            self.store(to: UnsafeMutableRawBufferPointer(rebasing: memory[index..<index + Self.headerLength]))
        }
    }

    /// Writes the header to the front of `memory`.
    @inlinable
    func store(to memory: UnsafeMutableRawBufferPointer) {
        precondition(memory.count >= Self.headerLength)
        // One store of eight bytes and one of one.
        let low = UInt64(truncatingIfNeeded: self.length) & 0xFF_FFFF
        let id = UInt64(self.stream?.rawValue ?? 0)
        let word =
            low | UInt64(self.type?.rawValue ?? .max) << 24 | UInt64(self.flags.rawValue) << 32
            | (id & 0xFF_FFFF) << 40
        memory.storeBytes(of: word.littleEndian, as: UInt64.self)
        memory[8] = UInt8(truncatingIfNeeded: id >> 24)
    }
}
