internal import NIOCore
internal import TeleportCompress
internal import TeleportTransport

/// Compresses the blocks of one connection as its ``AdaptiveLevel`` says: takes the time, and tells it.
///
/// Confined to the loop. Two looks at the clock a block.
struct AdaptiveCompression {
    private var level: AdaptiveLevel
    private var codec: CompressionCodec
    private let usesLZ4: Bool
    private let account: LoopAccount
    private let meter: TrafficCounters.Shard?
    private let clock: () -> UInt64

    /// - Parameters:
    ///   - codec: where it begins.
    ///   - usesLZ4: whether the peer decodes lz4.
    ///   - account: of the connection's loop.
    ///   - meter: counts what is sent.
    ///   - clock: gives the time in nanoseconds, as the account has it.
    init(
        _ codec: CompressionCodec, usesLZ4: Bool, account: LoopAccount, meter: TrafficCounters.Shard?,
        clock: @escaping () -> UInt64 = { NIODeadline.now().uptimeNanoseconds }
    ) {
        self.level = AdaptiveLevel(codec, usesLZ4: usesLZ4, now: clock())
        self.clock = clock
        self.codec = codec
        self.usesLZ4 = usesLZ4
        self.account = account
        self.meter = meter
    }

    /// The peer turned out to accept another window.
    mutating func peerAccepts(_ codec: CompressionCodec) {
        guard codec != self.codec else { return }
        self.codec = codec
        self.level = AdaptiveLevel(codec, usesLZ4: self.usesLZ4, now: self.clock())
    }

    /// Appends a block, compressed, or says that it has to be stored.
    mutating func compress(
        _ plain: ByteBuffer, with compressor: inout BlockCompressor?, into output: inout ByteBuffer
    ) throws(CompressionError) -> BlockCompressor.Outcome {
        let length = plain.readableBytes
        let start = self.clock()
        guard
            case .compress(let codec) = self.level.next(length: length, now: start, account: &self.account.account)
        else {
            self.meter?.compressed(plain: length, step: 0, nanoseconds: 0)
            return .stored
        }
        compressor?.change(to: codec)
        let before = output.readableBytes
        let outcome = try compressor?.compress(plain, into: &output) ?? .stored
        let end = self.clock()
        let nanoseconds = end - start
        self.level.compressed(
            plain: length, encoded: outcome == .stored ? length : output.readableBytes - before,
            nanoseconds: nanoseconds, now: end, account: &self.account.account)
        // Noise that was stored is at no step, but looking at it took time.
        self.meter?.compressed(
            plain: outcome == .stored ? 0 : length, step: self.level.step, nanoseconds: nanoseconds)
        return outcome
    }
}
