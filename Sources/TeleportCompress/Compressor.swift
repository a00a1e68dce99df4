public import struct NIOCore.ByteBuffer

/// The sending half of one direction, for any ``CompressionCodec``.
///
/// ```swift
/// var compressor = Compressor(.flate)
/// try compressor.compress(batch, into: &outbound)  // append more batches for as long as the connection lives
/// ```
///
/// A value is a handle to one stream: copies share it. It is not `Sendable`; keep it on the loop that writes. Memory is
/// taken with the first batch and given back by ``release()`` or with the last copy.
public struct Compressor: StreamCompressor {
    /// Static dispatch over the closed set; a struct around it, so that another codec breaks no user's `switch`.
    private enum BackEnd {
        case identity
        case flate(any FlateStreamEncoder)
        case snappy(SnappyCompressor)
        case lz4(LZ4Compressor)
        case zstd(ZstdCompressor)
    }

    private let backEnd: BackEnd

    /// The codec it compresses with.
    public let codec: CompressionCodec

    /// Makes a compressor at the start of its stream. Nothing is allocated yet but a small object.
    public init(_ codec: CompressionCodec) {
        self.codec = codec
        switch codec.kind {
        case .none: self.backEnd = .identity
        case .flate: self.backEnd = .flate(FlateLibrary.streamEncoder(level: codec.level ?? 6))
        case .snappy: self.backEnd = .snappy(SnappyCompressor())
        case .lz4: self.backEnd = .lz4(LZ4Compressor())
        case .zstd: self.backEnd = .zstd(ZstdCompressor(codec))
        }
    }

    /// Whether output equals input (``CompressionCodec/none``): a caller can then send the batch itself, uncopied.
    public var isIdentity: Bool { self.codec.kind == .none }

    public mutating func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        switch self.backEnd {
        case .identity: output.writeImmutableBuffer(input)
        case .flate(let compressor): try compressor.compress(input, into: &output)
        case .snappy(let compressor): compressor.compress(input, into: &output)
        case .lz4(let compressor): try compressor.compress(input, into: &output)
        case .zstd(let compressor): try compressor.compress(input, into: &output)
        }
    }

    public mutating func reset() {
        switch self.backEnd {
        case .identity: break
        case .flate(let compressor): compressor.reset()
        case .snappy(let compressor): compressor.reset()
        case .lz4(let compressor): compressor.reset()
        case .zstd(let compressor): compressor.reset()
        }
    }

    public mutating func release() {
        switch self.backEnd {
        case .identity: break
        case .flate(let compressor): compressor.release()
        case .snappy(let compressor): compressor.release()
        case .lz4(let compressor): compressor.release()
        case .zstd(let compressor): compressor.release()
        }
    }
}

@available(*, unavailable)
extension Compressor: Sendable {}
