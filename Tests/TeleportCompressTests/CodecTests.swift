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

    @Test("flate says whose work it is, and other codecs have no choice")
    func flateLibrary() throws {
        #expect(try CompressionCodec.flate(level: 9).flateLibrary == .zlib)
        #expect(CompressionCodec.zstd.flateLibrary == nil)
        #expect(CompressionCodec.none.flateLibrary == nil)
        #expect("\(FlateLibrary.zlib), \(FlateLibrary.isal)" == "zlib, ISA-L")
        let isDefault = CompressionCodec.flate.flateLibrary == .zlib
        #expect("\(CompressionCodec.flate)" == (isDefault ? "flate (level 6)" : "flate (level 6, ISA-L)"))
    }

    @Test("levels outside 1 to 9 are refused", arguments: [-1, 0, 10, .max])
    func levels(level: Int) {
        #expect(throws: CompressionError(.invalidLevel(level))) { try CompressionCodec.flate(level: level) }
    }

    @Test("zstd has level 1 and a window of 2^17 by default, and says so when it has another")
    func zstdParameters() throws {
        #expect(CompressionCodec.zstd.level == 1)
        #expect(CompressionCodec.zstd.windowLog == 17)
        #expect(try CompressionCodec(name: "zstd") == .zstd)
        #expect(try CompressionCodec.zstd(level: 1) == .zstd)
        #expect(CompressionCodec.flate.windowLog == nil)
        #expect("\(try CompressionCodec.zstd(level: 19))" == "zstd (level 19)")
        #expect("\(try CompressionCodec.zstd(level: 3, windowLog: 20))" == "zstd (level 3, window 2^20)")
    }

    @Test("levels of zstd outside 1 to 19 are refused", arguments: [.min, -1, 0, 20, .max])
    func zstdLevels(level: Int) {
        #expect(throws: CompressionError(.invalidZstdLevel(level))) { try CompressionCodec.zstd(level: level) }
    }

    @Test("windows of zstd outside 2^10 to 2^27 are refused", arguments: [.min, 0, 9, 28, .max])
    func zstdWindows(windowLog: Int) {
        #expect(throws: CompressionError(.invalidWindowLog(windowLog))) {
            try CompressionCodec.zstd(level: 1, windowLog: windowLog)
        }
    }

    @Test("unknown names are refused", arguments: ["", "gzip", "Flate", "lz4 "])
    func unknownNames(name: String) {
        #expect(throws: CompressionError(.unknownCodec(name))) { try CompressionCodec(name: name) }
    }

    @Test("messages are one sentence that names what matters")
    func messages() {
        #expect(CompressionError(.outputLimitExceeded(limit: 4096)).message.contains("4096"))
        #expect(CompressionError(.invalidLevel(12)).message.contains("12"))
        #expect(CompressionError(.invalidZstdLevel(20)).message.contains("20"))
        #expect(CompressionError(.invalidWindowLog(28)).message.contains("2^28"))
        #expect(CompressionError(.windowTooLarge(limit: 131_072)).message.contains("131072"))
        #expect(CompressionError(.unknownCodec("gzip")).description.contains("'gzip'"))
        #expect(CompressionError(.unsupportedChunk(2)).message.hasSuffix("."))
    }
}
