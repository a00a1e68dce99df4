public import struct NIOCore.ByteBuffer

/// The pieces of a body: one if the bytes are here and there are any, else as they come. None is empty.
extension Body: AsyncSequence {
    public typealias Element = ByteBuffer
    public typealias Failure = BodyError

    /// Goes over the pieces. A stream is claimed with the first.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private enum State {
            case whole(ByteBuffer)
            case unclaimed(BodyStream)
            case reading(any BodySource)
            case ended
        }

        private var state: State

        init(_ storage: Storage) {
            switch storage {
            case .empty: state = .ended
            case .complete(let buffer): state = .whole(buffer)
            case .stream(let stream): state = .unclaimed(stream)
            }
        }

        /// The next piece, or `nil` at the end.
        ///
        /// - Throws: ``BodyError/Code/alreadyConsumed``, ``BodyError/Code/failed``.
        public mutating func next() async throws(BodyError) -> ByteBuffer? {
            try await next(isolation: nil)
        }

        /// As ``next()``, on the actor given.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BodyError) -> ByteBuffer? {
            switch state {
            case .whole(let buffer):
                state = .ended
                return buffer.readableBytes > 0 ? buffer : nil
            case .unclaimed(let stream):
                state = .ended
                state = .reading(try stream.claim())
            case .reading, .ended:
                break
            }
            guard case .reading(let source) = state else { return nil }
            // Ended, unless a piece comes.
            state = .ended
            guard let piece = try await source.nextPiece() else { return nil }
            state = .reading(source)
            return piece
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(storage)
    }
}

extension BodySource {
    /// The next piece that is not empty.
    nonisolated(nonsending) func nextPiece() async throws(BodyError) -> ByteBuffer? {
        do {
            while let piece = try await next() {
                if piece.readableBytes > 0 { return piece }
            }
            return nil
        } catch {
            throw error as? BodyError ?? BodyError(.failed, cause: error)
        }
    }

    /// All pieces together, which are at most `limit` bytes.
    nonisolated(nonsending) func collect(upTo limit: Int) async throws(BodyError) -> ByteBuffer {
        let length = self.length ?? 0
        guard length <= limit else {
            cancel()
            throw BodyError(.tooLarge, limit: limit)
        }
        var collected = ByteBuffer()
        while let piece = try await nextPiece() {
            guard piece.readableBytes <= limit - collected.readableBytes else {
                cancel()
                throw BodyError(.tooLarge, limit: limit)
            }
            // A body of one piece is not copied.
            guard collected.readableBytes > 0 else {
                collected = piece
                continue
            }
            if collected.writableBytes < piece.readableBytes {
                // The length is the word of a peer: for each byte that came, it reserves a few.
                let expected = Swift.min(length, 8 * collected.readableBytes) - collected.readableBytes
                collected.reserveCapacity(minimumWritableBytes: Swift.max(expected, piece.readableBytes))
            }
            collected.writeImmutableBuffer(piece)
        }
        return collected
    }
}
