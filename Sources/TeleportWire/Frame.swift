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
    /// - Throws: ``WireError`` `.violation(.frame)` if it ends early, or the head or the body is over its limit.
    @inlinable
    public init(_ frame: Frame, headLimit: Int) throws(WireError) {
        var payload = frame.payload
        var deadline: UInt32?
        if frame.header.flags.contains(.deadline) {
            guard let milliseconds = payload.readInteger(endianness: .little, as: UInt32.self) else {
                throw Self.endsEarly
            }
            deadline = milliseconds
        }
        guard let length = payload.getUInt24(at: payload.readerIndex) else { throw Self.endsEarly }
        payload.moveReaderIndex(forwardBy: 3)
        guard length <= headLimit, let head = payload.readSlice(length: length),
            payload.readableBytes <= FrameHeader.maximumBodyLength
        else { throw Self.endsEarly }
        self.deadline = deadline
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
    /// Bytes in front of the head, in a REQUEST with a deadline.
    @usableFromInline static let longestMessagePrefix = headerLength + 7

    /// Writes a frame with a head at the end of `buffer`: `writeContent` appends head and body, and says how long the head
    /// is. If it throws, `buffer` is as it was.
    @inlinable
    public static func writeMessage<Failure: Error>(
        _ type: FrameType, flags: FrameFlags, stream: CallID, deadline: UInt32? = nil, into buffer: inout ByteBuffer,
        writeContent: (inout ByteBuffer) throws(Failure) -> Int
    ) throws(Failure) {
        let start = buffer.writerIndex
        let prefix = self.headerLength + 3 + (deadline == nil ? 0 : 4)
        buffer.reserveCapacity(minimumWritableBytes: 128)
        buffer.moveWriterIndex(forwardBy: prefix)
        do throws(Failure) {
            let head = try writeContent(&buffer)
            var flags = flags
            var index = start + self.headerLength
            if let deadline {
                flags.insert(.deadline)
                buffer.setInteger(deadline, at: index, endianness: .little)
                index += 4
            }
            buffer.setUInt24(head, at: index)
            let header = FrameHeader(
                type, length: buffer.writerIndex - start - self.headerLength, flags: flags, stream: stream)
            header.set(at: start, in: &buffer)
        } catch {
            buffer.moveWriterIndex(to: start)
            throw error
        }
    }

    /// Writes the header over nine bytes of `buffer`.
    @inlinable
    public func set(at index: Int, in buffer: inout ByteBuffer) {
        // One store of eight bytes and one of one.
        let low = UInt64(truncatingIfNeeded: self.length) & 0xFF_FFFF
        let id = UInt64(self.stream?.rawValue ?? 0)
        let word =
            low | UInt64(self.type?.rawValue ?? .max) << 24 | UInt64(self.flags.rawValue) << 32
            | (id & 0xFF_FFFF) << 40
        buffer.setInteger(word, at: index, endianness: .little)
        buffer.setInteger(UInt8(truncatingIfNeeded: id >> 24), at: index + 8)
    }
}
