import NIOCore
import TeleportCompress
import TeleportTestKit
import TeleportWire
import TestTraits
import Testing

@testable import TeleportEndpoint

@Suite("Batches of frames as blocks", .computing)
struct FrameOutputTests {
    private static let settings = SettingsV1()

    private static func output(_ codec: CompressionCodec) -> FrameOutput {
        var output = FrameOutput(codec)
        output.peerDecodes(.all)
        return output
    }

    /// DATA with so many bytes.
    private static func data(_ id: UInt32, _ count: Int, isSensitive: Bool = false, into outbox: inout Outbox) {
        outbox.beginFrame(of: FrameHeader.headerLength + count, isSensitive: isSensitive)
        FrameHeader(
            .data, length: count, flags: isSensitive ? .sensitive : [], stream: CallID(rawValue: id)
        ).encode(into: &outbox.messages)
        outbox.messages.writeRepeatingByte(UInt8(truncatingIfNeeded: id), count: count)
    }

    /// The blocks in `bytes`, as their headers say.
    private static func blocks(_ bytes: ByteBuffer) throws -> [(header: BlockHeader, content: ByteBuffer)] {
        var rest = bytes
        var blocks: [(BlockHeader, ByteBuffer)] = []
        while rest.readableBytes > 0 {
            let decoded = try BlockHeader.decode(offered: .all, from: &rest)
            let header = try #require(decoded)
            let content = rest.readSlice(length: header.encodedLength)
            blocks.append((header, try #require(content)))
        }
        return blocks
    }

    private static func wholeFrames(in block: ByteBuffer) throws -> [Frame] {
        var rest = block
        var frames: [Frame] = []
        while let frame = try Frame.decode(headLimit: self.settings.maxHeadSize, from: &rest) { frames.append(frame) }
        #expect(rest.readableBytes == 0, "a frame goes beyond its block")
        return frames
    }

    @Test("stored, a batch of several blocks is cut between frames and leaves in the memory it was written in")
    func inPlace() throws {
        var output = Self.output(.none)
        var outbox = Outbox()
        for id in 1...9 { Self.data(UInt32(id), 20_000, into: &outbox) }
        outbox.credit(5, to: nil)
        let memory = outbox.messages.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        output.take(&outbox)
        let encoded = try output.encoded()
        let bytes = try #require(encoded)
        #expect(bytes.withUnsafeReadableBytes { memory - UInt(bitPattern: $0.baseAddress) } == 7 + 13)
        let blocks = try Self.blocks(bytes)
        let frames = try blocks.map { try Self.wholeFrames(in: $0.content).map { $0.header.stream?.rawValue ?? 0 } }
        #expect(frames == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]])
        #expect(blocks.allSatisfy { $0.header.codec == .stored })
    }

    @Test("a head that could not be sent leaves nothing behind, also where a block would have begun with it")
    func givenUp() throws {
        var output = Self.output(.none)
        var outbox = Outbox()
        Self.data(1, 60_000, into: &outbox)
        outbox.beginFrame(of: 10_000)
        output.take(&outbox)
        let encoded = try output.encoded()
        let blocks = try Self.blocks(try #require(encoded))
        #expect(try blocks.flatMap { try Self.wholeFrames(in: $0.content) }.map(\.header.length) == [60_000])
    }

    @Test(
        "whatever is put in comes out in the order of V1-44, secrets and what is sensitive in stored blocks",
        arguments: [CompressionCodec.none, .zstd, .flate])
    func anything(codec: CompressionCodec) throws {
        var random = SeededRandom()
        var output = Self.output(codec)
        var input = FrameInput(offered: .all, settings: Self.settings)
        for _ in 0..<60 {
            var outbox = Outbox()
            var (control, secrets, messages): ([String], [String], [String]) = ([], [], [])
            for id in 1...UInt32.random(in: 1...40, using: &random) {
                let isSensitive = Int.random(in: 0..<8, using: &random) == 0
                switch Int.random(in: 0..<12, using: &random) {
                case 0:
                    outbox.credit(Int(id), to: CallID(rawValue: id))
                    control.append("credit \(id) 4")
                case 1:
                    outbox.secretValues = ByteBuffer(repeating: 7, count: 30)
                    outbox.placeSecrets(of: CallID(rawValue: id), isSensitive: isSensitive)
                    secrets.append("secrets \(id) 30")
                case 2:
                    outbox.cancel(CallID(rawValue: id), .cancelled)
                    messages.append("cancel \(id) 2")
                case 3:
                    // What does not fit a block together with its header.
                    Self.data(id, 65_536, isSensitive: isSensitive, into: &outbox)
                    messages.append("data \(id) 65536")
                default:
                    let count = Int.random(in: 0...(1 << Int.random(in: 0...15, using: &random)), using: &random)
                    Self.data(id, count, isSensitive: isSensitive, into: &outbox)
                    messages.append("data \(id) \(count)")
                }
            }
            output.take(&outbox)
            let encoded = try output.encoded()
            var bytes = try #require(encoded)
            #expect(try Self.blocks(bytes).allSatisfy { $0.header.decodedLength <= 65_536 }, "\(random)")
            var seen: [String] = []
            // FrameInput refuses what is sensitive in a coded block.
            input.beginTurn()
            while let frame = try input.next(&bytes) {
                let type = frame.header.type.map { "\($0)" } ?? "?"
                seen.append("\(type) \(frame.header.stream?.rawValue ?? 0) \(frame.payload.readableBytes)")
            }
            #expect(seen == control + secrets + messages, "\(random)")
        }
    }
}
