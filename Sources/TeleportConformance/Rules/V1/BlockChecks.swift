/// Rules V1-10 to V1-14: blocks, whatever is in them.
enum BlockChecks {
    static var server: [Check] { self.both.filter { $0.side == .server } + self.ofServers }
    static var client: [Check] { self.both.filter { $0.side == .client } }

    @ChecksBuilder
    private static var both: [Check] {
        self.layout
        for header in BadHeader.all { header.checks }
        for codec in BlockCodec.coded { self.exactness(codec) }
        self.history
        self.release
    }

    // MARK: V1-10, V1-11

    @ChecksBuilder
    private static var layout: [Check] {
        Check.both("V1-10", "small-blocks", "A PING in blocks of one byte each", expected: "PONG") { run in
            let peer = try await run.open()
            let ping = peer.makePing()
            peer.monitor.sent(ping)
            await peer.link.write(ping.bytes.flatMap { Block.stored([$0]) })
            try await peer.pong(to: ping)
            return "PONG"
        }
        Check.both("V1-10", "byte-by-byte", "A block, byte by byte", expected: "PONG") { run in
            let peer = try await run.open()
            let ping = peer.makePing()
            await peer.link.writeByteByByte(try peer.encoded([ping]))
            try await peer.pong(to: ping)
            return "PONG"
        }
        Check.both("V1-10", "many-frames", "Ten PINGs in one block", expected: "ten PONGs in their order") { run in
            let peer = try await run.open()
            let pings = (0..<10).map { _ in peer.makePing() }
            try await peer.send(pings)
            for ping in pings { try await peer.pong(to: ping) }
            return "ten PONGs"
        }
        Check.both("V1-11", "not-offered", "A block in a codec that was not offered", expected: "GOAWAY BLOCK") { run in
            let peer = try await run.open()
            guard let codec = BlockCodec.coded.first(where: { !$0.isDecoded(by: peer.mask) }) else {
                throw NotObserved("the peer offers every codec")
            }
            let header = Block.header(codec.rawValue | Block.reset, encoded: 10, decoded: 20)
            return try await peer.provoke(.block, withBlocks: header, hasTrap: false)
        }
        Check.both("V1-11", "largest", "A stored block of 65,536 bytes", expected: "PONG") { run in
            let peer = try await run.open()
            let ping = peer.makePing()
            let padding = Frame(
                type: 0x77, payload: .init(repeating: 0, count: Block.maximumLength - 2 * Frame.headerLength - 8))
            try await peer.send(padding, ping)
            try await peer.pong(to: ping)
            return "PONG"
        }
    }

    @ChecksBuilder
    private static var ofServers: [Check] {
        Check.server(
            "V1-11", "of-large", "The blocks of a large answer", expected: "well-formed, at most 64 KiB decoded",
            needs: [.large]
        ) { run in
            let peer = try await run.open(offering: 0x0F)
            try await peer.send(run.get(1, run.large))
            let exchange = try await peer.answer(to: 1, within: run.timeout + .seconds(5))
            return "\(exchange.words) in \(peer.blocks.words)"
        }
    }

    // MARK: V1-12

    private static func exactness(_ codec: BlockCodec) -> [Check] {
        let faults: [(word: String, title: String, lie: @Sendable (BlockWriter.Encoded) -> [UInt8])] = [
            ("too-short", "decodes to a byte less than declared", { $0.block(decodedLength: $0.decodedLength + 1) }),
            ("too-long", "decodes to a byte more than declared", { $0.block(decodedLength: $0.decodedLength - 1) }),
            ("left-over", "has three bytes behind its content", { $0.block(bytes: $0.bytes + [0xFF, 0xFF, 0xFF]) }),
            ("cut", "has lost its last three bytes", { $0.block(bytes: $0.bytes.dropLast(3)) }),
            ("garbage", "holds noise", { $0.block(bytes: .init(repeating: 0xFF, count: $0.bytes.count)) }),
        ]
        return faults.flatMap { fault in
            Check.both(
                "V1-12", "\(codec)-\(fault.word)", "A block in \(codec) that \(fault.title)", expected: "GOAWAY BLOCK"
            ) { run in
                let peer = try await run.open()
                let block = try CodecChecks.encoded(peer, codec)
                return try await peer.provoke(.block, withBlocks: fault.lie(block))
            }
        }
    }

