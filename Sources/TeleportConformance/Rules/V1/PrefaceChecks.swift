internal import NIOCore
internal import NIOSSL

/// Rules V1-1 to V1-5, of servers.
enum PrefaceChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server("V1-1", "preface", "The server's preface", expected: "magic, version 1, known bits, 0") { run in
            let peer = try await run.begin(offering: 0)
            try await peer.require { $0.hasPreface }
            return "a preface that decodes \(peer.mask == 0 ? "nothing" : "mask \(peer.mask)")"
        }
        Check.server("V1-1", "byte-by-byte", "Preface and frames, byte by byte", expected: "an answer") { run in
            let peer = try await run.dial()
            let blocks = try peer.encoded([.settings(), run.get(1)])
            await peer.link.writeByteByByte(FramedPreface.bytes() + blocks)
            return try await peer.answer(to: 1).words
        }
        Check.server("V1-1", "unknown-bits", "Bits of the mask that nobody knows", expected: "ignored: an answer") {
            run in
            let peer = try await run.open(offering: 0xF0)
            try await peer.send(run.get(1))
            return try await peer.answer(to: 1).words
        }
        Check.server("V1-1", "none-offered", "A client that decodes nothing", expected: "stored blocks only") { run in
            let peer = try await run.open()
            return try await self.answers(run, peer)
        }
        for codec in BlockCodec.coded { self.only(codec) }
        for preface in WrongPreface.all { preface.server }
        self.handshake
        self.secure
    }

    private static func only(_ codec: BlockCodec) -> Check {
        Check.server(
            "V1-1", "only-\(codec)", "A client that decodes \(codec) and nothing else",
            expected: "blocks in \(codec), and stored ones"
        ) { run in
            let peer = try await run.open(offering: codec.mask)
            return try await self.answers(run, peer)
        }
    }

    /// Has the server send something that is worth compressing. Blocks that were not offered are noticed on the way.
    static func answers(_ run: ServerProbe, _ peer: FramedPeer) async throws -> String {
        let body = Array(String(repeating: "the same again and again, ", count: 400).utf8)
        for id: UInt32 in 1...4 {
            try await peer.send(run.post(id, run.echo, body: body))
            try await peer.answer(to: id)
        }
        return peer.blocks.words
    }

    @ChecksBuilder
    private static var handshake: [Check] {
        Check.server("V1-3", "at-once", "The client's preface and nothing more", expected: "the server's preface") {
            run in
            let peer = try await run.begin(offering: 0)
            try await peer.require { $0.hasPreface }
            return "its preface"
        }
        Check.server("V1-3", "blocks-behind", "Preface, SETTINGS and a request in one packet", expected: "an answer") {
            run in
            let peer = try await run.dial()
            let blocks = try peer.encoded([.settings(), run.get(1)])
            await peer.link.write(FramedPreface.bytes() + blocks)
            return try await peer.answer(to: 1).words
        }
        Check.server("V1-3", "silent-client", "A client that sends nothing", expected: "closed within 3 s") { run in
            try await self.closes(try await run.connect(), within: .seconds(3) + run.timeout)
        }
        Check.server("V1-3", "half-preface", "A client that sends 14 of its 15 bytes", expected: "closed within 3 s") {
            run in
            let link = try await run.connect()
            await link.write(FramedPreface.bytes().dropLast())
            return try await self.closes(link, within: .seconds(3) + run.timeout)
        }
    }

    @ChecksBuilder
    private static var secure: [Check] {
        Check.server("V1-4", "no-alpn", "TLS without ALPN", expected: "closed", needs: [.tls]) { run in
            try await self.refused(run, protocols: [])
        }
        Check.server("V1-4", "other-alpn", "TLS with ALPN h2", expected: "closed", needs: [.tls]) { run in
            try await self.refused(run, protocols: ["h2"])
        }
        Check.server("V1-4", "old-tls", "TLS 1.1", expected: "closed", needs: [.tls]) { run in
            try await self.refused(run, protocols: [ServerProbe.applicationProtocol], maximumVersion: .tlsv11)
        }
        Check.server("V1-4", "plain", "A plain client of a server with TLS", expected: "closed", needs: [.tls]) { run in
            let link = try await run.connectPlain()
            await link.write(FramedPreface.bytes())
            let (bytes, end) = await link.readToEnd(within: run.timeout)
            guard end == nil else { return "closed" + (bytes.readableBytes > 0 ? " behind \(bytes.words)" : "") }
            throw NotObserved("the server serves plain clients: it may have been told to")
        }
        Check.server("V1-4", "alpn", "TLS with ALPN teleport/1", expected: "agreed on, and served", needs: [.tls]) {
            run in
            let peer = try await run.open()
            try await peer.send(run.get(1))
            return "teleport/1, \(try await peer.answer(to: 1).words)"
        }
    }

    private static func refused(
        _ run: ServerProbe, protocols: [String], maximumVersion: TLSVersion? = nil
    ) async throws -> String {
        let link = try await run.connectPlain()
        do {
            try await run.secure(link, protocols: protocols, maximumVersion: maximumVersion)
        } catch let departure as Departure {
            return departure.seen
        }
        await link.write(FramedPreface.bytes())
        return try await self.closes(link, within: run.timeout)
    }

    /// Waits for the end of a connection on which the peer must not send a byte.
    static func closes(_ link: Link, within limit: Duration) async throws -> String {
        let clock = ContinuousClock()
        let start = clock.now
        let (bytes, end) = await link.readToEnd(within: limit)
        guard bytes.readableBytes == 0 else { throw Departure("\(bytes.words), \(end?.words ?? "and open still")") }
        guard let end else { throw Departure("nothing, and open still after \(limit.words)") }
        let took = clock.now - start
        return took > .milliseconds(500) ? "\(end.words) after \((took.nanoseconds / 100_000_000) * 100) ms" : end.words
    }
}

