import Testing

import TeleportCompress

@Suite struct CodecTests {
    @Test("names lead to codecs and back", arguments: CodecKind.allCases)
    func names(kind: CodecKind) throws {
        #expect(try CodecKind(name: kind.name) == kind)
        #expect(try CompressionCodec(name: kind.name).kind == kind)
        #expect(CompressionCodec(kind).name == kind.name)
    }

    @Test("the default level of flate is 6, and other codecs have none")
    func defaultLevel() throws {
        #expect(CompressionCodec.flate.level == 6)
        #expect(try CompressionCodec(name: "flate") == .flate)
        #expect(try CompressionCodec.flate(level: 6) == .flate)
        #expect(CompressionCodec.snappy.level == nil)
        #expect("\(try CompressionCodec.flate(level: 9))" == "flate (level 9)")
    }

    @Test("levels outside 1 to 9 are refused", arguments: [-1, 0, 10, .max])
    func levels(level: Int) {
        #expect(throws: CompressionError(.invalidLevel(level))) { try CompressionCodec.flate(level: level) }
    }

    @Test("unknown names are refused", arguments: ["", "gzip", "Flate", "lz4 "])
    func unknownNames(name: String) {
        #expect(throws: CompressionError(.unknownCodec(name))) { try CompressionCodec(name: name) }
    }

    @Test("messages are one sentence that names what matters")
    func messages() {
        #expect(CompressionError(.outputLimitExceeded(limit: 4096)).message.contains("4096"))
        #expect(CompressionError(.invalidLevel(12)).message.contains("12"))
        #expect(CompressionError(.unknownCodec("gzip")).description.contains("'gzip'"))
        #expect(CompressionError(.unsupportedChunk(2)).message.hasSuffix("."))
    }
}
