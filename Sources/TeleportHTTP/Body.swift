public import struct NIOCore.ByteBuffer

/// The content of a message: bytes that are all here, or a stream of them.
///
/// Code that asks for ``buffer`` and treats `nil` as "not here yet", that awaits ``collect(upTo:)``, or that goes over the
/// pieces with `for try await piece in body`, works with both.
///
/// **A stream is read once.** Copies of a body share it: whoever begins to read it, by any of these ways, has it, and
/// everybody behind gets ``BodyError/Code/alreadyConsumed``. Bytes that are here can be had as often as wanted.
///
/// **Ownership.** A body that was received whole shares the buffer it came in; ``detached()`` copies it out. A stream that
/// nobody reads to its end is cancelled when the last copy and iterator are gone: its source sees to that.
public struct Body: Sendable, CustomStringConvertible {
    @usableFromInline
    enum Storage: Sendable {
        /// No bytes. Not an empty buffer, all of which share one object: each copy would count a reference to it.
        case empty
        case complete(ByteBuffer)
        case stream(BodyStream)
    }

    @usableFromInline
    let storage: Storage

    /// A body of these bytes, sharing them.
    @inlinable
    public init(_ buffer: ByteBuffer) {
        storage = buffer.readableBytes == 0 ? .empty : .complete(buffer)
    }

    /// A body of the UTF-8 bytes of a text.
    public init(_ string: String) {
        self.init(ByteBuffer(string: string))
    }

    /// A body of a copy of these bytes.
    public init(bytes: some Sequence<UInt8>) {
        self.init(ByteBuffer(bytes: bytes))
    }

    /// A body that comes from a source.
    public init(source: any BodySource) {
        storage = .stream(BodyStream(source))
    }

    /// A body whose pieces an asynchronous sequence gives: an `AsyncThrowingStream`, another body, or what a library
    /// reads from a file.
    ///
    /// - Parameters:
    ///   - stream: The pieces. It is iterated once, and not before somebody reads the body.
    ///   - length: The number of bytes of all of them, `nil` if that is not known. If another number comes, the body
    ///     fails.
    public init<Pieces: AsyncSequence & Sendable>(stream: Pieces, length: Int? = nil)
    where Pieces.Element == ByteBuffer {
        self.init(source: SequenceSource(stream, length: length))
    }

    /// No content. Allocates nothing.
    @inlinable
    public static var empty: Body { Body(storage: .empty) }

    @inlinable
    init(storage: Storage) {
        self.storage = storage
    }

    /// The number of bytes, `nil` if that is not known before they have come.
    @inlinable
    public var count: Int? {
        switch storage {
        case .empty: 0
        case .complete(let buffer): buffer.readableBytes
        case .stream(let stream): stream.source.length
        }
    }

    /// How many bytes a body has that is here, without a look at the buffer; `nil` for a stream.
    @inlinable
    package var wholeCount: Int? {
        switch storage {
        case .empty: 0
        case .complete(let buffer): buffer.readableBytes
        case .stream: nil
        }
    }

    /// Appends the bytes, if they are here.
    func append(to buffer: inout ByteBuffer) {
        if case .complete(let bytes) = storage { buffer.writeImmutableBuffer(bytes) }
    }

    /// Whether it comes piece by piece. ``buffer`` is `nil` then; to ask here shares nothing.
    @inlinable
    public var isStream: Bool {
        switch storage {
        case .empty, .complete: false
        case .stream: true
        }
    }

    /// The bytes, if all of them are here; `nil` of a stream.
    @inlinable
    public var buffer: ByteBuffer? {
        switch storage {
        case .empty: ByteBuffer()
        case .complete(let buffer): buffer
        case .stream: nil
        }
    }

    /// The source of a stream, to look at; ``takeSource()`` to read from it. `nil` if the bytes are here.
    @inlinable
    public var source: (any BodySource)? {
        switch storage {
        case .empty, .complete: nil
        case .stream(let stream): stream.source
        }
    }

    /// Whether it is a stream that somebody reads or has read.
    public var isConsumed: Bool {
        switch storage {
        case .empty, .complete: false
        case .stream(let stream): stream.wasClaimed
        }
    }

    /// Fields that came behind a stream's content, once that was read to its end. What came with bytes that are here is in
    /// ``Request/trailers`` and ``Response/trailers``.
    public var trailers: Fields? { source?.trailers }

    /// The source of a stream for one who will read it to its end or cancel it; `nil` if the bytes are here.
    ///
    /// - Throws: ``BodyError/Code/alreadyConsumed`` if somebody has it.
    public func takeSource() throws(BodyError) -> (any BodySource)? {
        switch storage {
        case .empty, .complete: nil
        case .stream(let stream): try stream.claim()
        }
    }

    /// Waits for all bytes and returns them; at once if they are here. A stream is cancelled if there are too many.
    ///
    /// - Parameter limit: The most bytes to accept.
    /// - Throws: ``BodyError``: ``BodyError/Code/tooLarge`` if there are more, as soon as that is known;
    ///   ``BodyError/Code/alreadyConsumed`` and ``BodyError/Code/failed`` of a stream.
    public nonisolated(nonsending) func collect(upTo limit: Int) async throws(BodyError) -> ByteBuffer {
        switch storage {
        case .empty:
            return ByteBuffer()
        case .complete(let buffer):
            guard buffer.readableBytes <= limit else { throw BodyError(.tooLarge, limit: limit) }
            return buffer
        case .stream(let stream):
            let source = try stream.claim()
            return try await source.collect(upTo: limit)
        }
    }

    /// The same body without a share in the block it was received in; a stream is returned as it is.
    public func detached() -> Body {
        switch storage {
        case .complete(let buffer):
            var copy = ByteBuffer()
            copy.writeImmutableBuffer(buffer)
            return Body(copy)
        case .empty, .stream:
            return self
        }
    }

    public var description: String {
        switch storage {
        case .empty: "0 bytes"
        case .complete(let buffer): "\(buffer.readableBytes) bytes"
        case .stream(let stream): stream.source.length.map { "a stream of \($0) bytes" } ?? "a stream"
        }
    }
}
