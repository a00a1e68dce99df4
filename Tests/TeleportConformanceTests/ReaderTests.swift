import NIOCore
import Testing

@testable import TeleportConformance

@Suite("What the tool reads, and what it finds wrong with it")
struct ReaderTests {
    private static func pieces(_ bytes: [UInt8], offered: UInt8 = 0x0F) throws -> [BlockReader.Piece] {
        var reader = BlockReader(offered: offered)
        return try reader.feed(ByteBuffer(bytes: bytes))
    }

    private static func rule(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? Fault)?.rule
        }
    }

    @Test("blocks made by hand decode to what they should", arguments: BlockCodec.allCases)
    func golden(codec: BlockCodec) throws {
        let pieces = try Self.pieces(GoldenBlock.bytes(codec))
        #expect(pieces.count == 1)
        #expect(pieces[0].bytes.suffix(17) == GoldenBlock.ping.bytes[...])
        #expect(pieces[0].bytes.count == GoldenBlock.decodedLength)
    }

    @Test("what the writer encodes the reader decodes, over several blocks", arguments: BlockCodec.coded)
    func roundTrip(codec: BlockCodec) throws {
        var writer = BlockWriter()
        var bytes: [UInt8] = []
        let text = Array(String(repeating: "text, ", count: 100).utf8)
        for _ in 0..<3 { bytes += try writer.encode(text, in: codec).block() }
        let pieces = try Self.pieces(bytes)
        #expect(pieces.map(\.bytes) == [text, text, text])
    }

    @Test("wrong blocks are faults of the rule that they break")
    func blocks() throws {
        #expect(Self.rule { _ = try Self.pieces(Block.header(0x40, encoded: 1, decoded: 1)) } == "V1-11")
        #expect(Self.rule { _ = try Self.pieces(Block.header(0, encoded: 1, decoded: 2)) } == "V1-11")
        #expect(Self.rule { _ = try Self.pieces(Block.header(0x10, encoded: 1, decoded: 1)) } == "V1-13")
        #expect(Self.rule { _ = try Self.pieces(Block.header(0x20, encoded: 1, decoded: 1)) } == "V1-14")
        #expect(Self.rule { _ = try Self.pieces(GoldenBlock.bytes(.zstd), offered: 0x07) } == "V1-1")
        var bytes = GoldenBlock.bytes(.lz4)
        bytes[0] &= 0x0F
        #expect(Self.rule { _ = try Self.pieces(bytes) } == "V1-13")
        bytes = GoldenBlock.bytes(.snappy)
        bytes[4] += 1
        #expect(Self.rule { _ = try Self.pieces(bytes) } == "V1-12")
        #expect(Self.rule { _ = try Self.pieces(GoldenBlock.bytes(.zstd, window: 0x88)) } == "V1-16")
    }

    @Test("a sensitive frame in a coded block, or beside others, is a fault")
    func sensitivity() {
        func read(_ codec: BlockCodec, _ frames: Frame...) throws {
            var reader = FrameReader(headLimit: 65536)
            reader.feed(.init(number: 1, codec: codec, bytes: frames.flatMap(\.bytes)))
            while try reader.next() != nil {}
        }
        let secret = Frame.secrets(1, ["a"])
        #expect(Self.rule { try read(.stored, secret, .secrets(3, ["b"])) } == nil)
        #expect(Self.rule { try read(.flate, secret) } == "V1-19")
        #expect(Self.rule { try read(.stored, secret, .ping(.init(repeating: 0, count: 8))) } == "V1-19")
    }

    @Test("byte by byte gives the same frames as all at once")
    func pieceByPiece() throws {
        let frames = [Frame.settings([.streams: 7]), .data(1, count: 1000, flags: .end), Frame(type: 99)]
        let bytes = frames.flatMap(\.bytes)
        var (whole, piecewise) = (FrameReader(headLimit: 256), FrameReader(headLimit: 256))
        whole.feed(.init(number: 1, codec: .stored, bytes: bytes))
        var (first, second): ([Frame], [Frame]) = ([], [])
        while let frame = try whole.next() { first.append(frame) }
        for (index, byte) in bytes.enumerated() {
            piecewise.feed(.init(number: index, codec: .stored, bytes: [byte]))
            while let frame = try piecewise.next() { second.append(frame) }
        }
        #expect(first == frames && second == frames)
    }

    @Test("heads are read as they were written")
    func heads() throws {
        let head = RequestHead(
            method: 3, target: "/x?y", authority: "host:80",
            fields: [
                Field("Accept", "*/*"), Field("x-own", "1"), Field(secret: "Cookie"),
                Field(name: .number(8), value: .entry(5)),
            ])
        let received = try HeadReader.request(head.bytes)
        #expect(received.methodName == "POST" && received.target == "/x?y" && received.authority == "host:80")
        #expect(
            received.fields == [
                .init(name: "Accept", value: "*/*"), .init(name: "x-own", value: "1"),
                .init(name: "Cookie", value: nil), .init(name: "Accept-Encoding", value: "gzip"),
            ])
        let response = try HeadReader.response(ResponseHead(status: 404, reason: "No", fields: []).bytes)
        #expect(response.status == 404 && response.reason == "No")
    }

    @Test("what checks send as malformed fields is malformed to the reader too", arguments: BadField.all.map(\.word))
    func badFields(word: String) throws {
        let field = try #require(BadField.all.first { $0.word == word })
        var head = RequestHead(target: "/", authority: "host")
        head.fields = [1] + field.bytes
        let rule = Self.rule { _ = try HeadReader.request(head.bytes) }
        #expect(rule == field.rule)
    }

    @Test("messages of v0 are read by their length, and judged")
    func messages() throws {
        func read(_ text: String, _ side: Side) throws -> [Message] {
            var reader = MessageReader(side: side)
            reader.feed([1, 0, 0, 0] + Array(text.utf8))
            var messages: [Message] = []
            while let message = try reader.next() { messages.append(message) }
            return messages
        }
        let messages = try read("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nabc", .server)
        #expect(messages.count == 1 && messages[0].id == 1 && messages[0].status == 200)
        #expect(messages[0].body == Array("abc".utf8) && messages[0].values("a") == ["b"])
        #expect(try read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", .server).isEmpty)
        #expect(Self.rule { _ = try read("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", .server) } == "V0-22")
        #expect(Self.rule { _ = try read("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", .server) } == "V0-25")
        #expect(
            Self.rule { _ = try read("HTTP/1.1 200 X\r\nConnection: x\r\nContent-Length: 0\r\n\r\n", .server) }
                == "V0-23")
        #expect(
            Self.rule { _ = try read("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", .client) } == "V0-24")
        #expect(Self.rule { _ = try read("GET / HTTP/1.1\r\nA: b\r\n\r\n", .client) } == "V0-21")
    }
}
