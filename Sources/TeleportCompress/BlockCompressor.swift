public import struct NIOCore.ByteBuffer

/// The sending half of one direction in blocks (rules V1-11 to V1-20), for any ``CompressionCodec``.
///
/// It encodes, and says how the header of each block must be; headers are `TeleportWire`'s.
///
/// ```swift
/// var compressor = BlockCompressor(.zstd)
/// switch try compressor.compress(frames, into: &outbound) {
/// case .encoded(let resets): …  // what was appended is a block of this codec, with RESET if `resets`
/// case .stored: …  // nothing was appended: send `frames` themselves, in a stored block
/// }
/// ```
///
/// A value is a handle to one direction: copies share it. It is not `Sendable`; keep it on the loop that writes.
/// Memory is taken with the first block that is worth encoding and given back by ``release()`` or with the last copy.
public struct BlockCompressor {
    /// What became of a block.
    public enum Outcome: Sendable, Hashable {
        /// The encoded bytes were appended. If `resets`, the block must carry RESET.
        case encoded(resets: Bool)
        /// Nothing was appended, as the block did not shrink or was not worth the attempt: send it stored.
        case stored
    }

    /// The most bytes of a block (rule V1-11).
    public static let maximumLength = 65_536

    private final class State {
        var codec: CompressionCodec
        var encoder: Encoder?
        var policy = StoringPolicy()
        /// Whether the next encoded block has to begin a fresh history.
        var needsReset = true
        /// Whether the receiver was sent blocks that it has to remember.
        var isRemembered = false

        init(_ codec: CompressionCodec) { self.codec = codec }
    }

    private let state: State

    /// The codec it encodes with.
    public var codec: CompressionCodec { self.state.codec }

    /// Makes a compressor without a history. Nothing is allocated yet but a small object.
    ///
    /// - Parameter codec: The codec. With ``CompressionCodec/none`` every block is stored.
    public init(_ codec: CompressionCodec) {
        self.state = State(codec)
    }

    /// Encodes one block, if that makes it shorter.
    ///
    /// - Parameters:
    ///   - input: The block: all readable bytes, 1 to ``maximumLength``.
    ///   - output: Where the encoded bytes are appended, fewer than the block has. Reuse one buffer: the work is done
    ///     right in it.
    /// - Returns: How to send the block.
    /// - Throws: ``CompressionError/Code/outOfMemory`` if the codec's state could not be allocated,
    ///   ``CompressionError/Code/backEndFailed(status:)`` if the library is broken. Nothing was appended then; the
    ///   block can be sent stored, and the next is tried anew.
    public mutating func compress(
        _ input: ByteBuffer, into output: inout ByteBuffer
    ) throws(CompressionError) -> Outcome {
        precondition(1...Self.maximumLength ~= input.readableBytes, "A block has 1 to 65,536 bytes.")
        let state = self.state
        guard state.codec.kind != .none, input.withUnsafeReadableBytes({ state.policy.isWorthTrying($0) }) else {
            return .stored
        }
        let resets = state.needsReset
        // Until it is known that the receiver gets what the encoder takes into its history.
        state.needsReset = true
        guard try self.encoder(resets: resets).encode(input, into: &output) else {
            state.policy.attemptFailed(length: input.readableBytes)
            return .stored
        }
        state.policy.attemptSucceeded()
        state.needsReset = false
        state.isRemembered = state.codec.kind != .snappy
        return .encoded(resets: resets)
    }

    /// Encodes with another codec, or at another level, from the next block on, which resets then (rule V1-13).
    ///
    /// That costs what the first blocks of a fresh history compress worse. Memory is kept where the codec can use it again.
    /// Nothing happens if it is the codec of now already.
    ///
    /// - Parameter codec: The codec. With ``CompressionCodec/none`` blocks are stored from now on.
    public mutating func change(to codec: CompressionCodec) {
        guard codec != self.state.codec else { return }
        if self.state.encoder?.change(to: codec) != true { self.state.encoder = nil }
        self.state.codec = codec
        self.state.needsReset = true
    }

    /// Gives back all memory, as for a direction that is idle (rule V1-14). The next block takes it again, and resets.
    ///
    /// - Returns: Whether the receiver may still keep a history, which a RELEASE block tells it to free.
    public mutating func release() -> Bool {
        defer { self.state.isRemembered = false }
        self.state.encoder = nil
        self.state.needsReset = true
        return self.state.isRemembered
    }

    /// Whether memory is held for a history. Never with ``CompressionCodec/snappy``, which has none.
    public var hasHistory: Bool { self.state.encoder?.hasHistory ?? false }

    /// The encoder, at a fresh history if so wanted.
    private func encoder(resets: Bool) throws(CompressionError) -> Encoder {
        guard let encoder = self.state.encoder else {
            let encoder = try Encoder(self.state.codec)
            self.state.encoder = encoder
            return encoder
        }
        if resets {
            encoder.reset()
        }
        return encoder
    }
}

@available(*, unavailable)
extension BlockCompressor: Sendable {}

/// Static dispatch over the closed set of codecs.
private enum Encoder {
    case flate(any BlockEncoder)
    case snappy
    case lz4(LZ4BlockEncoder)
    case zstd(ZstdBlockEncoder)

    init(_ codec: CompressionCodec) throws(CompressionError) {
        switch codec.kind {
        case .none, .snappy: self = .snappy
        case .flate: self = .flate(try FlateLibrary.blockEncoder(level: codec.level ?? 6))
        case .lz4: self = .lz4(try LZ4BlockEncoder())
        case .zstd: self = .zstd(try ZstdBlockEncoder(codec))
        }
    }

    var hasHistory: Bool {
        if case .snappy = self { false } else { true }
    }

    func encode(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) -> Bool {
        switch self {
        case .flate(let encoder): try encoder.encode(input, into: &output)
        case .snappy: SnappyBlock.encode(input, into: &output)
        case .lz4(let encoder): try encoder.encode(input, into: &output)
        case .zstd(let encoder): try encoder.encode(input, into: &output)
        }
    }

    /// Whether it encodes with another codec from its next reset on; if not, there has to be another encoder.
    func change(to codec: CompressionCodec) -> Bool {
        guard case .zstd(let encoder) = self, codec.kind == .zstd else { return false }
        return encoder.change(to: codec)
    }

    func reset() {
        switch self {
        case .flate(let encoder): encoder.reset()
        case .snappy: break
        case .lz4(let encoder): encoder.reset()
        case .zstd(let encoder): encoder.reset()
        }
    }
}