/// A preface with a byte that is wrong, and nothing behind that byte (rule V1-2).
struct WrongPreface {
    let word: String
    let title: String
    let bytes: [UInt8]

    static let all = [
        WrongPreface(word: "first-byte", title: "A first byte that is not the magic's", bytes: [0x58]),
        WrongPreface(
            word: "last-of-magic", title: "A wrong byte at the end of the magic",
            bytes: FramedPreface.magic.dropLast() + [0x58]),
        WrongPreface(word: "version", title: "Version 2", bytes: FramedPreface.magic + [2]),
        WrongPreface(word: "last-byte", title: "1 for the last byte", bytes: FramedPreface.bytes(last: 1)),
    ]

    var server: Check {
        Check.server("V1-2", self.word, self.title, expected: "closed there, without a byte") { run in
            let link = try await run.connect()
            await link.write(self.bytes)
            return try await PrefaceChecks.closes(link, within: run.timeout)
        }
    }

    var client: Check {
        Check.client("V1-2", self.word, self.title, expected: "closed there") { run in
            let (link, _) = try await run.acceptPreface()
            await link.write(self.bytes)
            // What the client sends right behind its preface, if it knows the server, may be on its way.
            let (_, end) = await link.readToEnd(within: run.timeout)
            guard let end else { throw Departure("open still after \(run.timeout.words)") }
            return end.words
        }
    }
}

extension BlockReader {
    /// How many blocks came in each codec.
    var words: String {
        let counts = self.counts.sorted { $0.key.rawValue < $1.key.rawValue }
        return counts.map {
            "\($0.value) \($0.value == 1 ? "block" : "blocks") \($0.key == .stored ? "" : "in ")\($0.key)"
        }
        .joined(separator: ", ")
    }
}

extension ByteBuffer {
    /// For the column "seen".
    var words: String { Array(self.readableBytesView).hex() }
}
