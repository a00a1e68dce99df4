import TestTraits
import Testing

import TeleportCompress
import TeleportTestKit

/// What the reference implementation, with Go's codecs, put on the wire.
@Suite(.computing) struct VectorTests {
    static let recorded: [(String, LossyPair.Side)] = {
        guard let transcripts = try? VectorLoader().loadAll() else { return [] }
        return transcripts.flatMap { transcript in
            LossyPair.Side.allCases
                .filter { transcript.codec(from: $0) != "none" && transcript.payload(from: $0) != nil }
                .map { (transcript.name, $0) }
        }
    }()

    @Test("there are recordings of both codecs in both directions")
    func presence() {
        #expect(Self.recorded.count == 40)
    }

    @Test(
        "a recorded direction expands to its plain bytes, whole, byte by byte and in random cuts", arguments: recorded)
    func expands(name: String, side: LossyPair.Side) throws {
        let transcript = try VectorLoader().load(name)
        let kind = try CodecKind(name: transcript.codec(from: side))
        let payload = try #require(transcript.payload(from: side))
        let plain = try #require(transcript.plain(from: side))
        #expect(try expanded(payload, kind) == plain)
        #expect(try expandedInAllCuts(payload, kind) == plain)
    }

    @Test("a recorded direction survives our own compressors", arguments: recorded)
    func roundTrip(name: String, side: LossyPair.Side) throws {
        let plain = try #require(try VectorLoader().load(name).plain(from: side))
        for kind in CodecKind.allCases {
            #expect(try expanded(try compressed(plain, CompressionCodec(kind)), kind) == plain)
        }
    }
}