    // MARK: V1-13

    @ChecksBuilder
    private static var history: [Check] {
        for codec in BlockCodec.coded {
            Check.both(
                "V1-13", "first-\(codec)", "The first block in \(codec) has no RESET", expected: "GOAWAY BLOCK"
            ) { run in
                let peer = try await run.open()
                let block = try CodecChecks.encoded(peer, codec)
                return try await peer.provoke(.block, withBlocks: block.block(resets: false))
            }
            Check.both(
                "V1-13", "reset-again-\(codec)", "RESET on the second block in \(codec) too", expected: "two PONGs"
            ) { run in
                let peer = try await run.open()
                for _ in 0..<2 {
                    peer.writer.release()
                    try await CodecChecks.ping(peer, codec)
                }
                return "two PONGs"
            }
            Check.both(
                "V1-13", "released-\(codec)", "The first block in \(codec) behind RELEASE has no RESET",
                expected: "GOAWAY BLOCK"
            ) { run in
                let peer = try await run.open()
                try await CodecChecks.ping(peer, codec)
                await peer.link.write(Block.released)
                let block = try CodecChecks.encoded(peer, codec)
                return try await peer.provoke(.block, withBlocks: block.block(resets: false))
            }
        }
        Check.both("V1-13", "other-codec", "The first block of another codec has no RESET", expected: "GOAWAY BLOCK") {
            run in
            let peer = try await run.open()
            let codecs = BlockCodec.coded.filter { $0.isDecoded(by: peer.mask) }
            guard codecs.count > 1 else { throw NotObserved("the peer decodes \(codecs.count) codecs") }
            try await CodecChecks.ping(peer, codecs[0])
            let block = try CodecChecks.encoded(peer, codecs[1])
            return try await peer.provoke(.block, withBlocks: block.block(resets: false))
        }
        Check.both("V1-13", "reset-on-stored", "RESET on a stored block", expected: "GOAWAY BLOCK") { run in
            let peer = try await run.open()
            let header = Block.header(Block.reset, encoded: 17, decoded: 17)
            return try await peer.provoke(.block, withBlocks: header, hasTrap: false)
        }
        for codec in BlockCodec.withHistory {
            Check.both(
                "V1-13", "stored-between-\(codec)", "Stored blocks between those in \(codec)", expected: "three PONGs"
            ) { run in
                let peer = try await run.open()
                try await CodecChecks.ping(peer, codec)
                try await peer.barrier()
                try await CodecChecks.ping(peer, codec)
                return "three PONGs"
            }
        }
    }

    // MARK: V1-14

    @ChecksBuilder
    private static var release: [Check] {
        Check.both("V1-14", "before-anything", "RELEASE with no history", expected: "PONG to what follows") { run in
            let peer = try await run.open()
            await peer.link.write(Block.released)
            try await peer.barrier()
            return "PONG"
        }
        for codec in BlockCodec.coded {
            Check.both(
                "V1-14", "begins-anew-\(codec)", "RELEASE, then \(codec) with RESET", expected: "two PONGs"
            ) { run in
                let peer = try await run.open()
                try await CodecChecks.ping(peer, codec)
                await peer.link.write(Block.released)
                peer.writer.release()
                try await CodecChecks.ping(peer, codec)
                return "two PONGs"
            }
        }
        Check.both("V1-14", "after-5-s", "5 s without a byte from the peer", expected: "RELEASE (should)") { run in
            let peer = try await run.open(offering: 0x0F)
            if let run = run as? ServerProbe {
                _ = try await PrefaceChecks.answers(run, peer)
            } else if let run = run as? ClientProbe {
                _ = try await PrefaceChecks.requests(run, peer, count: 3)
            }
            guard peer.blocks.counts.contains(where: { BlockCodec.withHistory.contains($0.key) }) else {
                throw NotObserved("the peer has no history: \(peer.blocks.words)")
            }
            guard try await peer.advance(within: .seconds(5) + run.timeout, until: { $0.blocks.releases > 0 }) else {
                throw NotObserved("no RELEASE within \((.seconds(5) + run.timeout).words); the rule only recommends it")
            }
            return "RELEASE"
        }
    }
}

