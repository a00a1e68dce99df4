internal import NIOCore
internal import TeleportCompress

/// Rules V0-15 to V0-19.
enum CompressionChecks {
    @ChecksBuilder
    static var server: [Check] {
        for codec in StreamCodec.allCases {
            Check.server(
                codec.rule, "\(codec)-requests", "Requests and bodies in \(codec), in many batches", expected: "answers"
            ) { run in
                let peer = try await self.open(run, codec)
                for id: UInt32 in 1...5 {
                    try await peer.send((id, run.postText(run.echo, body: self.body(Int(id) * 5000))))
                    _ = try await peer.answer(to: id)
                }
                return "five answers"
            }
            Check.server(
                "V0-15", "\(codec)-pieces", "A request in \(codec), byte by byte", expected: "an answer"
            ) { run in
                let peer = try await self.open(run, codec)
                await peer.link.writeByteByByte(
                    try peer.encoded(StreamPeer.bytes(1, run.postText(run.echo, body: self.body(300)))))
                return try await peer.answer(to: 1).words
            }
        }
        for stream in BadStream.all {
            Check.server(stream.rule, stream.word, stream.title, expected: stream.expected) { run in
                let peer = try await self.open(run, stream.codec)
                await peer.link.write(try stream.bytes(peer, StreamPeer.bytes(1, run.text())))
                guard stream.isFault else { return try await peer.answer(to: 1).words }
                let seen = try await peer.ended()
                guard peer.messages.isEmpty || stream.mayAnswer else { throw Departure(seen) }
                return seen
            }
        }
        Check.server(
            "V0-19", "bomb", "100 MiB of zeros in flate, as a body that is too large",
            expected: "413 or closed, and others served", needs: [.defaults]
        ) { run in
            let peer = try await run.openStream(.flate)
            let length = 100 << 20
            try await peer.send(
                bytes: StreamPeer.bytes(1, run.text("POST", "/", fields: ["Content-Length: \(length)"])))
            let zeros = try peer.encoded(.init(repeating: 0, count: 4 << 20))
            for _ in 0..<(length >> 22) { peer.link.enqueue(zeros) }
            _ = try await peer.advance { !$0.messages.isEmpty }
            if let answer = peer.messages.first, answer.status != 413 { throw Departure(answer.words) }
            guard !peer.messages.isEmpty || peer.end != nil else { throw Departure(peer.words()) }
            try await run.survives(try await run.openStream())
            return peer.words()
        }
    }

    static func body(_ count: Int) -> String {
        String(String(repeating: "some text that repeats itself, ", count: count / 31 + 1).prefix(count))
    }

    private static func open(_ run: ServerProbe, _ codec: StreamCodec) async throws -> StreamPeer {
        do {
            return try await run.openStream(codec)
        } catch let departure as Departure where codec == .lz4 {
            throw NotObserved("lz4 is an extension that the reference does not have: \(departure.seen)")
        }
    }
}

/// A compressed stream that is wrong, or odd.
struct BadStream: Sendable {
    let codec: StreamCodec
    let word: String
    let title: String
    let isFault: Bool
    /// Whether what comes before the fault may be answered.
    var mayAnswer = false
    /// The bytes that carry a message, or fail to.
    let bytes: @Sendable (StreamPeer, [UInt8]) throws -> [UInt8]

    var rule: String { self.codec.rule }
    var expected: String { self.isFault ? "closed" : "accepted" }

    static let all: [BadStream] = [
        .init(codec: .flate, word: "garbage", title: "Bytes that are no DEFLATE", isFault: true) { _, _ in
            .init(repeating: 0xFF, count: 64)
        },
        .init(codec: .flate, word: "behind-final", title: "Bytes behind a final block", isFault: true, mayAnswer: true)
        {
            _, message in
            // Stored blocks: the message in one that says it is the last, then another one.
            Self.storedBlock(message, isFinal: true) + Self.storedBlock(message, isFinal: false)
        },
        .init(codec: .flate, word: "stored-blocks", title: "Blocks that are stored", isFault: false) { _, message in
            Self.storedBlock(message, isFinal: false) + Self.storedBlock([], isFinal: false)
        },
        .init(codec: .snappy, word: "no-identifier", title: "A stream without its identifier", isFault: true) {
            peer, message in
            Array(try peer.encoded(message).dropFirst(10))
        },
        .init(codec: .snappy, word: "checksum", title: "A chunk with a wrong checksum", isFault: true) {
            peer, message in
            var bytes = try peer.encoded(message)
            // Behind the identifier, the type and the length.
            bytes[14] ^= 1
            return bytes
        },
        .init(codec: .snappy, word: "skippable", title: "Chunks of types 80, fd and fe", isFault: false) {
            peer, message in
            let bytes = try peer.encoded(message)
            let skipped: [UInt8] = [0x80, 3, 0, 0, 1, 2, 3, 0xFD, 0, 0, 0, 0xFE, 1, 0, 0, 9]
            return bytes.prefix(10) + skipped + bytes.dropFirst(10)
        },
        .init(codec: .snappy, word: "unskippable", title: "A chunk of type 02", isFault: true) { peer, message in
            let bytes = try peer.encoded(message)
            return bytes.prefix(10) + [0x02, 0, 0, 0] + bytes.dropFirst(10)
        },
        .init(codec: .snappy, word: "too-long", title: "A chunk over its limit", isFault: true) { peer, message in
            let bytes = try peer.encoded(message)
            return bytes.prefix(10) + [0x01, 0xFF, 0xFF, 0xFF] + bytes.dropFirst(10)
        },
        .init(codec: .lz4, word: "grown", title: "A block that did not shrink", isFault: true) { _, message in
            Self.lz4Block(plain: message.count, encoded: message.count) + message
        },
        .init(codec: .lz4, word: "inexact", title: "A block that expands to less than announced", isFault: true) {
            _, message in
            Self.lz4Block(plain: 100, encoded: 6) + [0x50] + message.prefix(5)
        },
        .init(codec: .lz4, word: "stored", title: "A block that is stored", isFault: false) { _, message in
            Self.lz4Block(plain: message.count, encoded: 0) + message
        },
        .init(codec: .lz4, word: "no-history", title: "A match that reaches back behind the start", isFault: true) {
            _, message in
            Self.lz4Block(plain: 100, encoded: 10) + [0x1F, 0x61, 0xFF, 0x00, 70, 0x50, 1, 2, 3, 4]
        },
    ]

    private static func storedBlock(_ bytes: [UInt8], isFinal: Bool) -> [UInt8] {
        let count = UInt16(bytes.count)
        return [isFinal ? 1 : 0] + [UInt8](littleEndian: count) + [UInt8](littleEndian: ~count) + bytes
    }

    private static func lz4Block(plain: Int, encoded: Int) -> [UInt8] {
        [UInt8](littleEndian: UInt16(plain - 1)) + [UInt8](littleEndian: UInt16(encoded))
    }
}
