/// Rules V1-15 to V1-20: what is in a coded block.
enum CodecChecks {
    static var server: [Check] {
        self.both.filter { $0.side == .server } + BlockCodec.coded.map(self.answers)
    }
    static var client: [Check] {
        self.both.filter { $0.side == .client } + BlockCodec.coded.map(self.requests)
    }

    @ChecksBuilder
    private static var both: [Check] {
        for codec in BlockCodec.coded {
            Check.both(codec.rule, "by-hand", "A block in \(codec), made by hand", expected: "PONG") { run in
                let peer = try await run.open()
                try self.require(codec, of: peer)
                peer.monitor.sent(GoldenBlock.ping)
                await peer.link.write(GoldenBlock.bytes(codec))
                try await peer.pong(to: GoldenBlock.ping)
                return "PONG"
            }
            Check.both(codec.rule, "several", "Five blocks in \(codec)", expected: "five PONGs") { run in
                let peer = try await run.open()
                for _ in 0..<5 { try await self.ping(peer, codec) }
                return "five PONGs"
            }
            Check.both(codec.rule, "largest", "A block in \(codec) of 65,536 bytes", expected: "PONG") { run in
                let peer = try await run.open()
                try self.require(codec, of: peer)
                let ping = peer.makePing()
                let padding = Frame(
                    type: 0x77, payload: .init(repeating: 0, count: Block.maximumLength - 2 * Frame.headerLength - 8))
                try await peer.send(padding, ping, in: codec)
                try await peer.pong(to: ping)
                return "PONG"
            }
        }
        Check.both("V1-16", "window", "A zstd window beyond what was allowed", expected: "GOAWAY BLOCK") { run in
            let peer = try await run.open()
            try self.require(.zstd, of: peer)
            let log = peer.monitor.peer(.window) + 1
            return try await peer.provoke(
                .block, withBlocks: GoldenBlock.bytes(.zstd, window: GoldenBlock.window(log: log)))
        }
        for codec in BlockCodec.coded {
            Check.both("V1-19", "secrets-\(codec)", "SECRETS in a block in \(codec)", expected: "GOAWAY SECRET") {
                run in
                let peer = try await run.open()
                try self.require(codec, of: peer)
                let stream = try await run.liveStream(peer)
                let secrets = Frame.secrets(stream + (run is ServerProbe ? 1 : 0), [self.compressible])
                return try await peer.provoke(.secret, with: [secrets], in: codec)
            }
        }
        Check.both(
            "V1-19", "half-secret", "SECRETS whose header is stored and whose values are coded",
            expected: "GOAWAY SECRET"
        ) { run in
            let peer = try await run.open()
            guard let codec = BlockCodec.coded.first(where: { $0.isDecoded(by: peer.mask) }) else {
                throw NotObserved("the peer decodes no codec")
            }
            let stream = try await run.liveStream(peer)
            let bytes = Frame.secrets(stream + (run is ServerProbe ? 1 : 0), [self.compressible]).bytes
            let block = try peer.writer.encode(Array(bytes.dropFirst(Frame.headerLength)), in: codec).block()
            return try await peer.provoke(
                .secret, withBlocks: Block.stored(Array(bytes.prefix(Frame.headerLength))) + block)
        }
    }

    private static func answers(_ codec: BlockCodec) -> Check {
        .server(
            codec.rule, "sent", "What a server sends in \(codec)", expected: "decodes, beginning with RESET",
            needs: [.echo]
        ) { run in
            let peer = try await run.open(offering: codec.mask)
            _ = try await PrefaceChecks.answers(run, peer)
            guard peer.blocks.counts[codec] != nil else {
                throw NotObserved("it stores everything: \(peer.blocks.words)")
            }
            return peer.blocks.words
        }
    }

    private static func requests(_ codec: BlockCodec) -> Check {
        .client(codec.rule, "sent", "What a client sends in \(codec)", expected: "decodes, beginning with RESET") {
            run in
            let peer = try await run.open(offering: codec.mask)
            _ = try await PrefaceChecks.requests(run, peer, count: 5)
            guard peer.blocks.counts[codec] != nil else {
                throw NotObserved("it stores everything: \(peer.blocks.words)")
            }
            return peer.blocks.words
        }
    }

    // MARK: For others

    private static let compressible = String(repeating: "not so secret, ", count: 30)

    static func require(_ codec: BlockCodec, of peer: FramedPeer) throws {
        guard codec.isDecoded(by: peer.mask) else { throw NotObserved("the peer does not decode \(codec)") }
    }

    /// A PING with padding that every codec makes shorter, encoded. It counts as sent.
    static func encoded(_ peer: FramedPeer, _ codec: BlockCodec) throws -> BlockWriter.Encoded {
        try self.require(codec, of: peer)
        // Never awaited: its PONG would be that of a block which must not be decoded.
        let padding = Frame(type: 0x77, payload: Array(self.compressible.utf8))
        return try peer.writer.encode(padding.bytes, in: codec)
    }

    /// Sends a PING in a coded block and waits for its PONG.
    static func ping(_ peer: FramedPeer, _ codec: BlockCodec) async throws {
        try self.require(codec, of: peer)
        let ping = peer.makePing()
        let padding = Frame(type: 0x77, payload: Array(self.compressible.utf8))
        try await peer.send([padding, ping], in: codec)
        try await peer.pong(to: ping)
    }
}
