internal import NIOCore

/// Rules V0-1 to V0-5 and V0-12, of servers.
enum HandshakeChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server("V0-1", "preface", "The server's preface", expected: "magic, version 0, a known tag, the TLS flag")
        {
            run in
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes(tls: run.isSecure ? 1 : 0))
            let preface = try await run.readStreamPreface(link)
            return "\(preface.codec), TLS \(preface.tls)"
        }
        Check.server("V0-1", "byte-by-byte", "Preface and request, byte by byte", expected: "an answer") { run in
            let link = try await run.connectPlain()
            await link.writeByteByByte(StreamPreface.bytes(tls: run.isSecure ? 1 : 0))
            let peer = try await run.stream(on: link)
            await link.writeByteByByte(StreamPeer.bytes(1, run.text()))
            return try await peer.answer(to: 1).words
        }
        self.wrong("V0-2", "first-byte", "A first byte that is not the magic's", [0x58])
        self.wrong(
            "V0-2", "last-of-magic", "A wrong byte at the end of the magic", StreamPreface.magic.dropLast() + [0x58])
        self.wrong("V0-2", "http", "An HTTP/1.1 request", Array("GET / HTTP/1.1\r\n".utf8))
        self.wrong("V0-3", "version-2", "Version 2", StreamPreface.magic + [2])
        self.wrong("V0-3", "version-255", "Version 255", StreamPreface.magic + [255])
        self.codecs
        self.tls
        self.times
    }

    private static func wrong(_ rule: String, _ word: String, _ title: String, _ bytes: [UInt8]) -> Check {
        .server(rule, word, title, expected: "closed there, without a byte") { run in
            let link = try await run.connectPlain()
            await link.write(bytes)
            return try await PrefaceChecks.closes(link, within: run.timeout)
        }
    }

    @ChecksBuilder
    private static var codecs: [Check] {
        for codec in StreamCodec.allCases {
            Check.server("V0-4", "\(codec)", "A client that compresses with \(codec)", expected: "an answer") { run in
                let link = try await run.connectPlain()
                await link.write(StreamPreface.bytes(codec, tls: run.isSecure ? 1 : 0))
                let peer = try await run.stream(on: link, codec)
                try await peer.send((1, run.text()))
                if codec == .lz4, try await !peer.advance(until: { !$0.messages.isEmpty }), peer.end != nil {
                    throw NotObserved("closed: lz4 is an extension that the reference does not have")
                }
                return try await peer.answer(to: 1).words
            }
        }
        for tag: UInt8 in [4, 255] {
            Check.server(
                "V0-4", "tag-\(tag)", "The unknown compression tag \(tag)",
                expected: "the server's preface, then closed"
            ) { run in
                let link = try await run.connectPlain()
                await link.write(StreamPreface.bytes(tag: tag, tls: run.isSecure ? 1 : 0))
                _ = try await run.readStreamPreface(link)
                return "its preface, \(try await PrefaceChecks.closes(link, within: run.timeout))"
            }
        }
    }

    @ChecksBuilder
    private static var tls: [Check] {
        Check.server(
            "V0-5", "not-offered", "A TLS flag of 1, to a server without TLS", expected: "a preface with 0, then closed"
        ) { run in
            guard !run.isSecure else { throw NotObserved("the server has TLS") }
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes(tls: 1))
            let preface = try await run.readStreamPreface(link)
            guard preface.tls == 0 else { throw Departure("a TLS flag of \(preface.tls)") }
            return "a preface with 0, \(try await PrefaceChecks.closes(link, within: run.timeout))"
        }
        for flag: UInt8 in [1, 2, 255] {
            Check.server(
                "V0-5", "flag-\(flag)", "A TLS flag of \(flag), to a server with TLS",
                expected: "a preface with 1, then TLS", needs: [.tls]
            ) { run in
                let link = try await run.connectPlain()
                await link.write(StreamPreface.bytes(tls: flag))
                let peer = try await run.stream(on: link)
                try await peer.send((1, run.text()))
                return try await peer.answer(to: 1).words
            }
        }
        Check.server(
            "V0-5", "plain-client", "A TLS flag of 0, to a server with TLS",
            expected: "a preface with 1, then closed; or 0 and plain", needs: [.tls]
        ) { run in
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes(tls: 0))
            let preface = try await run.readStreamPreface(link)
            if preface.tls != 0 { return "1, \(try await PrefaceChecks.closes(link, within: run.timeout))" }
            let peer = StreamPeer(link, side: .server, codec: .none, peerCodec: preface.codec, timeout: run.timeout)
            try await peer.send((1, run.text()))
            return "0, and plain: \(try await peer.answer(to: 1).words)"
        }
    }

    @ChecksBuilder
    private static var times: [Check] {
        Check.server(
            "V0-12", "behind-preface", "A request right behind the preface", expected: "an answer"
        ) { run in
            guard !run.isSecure else { throw NotObserved("behind the preface comes TLS") }
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes() + StreamPeer.bytes(1, run.text()))
            return try await run.stream(on: link).answer(to: 1).words
        }
        Check.server("V0-12", "silent-client", "A client that sends nothing", expected: "closed within 3 s") { run in
            try await PrefaceChecks.closes(try await run.connectPlain(), within: .seconds(3) + run.timeout)
        }
        Check.server("V0-12", "half-preface", "A client that sends 14 of its 15 bytes", expected: "closed within 3 s") {
            run in
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes().dropLast())
            return try await PrefaceChecks.closes(link, within: .seconds(3) + run.timeout)
        }
        Check.server(
            "V0-12", "silent-tls", "A client that never begins TLS", expected: "closed within 3 s", needs: [.tls]
        ) { run in
            let link = try await run.connectPlain()
            await link.write(StreamPreface.bytes(tls: 1))
            _ = try await run.readStreamPreface(link)
            return try await PrefaceChecks.closes(link, within: .seconds(3) + run.timeout)
        }
    }
}
