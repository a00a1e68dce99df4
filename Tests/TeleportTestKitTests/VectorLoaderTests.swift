import Testing

import struct NIOCore.ByteBuffer

import TeleportTestKit

@Suite struct VectorLoaderTests {
    @Test("every recording loads, and its plain bytes are there whenever both preface and codec are known")
    func loadsAll() throws {
        let transcripts = try VectorLoader().loadAll()
        #expect(transcripts.count == 100)
        for transcript in transcripts where transcript.rawKind == nil {
            for side in LossyPair.Side.allCases {
                #expect(transcript.plain(from: side) != nil, "\(transcript.name)")
                #expect(transcript.bytes(from: side).readableBytesView.starts(with: transcript.sniffHeader.utf8))
                #expect(
                    transcript.bytes(from: side).getInteger(at: transcript.sniffHeader.utf8.count, as: UInt8.self)
                        == transcript.protocolVersion)
            }
        }
    }

    @Test("an HTTP recording's fields")
    func http() throws {
        let transcript = try VectorLoader().load("http_429_snappy")
        #expect(transcript.messageFormat == .http)
        #expect(transcript.clientCodec == "snappy")
        #expect(transcript.prefaceLength == 15)
        #expect(transcript.requests.map(\.id) == [1, 2, 3])
        #expect(transcript.requests[1].method == "POST")
        #expect(transcript.requests[1].target == "/echo")
        #expect(transcript.requests[1].fields.map(\.name) == ["Host", "Content-Type", "Content-Length"])
        #expect(transcript.requests[1].plainRange == 45..<153)
        #expect(transcript.responses.map(\.id) == [2, 1, 3])
        #expect(transcript.responses[0].status == 429)
        #expect(transcript.clientResults.map(\.status) == [200, 429, 200])
    }

    @Test("the last bytes of a recorded request with a body are the body that its hash says")
    func bodies() throws {
        let transcript = try VectorLoader().load("http_429_snappy")
        let plain = try #require(transcript.clientPlain)
        let request = transcript.requests[1]
        let end = try #require(request.plainRange).upperBound
        let body = try #require(plain.getSlice(at: end - request.body.length, length: request.body.length))
        #expect(request.body.matches(body))
        #expect(!request.body.matches(ByteBuffer(string: "rejecteD")))
    }

    @Test("a TLV recording's fields, one-way calls too")
    func tlv() throws {
        let transcript = try VectorLoader().load("tlv_nowait_none")
        #expect(transcript.messageFormat == .tlv)
        #expect(transcript.sniffHeader == "tlvoracle")
        #expect(transcript.protocolVersion == 7)
        #expect(transcript.handshakeLength == 12)
        #expect(transcript.requests.contains { $0.id == 0 })
        #expect(transcript.clientResults.contains { $0.isOneWay && $0.name == "one" })
    }

    @Test("a recording that is not there is named in the error")
    func missing() throws {
        let error = try #require(throws: VectorLoader.LoadError.self) { try VectorLoader().load("nothing") }
        #expect(error.description.contains("nothing.json"))
    }
}
