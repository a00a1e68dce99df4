public import NIOCore
public import TeleportRPC

/// A request of the reference's generic RPC: a name and a value (rule V0-40).
public struct TLVRequest: Sendable, Hashable {
    public var name: ByteBuffer
    public var value: ByteBuffer

    public init(name: ByteBuffer, value: ByteBuffer) {
        self.name = name
        self.value = value
    }

    public init(name: String, value: String) {
        self.init(name: ByteBuffer(string: name), value: ByteBuffer(string: value))
    }
}

/// An answer of the reference's generic RPC: a value (rule V0-41).
public struct TLVResponse: Sendable, Hashable {
    public var value: ByteBuffer

    public init(value: ByteBuffer) { self.value = value }

    public init(_ text: String) { self.value = ByteBuffer(string: text) }
}

/// The messages of the reference's generic RPC (`fastrpc/tlv`): length-prefixed bytes.
///
/// ```
/// request   u32 length (LE) | name | u32 length (LE) | value
/// response  u32 length (LE) | value
/// ```
public struct TLVCodec: SelfDelimitingCodec {
    public typealias Request = TLVRequest
    public typealias Response = TLVResponse

    /// The longest name or value, in bytes; a message with a longer one ends the connection. The reference's is 1 MiB,
    /// the default.
    public let maxLength: Int

    public init(maxLength: Int = 1 << 20) {
        self.maxLength = maxLength
    }

    /// There is no room for a status in a TLV answer: like the reference, a server says it in the value.
    public func response(to refusal: Refusal) -> TLVResponse {
        switch refusal {
        case .tooManyConcurrent(let limit): TLVResponse("concurrency limit \(limit)")
        case .handlerFailed: TLVResponse("the handler failed")
        case .unsendable: TLVResponse("the answer is too long")
        }
    }

    public func makeRequestDecoder() -> RequestDecoder { RequestDecoder(maxLength: self.maxLength) }
    public func makeResponseDecoder() -> ResponseDecoder { ResponseDecoder(maxLength: self.maxLength) }

    @inlinable
    public func encode(_ request: TLVRequest, into buffer: inout ByteBuffer) throws(RPCError) {
        try self.encode(request.name, into: &buffer)
        try self.encode(request.value, into: &buffer)
    }

    @inlinable
    public func encode(_ response: TLVResponse, into buffer: inout ByteBuffer) throws(RPCError) {
        try self.encode(response.value, into: &buffer)
    }

    @inlinable
    func encode(_ bytes: ByteBuffer, into buffer: inout ByteBuffer) throws(RPCError) {
        guard bytes.readableBytes <= self.maxLength else {
            throw RPCError(
                .unsendable, "A name or value of \(bytes.readableBytes) bytes is over the limit of \(self.maxLength).")
        }
        buffer.writeInteger(UInt32(truncatingIfNeeded: bytes.readableBytes), endianness: .little)
        buffer.writeImmutableBuffer(bytes)
    }

    /// Reads TLV requests.
    public struct RequestDecoder: SelfDelimitingDecoder {
        @usableFromInline var field: TLVField
        @usableFromInline var name: ByteBuffer?

        @usableFromInline
        init(maxLength: Int) { self.field = TLVField(maxLength: maxLength) }

        @inlinable
        public mutating func decode(
            from buffer: inout ByteBuffer
        ) throws(RPCError) -> ReceivedRequest<TLVRequest, TLVResponse>? {
            let name: ByteBuffer
            if let read = self.name {
                name = read
            } else {
                guard let read = try self.field.decode(from: &buffer) else { return nil }
                self.name = read
                name = read
            }
            guard let value = try self.field.decode(from: &buffer) else { return nil }
            self.name = nil
            return .request(TLVRequest(name: name, value: value))
        }
    }

    /// Reads TLV answers.
    public struct ResponseDecoder: SelfDelimitingDecoder {
        @usableFromInline var field: TLVField

        @usableFromInline
        init(maxLength: Int) { self.field = TLVField(maxLength: maxLength) }

        @inlinable
        public mutating func decode(from buffer: inout ByteBuffer) throws(RPCError) -> ReceivedResponse<TLVResponse>? {
            try self.field.decode(from: &buffer).map { .response(TLVResponse(value: $0)) }
        }
    }
}

/// One length-prefixed field. Until it is complete its bytes stay in the buffer.
@usableFromInline
struct TLVField {
    @usableFromInline let maxLength: Int

    @inlinable
    init(maxLength: Int) { self.maxLength = maxLength }

    @inlinable
    func decode(from buffer: inout ByteBuffer) throws(RPCError) -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
            return nil
        }
        guard length <= self.maxLength else {
            throw RPCError(
                .protocolViolation, "The peer sent a field of \(length) bytes; the limit is \(self.maxLength).")
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readSlice(length: Int(length))
    }
}
