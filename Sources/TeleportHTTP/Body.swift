public import struct NIOCore.ByteBuffer

/// The content of a message.
///
/// It is opaque: today it always holds all its bytes, later it may be a stream. Code that asks for ``buffer`` and treats
/// `nil` as "not here yet", or that awaits ``collect(upTo:)``, works with both.
///
/// **Ownership.** A body that was received shares the buffer it came in; ``detached()`` copies it out.
public struct Body: Sendable, CustomStringConvertible {
    @usableFromInline
    enum Storage: Sendable {
        case complete(ByteBuffer)
    }

    @usableFromInline
    let storage: Storage

    /// A body of these bytes, sharing them.
    @inlinable
    public init(_ buffer: ByteBuffer) {
        storage = .complete(buffer)
    }

    /// A body of the UTF-8 bytes of a text.
    public init(_ string: String) {
        self.init(ByteBuffer(string: string))
    }

    /// A body of a copy of these bytes.
    public init(bytes: some Sequence<UInt8>) {
        self.init(ByteBuffer(bytes: bytes))
    }

    /// No content. Allocates nothing.
    @inlinable
    public static var empty: Body { Body(ByteBuffer()) }

    /// The number of bytes, `nil` if that is not known before they have come.
    @inlinable
    public var count: Int? {
        switch storage {
        case .complete(let buffer): buffer.readableBytes
        }
    }

    /// The bytes, if all of them are here.
    @inlinable
    public var buffer: ByteBuffer? {
        switch storage {
        case .complete(let buffer): buffer
        }
    }

    /// Waits for all bytes and returns them; at once if they are here.
    ///
    /// - Parameter limit: The most bytes to accept.
    /// - Throws: ``BodyError/Code/tooLarge`` if there are more.
    public func collect(upTo limit: Int) async throws(BodyError) -> ByteBuffer {
        switch storage {
        case .complete(let buffer):
            guard buffer.readableBytes <= limit else { throw BodyError(.tooLarge, limit: limit) }
            return buffer
        }
    }

    /// The same body without a share in the block it was received in.
    public func detached() -> Body {
        switch storage {
        case .complete(let buffer):
            var copy = ByteBuffer()
            copy.writeImmutableBuffer(buffer)
            return Body(copy)
        }
    }

    public var description: String {
        count.map { "\($0) bytes" } ?? "a stream"
    }
}

/// Why the bytes of a ``Body`` could not be had.
public struct BodyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reasons. More may be added.
    public enum Code: Hashable, Sendable {
        /// The body has more bytes than the caller accepts.
        case tooLarge
    }

    /// The reason.
    public let code: Code
    /// The limit that was given, in bytes.
    public let limit: Int

    init(_ code: Code, limit: Int) {
        self.code = code
        self.limit = limit
    }

    public var description: String { "The body is larger than the \(limit) bytes that were asked for at most." }
}
