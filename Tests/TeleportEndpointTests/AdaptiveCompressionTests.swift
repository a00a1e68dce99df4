import NIOCore
import NIOEmbedded
import TeleportCompress
import TeleportTestKit
import TeleportTransport
import TeleportWire
import TestTraits
import Testing

@testable import TeleportEndpoint

/// Rule V1-20 where it meets a connection: the time of blocks is taken, the loop's account asked, the codec changed.
@Suite("Compression within a budget", .computing)
struct AdaptiveCompressionTests {
    /// Text of JSON, of which a higher level makes less.
    private static func text(_ count: Int, _ random: inout SeededRandom) -> ByteBuffer {
        var buffer = ByteBuffer()
        while buffer.readableBytes < count {
            let number = random.next()
            buffer.writeString(
                #"{"id":"\#(number % 9973)","at":\#(number >> 40),"device":{"ua":"Mozilla/5.0 (\#(number % 7))","ip":"10.0.\#(number % 256).1"}},"#
            )
        }
        return buffer.getSlice(at: 0, length: count) ?? ByteBuffer()
    }

    @Test("the level follows the time that blocks take, down to lz4 and up again, and the receiver follows it")
    func follows() throws {
        var random = SeededRandom(seed: 7)
        let clock = ManualClock(now: 1_000_000_000)
        // What a look at the clock adds: so a block takes as long.
        var step: UInt64 = 0
        let account = LoopAccount(
            try CompressionBudget(percent: 30), on: EmbeddedEventLoop(), now: clock.now)
        let counters = TrafficCounters()
        let meter = counters.shard(of: EmbeddedEventLoop())
        var adaptive = AdaptiveCompression(.zstd, usesLZ4: true, account: account, meter: meter) {
            clock.advance(by: step)
        }
        var compressor: BlockCompressor? = BlockCompressor(.zstd)
        var decompressor = BlockDecompressor()
        var seen: Set<CompressionCodec> = []
        var stored = 0
        var codec: CompressionCodec { compressor?.codec ?? .none }
        func send(windows: UInt64, taking: UInt64, pause: UInt64) throws {
            step = taking
            let end = clock.now + windows * CompressionBudget.window
            while clock.now < end {
                let plain = Self.text(16_000, &random)
                var output = ByteBuffer()
                var expanded = ByteBuffer()
                switch try adaptive.compress(plain, with: &compressor, into: &output) {
                case .stored: stored += 1
                case .encoded(let resets):
                    seen.insert(codec)
                    try decompressor.decompress(
                        codec.kind, resets: resets, output, decodedLength: plain.readableBytes, into: &expanded)
                    if expanded != plain { Issue.record("\(codec): bytes changed on the way") }
                }
                clock.advance(by: pause)
            }
        }
        try send(windows: 16, taking: 50_000, pause: 8_000_000)
        #expect(stored == 0)
        #expect(seen.contains(try .zstd(level: 6)))
        try send(windows: 4, taking: 4_000_000, pause: 1_000_000)
        #expect(codec == .lz4)
        #expect(stored > 0)
        try send(windows: 60, taking: 50_000, pause: 8_000_000)
        #expect(codec.kind == .zstd)
        let counted = counters.snapshot
        #expect(counted.plainBytesByStep[0] == stored * 16_000)
        #expect(counted.plainBytesByStep[1] > 0 && counted.plainBytesByStep[2] > 0)
        #expect(counted.compressionNanoseconds > 0)
    }

    @Test("without time a batch leaves stored, and what is sensitive asks for none")
    func stored() throws {
        let loop = EmbeddedEventLoop()
        let account = LoopAccount(try CompressionBudget(percent: 1), on: loop)
        let meter = TrafficCounters()
        var output = FrameOutput(.zstd, account: account, meter: meter.shard(of: loop))
        output.peerDecodes(.all)
        func block() throws -> BlockHeader {
            var outbox = Outbox()
            let count = 20_000
            outbox.beginFrame(of: FrameHeader.headerLength + count, isSensitive: false)
            FrameHeader(.data, length: count, flags: [], stream: CallID(rawValue: 1)).encode(into: &outbox.messages)
            outbox.messages.writeRepeatingByte(65, count: count)
            output.take(&outbox)
            let encoded = try output.encoded()
            var bytes = try #require(encoded)
            return try #require(try BlockHeader.decode(offered: .all, from: &bytes))
        }
        let first = try block()
        #expect(first.codec == .zstd && first.resets)
        // An hour: nothing is compressed for more than a window, and this takes less.
        let now = NIODeadline.now().uptimeNanoseconds
        account.account.compressed(nanoseconds: 3_600_000_000_000, now: now + 3_600_000_000_000)
        #expect(try block().codec == .stored)
        #expect(meter.snapshot.plainBytesByStep[0] > 20_000)
    }

    @Test("connections of a loop with the same budget have one account, which goes with the last of them")
    func accounts() throws {
        let (loop, other) = (EmbeddedEventLoop(), EmbeddedEventLoop())
        let budget = try CompressionBudget(percent: 31)
        var first: LoopAccount? = .of(loop, budget)
        weak let kept = first
        #expect(LoopAccount.of(loop, budget) === first)
        #expect(LoopAccount.of(other, budget) !== first)
        #expect(LoopAccount.of(loop, try CompressionBudget(percent: 32)) !== first)
        first = nil
        #expect(kept == nil)
    }

    @Test("a budget without a codec is none")
    func nothingToCompress() throws {
        var configuration = ClientConfiguration(address: .memory(name: "nobody"))
        configuration.compressionBudget = try CompressionBudget(percent: 30)
        #expect(configuration.compressionAccount(on: EmbeddedEventLoop()) == nil)
        configuration.compression = .zstd
        #expect(configuration.compressionAccount(on: EmbeddedEventLoop()) != nil)
    }
}
