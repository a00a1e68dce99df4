public import struct NIOCore.ByteBuffer

/// One frame that was read (rule V1-21).
public struct Frame: Sendable {
    public var header: FrameHeader
    /// Shares the buffer it came in.
    public var payload: ByteBuffer

    @inlinable
    public init(header: FrameHeader, payload: ByteBuffer) {
        self.header = header
        self.payload = payload
    }

    /// Takes one frame from the front of `buffer`.
    ///
    /// - Parameter headLimit: the largest head that this side accepts.
    /// - Returns: the frame, or `nil` if more bytes are needed; `buffer` is then untouched.
    /// - Throws: ``WireError`` `.violation(.frame)`; `buffer` is then untouched.
    public static func decode(headLimit: Int, from buffer: inout ByteBuffer) throws(WireError) -> Frame? {
        let start = buffer.readerIndex
        guard let header = try FrameHeader.decode(headLimit: headLimit, from: &buffer) else { return nil }
        guard let payload = buffer.readSlice(length: header.length) else {
            buffer.moveReaderIndex(to: start)
            return nil
        }
        return Frame(header: header, payload: payload)
    }
}

/// The payload of a REQUEST or RESPONSE, taken apart (rule V1-21).
public struct MessagePayload: Sendable {
    /// Milliseconds that the caller still waits; `nil` if it did not say.
    public let deadline: UInt32?
    /// The head's bytes.
    public let head: ByteBuffer
    /// What came of the body.
    public let body: ByteBuffer

    /// Takes apart the payload of a frame.
    ///
    /// - Parameter flags: those of its header.
    /// - Throws: ``WireError`` `.violation(.frame)` if it ends early, or the head or the body is over its limit.
    @inlinable
    public init(_ payload: consuming ByteBuffer, flags: FrameFlags, headLimit: Int) throws(WireError) {
        let hasDeadline = flags.contains(.deadline)
        let prefix = hasDeadline ? 7 : 3
        // One look at the bytes, for the reason that writing has.
        let front = payload.withUnsafeReadableBytes { bytes -> (deadline: UInt32, length: Int)? in
            guard bytes.count >= prefix else { return nil }
            let deadline = hasDeadline ? bytes.loadUnaligned(as: UInt32.self) : 0
            let low = bytes.loadUnaligned(fromByteOffset: prefix - 3, as: UInt16.self)
            return (UInt32(littleEndian: deadline), Int(UInt16(littleEndian: low)) | Int(bytes[prefix - 1]) << 16)
        }
        guard let front else { throw Self.endsEarly }
        payload.moveReaderIndex(forwardBy: prefix)
        guard front.length <= headLimit, let head = payload.readSlice(length: front.length),
            payload.readableBytes <= FrameHeader.maximumBodyLength
        else { throw Self.endsEarly }
        self.deadline = hasDeadline ? front.deadline : nil
        self.head = head
        self.body = payload
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
