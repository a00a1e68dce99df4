internal import NIOCore

/// Rules V1-1 to V1-5, of clients.
extension PrefaceChecks {
    @ChecksBuilder
    static var client: [Check] {
        Check.client("V1-1", "preface", "The client's preface", expected: "magic, version 1, known bits, 0") { run in
            let (_, mask) = try await run.acceptPreface()
            return "a preface that decodes \(mask == 0 ? "nothing" : "mask \(mask)")"
        }
        Check.client("V1-1", "byte-by-byte", "Preface and SETTINGS, byte by byte", expected: "a request") { run in
            let (link, mask) = try await run.acceptPreface()
            let peer = run.peer(on: link, decoding: mask)
            let blocks = try peer.encoded([.settings()])
            await link.writeByteByByte(FramedPreface.bytes() + blocks)
            return try await self.requests(run, peer, count: 1)
        }
        Check.client("V1-1", "unknown-bits", "Bits of the mask that nobody knows", expected: "ignored") { run in
            try await self.requests(run, try await run.open(offering: 0xF0), count: 1)
        }
        Check.client("V1-1", "none-offered", "A server that decodes nothing", expected: "stored blocks only") { run in
            try await self.requests(run, try await run.open(), count: 3)
        }
        for codec in BlockCodec.coded {
            Check.client(
                "V1-1", "only-\(codec)", "A server that decodes \(codec) and nothing else",
                expected: "blocks in \(codec), and stored ones"
            ) { run in
                try await self.requests(run, try await run.open(offering: codec.mask), count: 3)
            }
        }
        for preface in WrongPreface.all { preface.client }
        self.clientHandshake
    }

    /// Answers requests. Blocks that were not offered are noticed on the way.
    static func requests(_ run: ClientProbe, _ peer: FramedPeer, count: Int) async throws -> String {
        for _ in 0..<count {
            let exchange = try await run.request(on: peer)
            try await peer.send(ClientProbe.answer(exchange))
        }
        return "\(count) \(count == 1 ? "request" : "requests"); \(peer.blocks.words)"
    }

    @ChecksBuilder
    private static var clientHandshake: [Check] {
        Check.client("V1-3", "silent-server", "A server that sends nothing", expected: "closed within 3 s") { run in
            let (link, _) = try await run.acceptPreface()
            let (_, end) = await link.readToEnd(within: .seconds(3) + run.timeout)
            guard let end else { throw Departure("open still after \((.seconds(3) + run.timeout).words)") }
            return end.words
        }
        Check.client("V1-3", "half-preface", "A server that sends 14 of its 15 bytes", expected: "closed within 3 s") {
            run in
            let (link, _) = try await run.acceptPreface()
            await link.write(FramedPreface.bytes().dropLast())
            let (_, end) = await link.readToEnd(within: .seconds(3) + run.timeout)
            guard let end else { throw Departure("open still after \((.seconds(3) + run.timeout).words)") }
            return end.words
        }
        Check.client("V1-4", "alpn", "TLS with ALPN teleport/1", expected: "agreed on", needs: [.tls]) { run in
            let peer = try await run.open()
            return "teleport/1, \(try await self.requests(run, peer, count: 1))"
        }
        Check.client(
            "V1-4", "no-alpn", "A server with TLS and no ALPN", expected: "closed without a byte", needs: [.tls]
        ) { run in
            let link = try await run.accept()
            guard let security = run.subject.security else { throw NotObserved(Need.tls.absence) }
            try await link.startTLS { try security.makeHandler(protocols: []) }
            _ = await link.secured(within: .seconds(3))
            return try await self.closes(link, within: run.timeout)
        }
        Check.client(
            "V1-5", "known-address", "An orderly end behind 15 bytes, at an address that spoke v1",
            expected: "v1 on the next connection"
        ) { run in
            let known = try await run.open()
            try await run.survives(known)
            await known.link.close()
            let (link, _) = try await run.acceptPreface()
            await link.close()
            return try await FallbackChecks.next(run, speaks: 1)
        }
    }
}

/// Rule V1-5 with a client that knows nothing of the address yet. Once it has fallen back it stays with v0 for ten minutes,
/// so these are the first checks of a run on v0.
enum FallbackChecks {
    @ChecksBuilder
    static var client: [Check] {
        Check.client(
            "V1-5", "waits", "The first connection to an address that is not known", expected: "15 bytes, then nothing",
            wire: .v0
        ) { run in
            let link = try await run.accept()
            guard try await run.readPreface(link)[12] == 1 else { throw NotObserved("the client speaks v0") }
            // Long enough for whatever was sent along.
            if case .bytes(let bytes) = await link.read(within: .milliseconds(300)) {
                throw Departure("\(bytes.words) behind its preface")
            }
            await link.reset()
            return "15 bytes"
        }
        self.stays("reset", "A reset behind 15 bytes") { await $0.reset() }
        self.stays("one-byte", "An orderly end behind one byte") { link in
            await link.write([0x68])
            await link.close()
        }
        self.stays("silence", "A server that says nothing") { link in
            _ = await link.readToEnd(within: .seconds(5))
        }
        Check.client(
            "V1-5", "falls-back", "An orderly end with not one byte sent", expected: "v0 on the next connection",
            wire: .v0
        ) { run in
            let link = try await run.accept()
            guard try await run.readPreface(link)[12] == 1 else { throw NotObserved("the client speaks v0 already") }
            await link.close()
            return try await self.next(run, speaks: 0)
        }
    }

    private static func stays(_ word: String, _ title: String, end: @escaping @Sendable (Link) async -> Void) -> Check {
        Check.client("V1-5", word, title, expected: "v1 on the next connection", wire: .v0) { run in
            let link = try await run.accept()
            guard try await run.readPreface(link)[12] == 1 else { throw NotObserved("the client speaks v0 already") }
            await end(link)
            return try await self.next(run, speaks: 1)
        }
    }

    /// Waits for the next connection, and looks at the version of its preface.
    static func next(_ run: ClientProbe, speaks version: UInt8) async throws -> String {
        let link = try await run.acceptSecured()
        let preface = try await run.readPreface(link)
        // Nothing that a client could take for an old server.
        await link.reset()
        guard preface[12] == version else { throw Departure("a preface of v\(preface[12])") }
        return "a preface of v\(version)"
    }
}