/// A header of a block that no block has (rules V1-11, V1-14). It is refused before a byte of the block is decoded, so none
/// is sent.
private struct BadHeader {
    let rule: String
    let word: String
    let title: String
    let tag: UInt8
    let encoded: Int
    let decoded: Int
    /// Whether the codec is one that the peer decodes: then the tag is what stands beside it.
    var isCoded = false

    static let all = [
        BadHeader(rule: "V1-11", word: "over-64k", title: "A stored block of 65,537 bytes", 0, 65537, 65537),
        BadHeader(rule: "V1-11", word: "two-lengths", title: "A stored block with two lengths", 0, 10, 20),
        BadHeader(rule: "V1-11", word: "codec-5", title: "A block of codec 5", 5 | Block.reset, 10, 20),
        BadHeader(rule: "V1-11", word: "codec-15", title: "A block of codec 15", 15 | Block.reset, 10, 20),
        BadHeader(rule: "V1-11", word: "flag-40", title: "A block with the flag 40", 0x40, 17, 17),
        BadHeader(rule: "V1-11", word: "flag-80", title: "A block with the flag 80", 0x80, 17, 17),
        BadHeader(rule: "V1-11", word: "coded-empty", title: "A coded block of no bytes", Block.reset, 0, 20, true),
        BadHeader(
            rule: "V1-11", word: "coded-same", title: "A coded block that did not shrink", Block.reset, 20, 20, true),
        BadHeader(rule: "V1-11", word: "coded-longer", title: "A coded block that grew", Block.reset, 21, 20, true),
        BadHeader(
            rule: "V1-11", word: "coded-over-64k", title: "A coded block that claims to decode to 65,537 bytes",
            Block.reset, 100, 65537, true),
        BadHeader(
            rule: "V1-11", word: "coded-to-nothing", title: "A coded block that decodes to nothing", Block.reset, 1, 0,
            true),
        BadHeader(rule: "V1-14", word: "empty-stored", title: "An empty block without RELEASE", 0, 0, 0),
        BadHeader(rule: "V1-14", word: "with-content", title: "RELEASE with content", Block.release, 17, 17),
        BadHeader(rule: "V1-14", word: "coded", title: "RELEASE on a coded block", Block.release, 0, 0, true),
        BadHeader(rule: "V1-14", word: "with-reset", title: "RELEASE with RESET", Block.release | Block.reset, 0, 0),
    ]

    private init(
        rule: String, word: String, title: String, _ tag: UInt8, _ encoded: Int, _ decoded: Int,
        _ isCoded: Bool = false
    ) {
        self.rule = rule
        self.word = word
        self.title = title
        self.tag = tag
        self.encoded = encoded
        self.decoded = decoded
        self.isCoded = isCoded
    }

    var checks: [Check] {
        Check.both(self.rule, self.word, self.title, expected: "GOAWAY BLOCK") { run in
            let peer = try await run.open()
            var tag = self.tag
            if self.isCoded {
                guard let codec = BlockCodec.coded.first(where: { $0.isDecoded(by: peer.mask) }) else {
                    throw NotObserved("the peer decodes no codec")
                }
                tag |= codec.rawValue
            }
            let header = Block.header(tag, encoded: self.encoded, decoded: self.decoded)
            return try await peer.provoke(.block, withBlocks: header, hasTrap: false)
        }
    }
}
