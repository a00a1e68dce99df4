/// What checks wait for. All of it throws ``Departure`` that says what came instead.
extension FramedPeer {
    /// Waits for `condition`, which the specification says comes to pass.
    func require(within limit: Duration? = nil, _ condition: (FramedPeer) -> Bool) async throws {
        let mark = self.log.count
        guard try await self.advance(within: limit, until: condition) else {
            throw Departure(self.words(since: mark, limit: limit))
        }
    }

    /// Waits for the answer to a stream, to its terminal frame.
    @discardableResult
    func answer(to stream: UInt32, within limit: Duration? = nil) async throws -> Exchange {
        let mark = self.log.count
        guard try await self.advance(within: limit, until: { $0.monitor.exchanges[stream]?.terminal != nil }),
            let exchange = self.monitor.exchanges[stream]
        else {
            throw Departure("no answer to stream \(stream): \(self.words(since: mark, limit: limit))")
        }
        return exchange
    }

    /// A PING, and its PONG: all that was sent before it has been read.
    func barrier() async throws {
        let ping = self.makePing()
        try await self.send(ping)
        try await self.pong(to: ping)
    }

    /// Waits for the answer to a PING that was sent.
    func pong(to ping: Frame) async throws {
        let mark = self.log.count
        guard try await self.advance(until: { $0.monitor.pongs.contains(ping.payload) }) else {
            throw Departure("no PONG: \(self.words(since: mark))")
        }
    }

    /// Waits for a connection error (V1-82): GOAWAY with one of these codes, then the end.
    ///
    /// - Parameter trap: a PING that was sent behind the cause, which must not be answered.
    func connectionError(_ codes: Code..., trap: Frame? = nil, within limit: Duration? = nil) async throws -> String {
        try await self.connectionError(codes, trap: trap, within: limit)
    }

    func connectionError(_ codes: [Code], trap: Frame? = nil, within limit: Duration? = nil) async throws -> String {
        let mark = self.log.count
        func hasEnded(_ peer: FramedPeer) -> Bool { peer.monitor.goAways.contains { $0.code != .noError } }
        func isTrapped(_ peer: FramedPeer) -> Bool { trap.map { peer.monitor.pongs.contains($0.payload) } ?? false }

        _ = try await self.advance(within: limit) { hasEnded($0) || isTrapped($0) }
        guard !isTrapped(self) else {
            throw Departure("\(self.words(since: mark)): the connection goes on as if nothing were wrong")
        }
        guard let goAway = self.monitor.goAways.first(where: { $0.code != .noError }) else {
            throw Departure("\(self.words(since: mark, limit: limit)), and no GOAWAY")
        }
        guard codes.contains(goAway.code) else { throw Departure(self.words(since: mark)) }
        _ = try await self.advance(until: { _ in false })
        guard self.end != nil else { throw Departure("\(self.words(since: mark)), but the connection stays open") }
        return self.words(since: mark)
    }

    /// Sends what is a connection error, with a PING behind it that must not be answered.
    func provoke(_ codes: Code..., with frames: [Frame], in codec: BlockCodec = .stored) async throws -> String {
        let trap = self.makePing()
        try await self.send(frames + (codec == .stored ? [trap] : []), in: codec)
        if codec != .stored { try await self.send(trap) }
        return try await self.connectionError(codes, trap: trap)
    }

    /// As ``provoke(_:with:in:)``, with bytes that are no whole frames. The PING is left out if the peer would take it for a
    /// part of them.
    func provoke(_ codes: Code..., withRaw bytes: [UInt8], hasTrap: Bool = true) async throws -> String {
        let trap = self.makePing()
        if hasTrap { self.monitor.sent(trap) }
        await self.send(raw: bytes + (hasTrap ? trap.bytes : []))
        return try await self.connectionError(codes, trap: hasTrap ? trap : nil)
    }

    /// As ``provoke(_:with:in:)``, with bytes in place of blocks.
    func provoke(_ codes: Code..., withBlocks bytes: [UInt8], hasTrap: Bool = true) async throws -> String {
        let trap = self.makePing()
        if hasTrap { self.monitor.sent(trap) }
        await self.link.write(bytes + (hasTrap ? Block.stored(trap.bytes) : []))
        return try await self.connectionError(codes, trap: hasTrap ? trap : nil)
    }
}
