public import struct NIOCore.ByteBuffer

/// The receiving half of one direction, for any ``CodecKind``.
///
/// Two faces: ``decompress(_:into:limit:)`` pulls a bounded piece at a time and never fails for the amount;
/// ``decompressAll(_:into:limit:)`` takes a limit that the whole input must keep.
///
/// ```swift
/// var decompressor = Decompressor(.flate)
/// received.writeBuffer(&read)
/// while try decompressor.decompress(&received, into: &plain, limit: 65_536) == .outputFull {
///     try consume(&plain)
/// }
/// try consume(&plain)
/// ```
///
/// A value is a handle to one stream: copies share it. It is not `Sendable`; keep it on the loop that reads. Memory is
/// taken with the first byte and given back by ``release()`` or with the last copy. The first error is final: every
/// later call throws it again, until ``reset()`` or ``release()``.
public struct Decompressor: StreamDecompressor {
    /// The name that reads best beside the type.
    public typealias Progress = DecompressionProgress

    /// The most input bytes that may be left unconsumed when more is needed: one snappy chunk of the greatest length.
    public static let maximumUnconsumedInput = 4 + SnappyFraming.maximumBody

    /// Static dispatch over the closed set; a struct around it, so that another codec breaks no user's `switch`.
    private enum BackEnd {
        case identity
        case flate(FlateDecompressor)
        case snappy(SnappyDecompressor)
        case lz4(LZ4Decompressor)
        case zstd(ZstdDecompressor)
    }

    private let backEnd: BackEnd
    private var failure: CompressionError?

    /// The format it expands.
    public let kind: CodecKind

    /// Makes a decompressor at the start of its stream. Nothing is allocated yet but a small object.
    ///
    /// - Parameters:
    ///   - kind: The format that the sender uses.
    ///   - zstdWindowLog: The largest window, as a power of two, 10 to 27, that a zstd stream may ask for; by default
    ///     17, 128 KiB. Without meaning for other formats.
    public init(_ kind: CodecKind, zstdWindowLog: Int = 17) {
        self.kind = kind
        switch kind {
        case .none: self.backEnd = .identity
        case .flate: self.backEnd = .flate(FlateDecompressor())
        case .snappy: self.backEnd = .snappy(SnappyDecompressor())
        case .lz4: self.backEnd = .lz4(LZ4Decompressor())
        case .zstd: self.backEnd = .zstd(ZstdDecompressor(windowLog: zstdWindowLog))
        }
    }

    /// Whether output equals input (``CodecKind/none``): a caller can then parse the input itself and spare a copy.
    public var isIdentity: Bool { self.kind == .none }

    public mutating func decompress(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) -> Progress {
        precondition(limit >= 0, "The limit must not be negative.")
        if let failure = self.failure {
            throw failure
        }
        do {
            switch self.backEnd {
            case .identity:
                return Self.move(&input, into: &output, limit: limit)
            case .flate(let decompressor):
                return try decompressor.decompress(&input, into: &output, limit: limit)
            case .snappy(let decompressor):
                return try decompressor.decompress(&input, into: &output, limit: limit)
            case .lz4(let decompressor):
                return try decompressor.decompress(&input, into: &output, limit: limit)
            case .zstd(let decompressor):
                return try decompressor.decompress(&input, into: &output, limit: limit)
            }
        } catch {
            self.failure = error
            throw error
        }
    }

    public mutating func decompressAll(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int
    ) throws(CompressionError) {
        do {
            try withinLimit(&self, &input, into: &output, limit: limit)
        } catch {
            // The byte that proved the excess is lost, so this error has to be final like the others.
            self.failure = error
            throw error
        }
    }

    public mutating func reset() {
        self.failure = nil
        switch self.backEnd {
        case .identity: break
        case .flate(let decompressor): decompressor.reset()
        case .snappy(let decompressor): decompressor.reset()
        case .lz4(let decompressor): decompressor.reset()
        case .zstd(let decompressor): decompressor.reset()
        }
    }

    public mutating func release() {
        self.failure = nil
        switch self.backEnd {
        case .identity: break
        case .flate(let decompressor): decompressor.release()
        case .snappy(let decompressor): decompressor.release()
        case .lz4(let decompressor): decompressor.release()
        case .zstd(let decompressor): decompressor.release()
        }
    }

    /// The whole work of ``CodecKind/none``.
    private static func move(_ input: inout ByteBuffer, into output: inout ByteBuffer, limit: Int) -> Progress {
        if input.readableBytes <= limit {
            output.writeBuffer(&input)
            return .needsInput
        }
        if var piece = input.readSlice(length: limit) {
            output.writeBuffer(&piece)
        }
        return .outputFull
    }
}

@available(*, unavailable)
extension Decompressor: Sendable {}
