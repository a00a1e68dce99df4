/// What checks that concern both ends alike work with.
protocol Opening: Sendable {
    var timeout: Duration { get }

    /// A v1 connection on which the tool has sent its preface and nothing more.
    func begin(offering mask: UInt8) async throws -> FramedPeer
    /// A v1 connection whose preface and SETTINGS went both ways.
    func open(offering mask: UInt8, settings: [SettingsKey: UInt32]) async throws -> FramedPeer
    /// A stream that is open on both sides.
    func liveStream(_ peer: FramedPeer) async throws -> UInt32
    /// A stream that was opened, answered and closed.
    func closedStream(_ peer: FramedPeer) async throws -> UInt32
    /// Has another request answered: the connection goes on.
    func survives(_ peer: FramedPeer) async throws
}

extension Opening {
    func open(offering mask: UInt8 = 0) async throws -> FramedPeer {
        try await self.open(offering: mask, settings: [:])
    }
}

extension ServerProbe: Opening {
    func begin(offering mask: UInt8) async throws -> FramedPeer {
        let peer = try await self.dial(offering: mask)
        await peer.link.write(FramedPreface.bytes(mask: mask))
        return peer
    }

    func liveStream(_ peer: FramedPeer) async throws -> UInt32 {
        let id = peer.monitor.lastStream + 1
        try await peer.send(self.post(id, self.echo, flags: []))
        return id
    }

    func closedStream(_ peer: FramedPeer) async throws -> UInt32 {
        let id = peer.monitor.lastStream + 1
        try await peer.send(self.get(id))
        try await peer.answer(to: id)
        return id
    }
}

extension ClientProbe: Opening {
    func begin(offering mask: UInt8) async throws -> FramedPeer {
        let (link, decodes) = try await self.acceptPreface()
        await link.write(FramedPreface.bytes(mask: mask))
        return self.peer(on: link, decoding: decodes, offering: mask)
    }

    func liveStream(_ peer: FramedPeer) async throws -> UInt32 {
        try await self.request(on: peer) { !$0.isSensitive && !$0.isOneWay }.id
    }

    func closedStream(_ peer: FramedPeer) async throws -> UInt32 {
        let exchange = try await self.request(on: peer) { $0.isRequestEnded && !$0.isSensitive && !$0.isOneWay }
        try await peer.send(Self.answer(exchange))
        try await peer.barrier()
        return exchange.id
    }
}

extension Check {
    /// The same check of a server and of a client.
    static func both(
        _ rule: String, _ word: String, _ title: String, expected: String, needs: [Need] = [],
        run: @escaping @Sendable (any Opening) async throws -> String
    ) -> [Check] {
        [
            .server(rule, word, title, expected: expected, needs: needs) { try await run($0) },
            .client(rule, word, title, expected: expected, needs: needs) { try await run($0) },
        ]
    }
}
