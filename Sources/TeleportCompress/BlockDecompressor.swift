public import struct NIOCore.ByteBuffer

/// The receiving half of one direction in blocks (rules V1-11 to V1-18), whatever codecs the peer uses.
///
/// It expands what stands behind a block's header; headers are `TeleportWire`'s. It keeps one history at most: one of
/// another codec takes its place.
///
/// ```swift
/// var decompressor = BlockDecompressor()
/// try decompressor.decompress(
///     .zstd, resets: header.resets, encodedBytes, decodedLength: header.decodedLength, into: &plain)
/// ```
///
/// A value is a handle to one direction: copies share it. It is not `Sendable`; keep it on the loop that reads. Memory
/// is taken with the first encoded block and given back by ``release()``, by an error, or with the last copy. After an
/// error the connection has to be closed (rule V1-12).
public struct BlockDecompressor {
    private final class State {
        /// The one live history, and its codec.
        var decoder: Decoder?
    }

    private let state = State()
    private let zstdWindowLog: Int

    /// Makes a decompressor without a history. Nothing is allocated yet but a small object.
    ///
    /// - Parameter zstdWindowLog: The largest window, as a power of two, 10 to 27, that a zstd frame may ask for; by
    ///   default 17, 128 KiB, which every peer may use (rule V1-16).
    public init(zstdWindowLog: Int = 17) {
        precondition(CompressionCodec.windowLogs.contains(zstdWindowLog), "The window log must be from 10 to 27.")
        self.zstdWindowLog = zstdWindowLog
    }

    /// Expands one block.
    ///
    /// - Parameters:
    ///   - kind: The block's codec. A stored block, ``CodecKind/none``, is copied and leaves no trace.
    ///   - resets: Whether the block carries RESET: a fresh history begins with it (rule V1-13).
    ///   - input: The encoded bytes. All readable bytes must be used up, and must be fewer than `decodedLength`; of a
    ///     stored block as many (rule V1-11).
    ///   - decodedLength: What the block must expand to, exactly (rule V1-12): 1 to ``BlockCompressor/maximumLength``.
    ///   - output: Where the plain bytes are appended; nothing if there is an error. It grows by `decodedLength` at
    ///     most, whatever the input holds.
    /// - Throws: ``CompressionError/Code/missingReset``, ``CompressionError/Code/windowTooLarge(limit:)``,
    ///   ``CompressionError/Code/chunkTooLarge`` for a length over the greatest,
    ///   ``CompressionError/Code/outOfMemory``, or ``CompressionError/Code/corruptInput`` for all else that is wrong.
    ///   The history is then gone.
    public mutating func decompress(
        _ kind: CodecKind, resets: Bool, _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        do throws(CompressionError) {
            try Self.checkLengths(kind, input, decodedLength)
            guard kind != .none else {
                guard !resets else {
                    throw CompressionError(.corruptInput)
                }
                output.writeImmutableBuffer(input)
                return
            }
            try self.decoder(kind, resets: resets).decode(input, decodedLength: decodedLength, into: &output)
        } catch {
            self.release()
            throw error
        }
    }

    /// Rule V1-11, so that nothing behind this has to doubt a length.
    private static func checkLengths(
        _ kind: CodecKind, _ input: ByteBuffer, _ decodedLength: Int
    ) throws(CompressionError) {
        guard decodedLength <= BlockCompressor.maximumLength else {
            throw CompressionError(.chunkTooLarge)
        }
        let isPossible =
            kind == .none ? input.readableBytes == decodedLength : input.readableBytes < decodedLength
        guard input.readableBytes > 0, isPossible else {
            throw CompressionError(.corruptInput)
        }
    }

    /// Gives back all memory, as after a RELEASE block (rule V1-14). The next encoded block must reset.
    public mutating func release() {
        self.state.decoder = nil
    }

    /// Whether memory is held for a history.
    public var hasHistory: Bool { self.state.decoder?.hasHistory ?? false }

    /// The decoder of a codec, at a fresh history if so wanted.
    private func decoder(_ kind: CodecKind, resets: Bool) throws(CompressionError) -> Decoder {
        let state = self.state
        if let decoder = state.decoder, decoder.kind == kind {
            if resets {
                decoder.reset()
            }
            return decoder
        }
        guard resets else {
            throw CompressionError(.missingReset)
        }
        // The old history goes first: never are there two.
        state.decoder = nil
        let decoder = try Decoder(kind, zstdWindowLog: self.zstdWindowLog)
        state.decoder = decoder
        return decoder
    }
}

@available(*, unavailable)
extension BlockDecompressor: Sendable {}

/// Static dispatch over the closed set of codecs.
private enum Decoder {
    case flate(any BlockDecoder)
    case snappy
    case lz4(LZ4BlockDecoder)
    case zstd(ZstdBlockDecoder)

    init(_ kind: CodecKind, zstdWindowLog: Int) throws(CompressionError) {
        switch kind {
        case .none, .snappy: self = .snappy
        case .flate: self = .flate(try FlateLibrary.blockDecoder())
        case .lz4: self = .lz4(LZ4BlockDecoder())
        case .zstd: self = .zstd(try ZstdBlockDecoder(windowLog: zstdWindowLog))
        }
    }

    var kind: CodecKind {
        switch self {
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        case .zstd: .zstd
        }
    }

    var hasHistory: Bool {
        if case .snappy = self { false } else { true }
    }

    func decode(
        _ input: ByteBuffer, decodedLength: Int, into output: inout ByteBuffer
    ) throws(CompressionError) {
        switch self {
        case .flate(let decoder): try decoder.decode(input, decodedLength: decodedLength, into: &output)
        case .snappy: try SnappyBlock.decode(input, decodedLength: decodedLength, into: &output)
        case .lz4(let decoder): try decoder.decode(input, decodedLength: decodedLength, into: &output)
        case .zstd(let decoder): try decoder.decode(input, decodedLength: decodedLength, into: &output)
        }
    }

    func reset() {
        switch self {
        case .flate(let decoder): decoder.reset()
        case .snappy: break
        case .lz4(let decoder): decoder.reset()
        case .zstd(let decoder): decoder.reset()
        }
    }
}
