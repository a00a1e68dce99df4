internal import NIOCore
internal import TeleportTransport

/// What a check of a client works with: the connections that it makes, and the requests that it sends.
struct ClientProbe: Sendable {
    let subject: ClientSubject
    let listener: LinkListener
    /// Says what the client is waited for.
    let waiting: @Sendable (String) async -> Void
    let links = Links()

    var timeout: Duration { self.subject.timeout }
    var patience: Duration { self.subject.patience }

    // MARK: Connections

    /// The next connection, without a byte sent.
    func accept() async throws -> Link {
        await self.waiting("a connection")
        guard let link = await self.listener.accept(within: self.patience) else {
            throw NotObserved("no connection came within \(self.patience.words)")
        }
        self.links.add(link)
        return link
    }

    /// The next connection, on which v1 can begin: inside TLS, if that is spoken.
    func acceptSecured() async throws -> Link {
        let link = try await self.accept()
        guard let security = self.subject.security else { return link }
        try await link.startTLS { try security.makeHandler(protocols: [ServerProbe.applicationProtocol]) }
        guard await link.secured(within: .seconds(3)) else {
            throw Departure(link.end?.words ?? "no TLS handshake within 3 s")
        }
        guard link.negotiatedProtocol == ServerProbe.applicationProtocol else {
            throw Departure("ALPN: \(link.negotiatedProtocol ?? "nothing") was agreed on")
        }
        return link
    }

    /// A connection of a client that speaks v1, and the codecs that it decodes. Nothing was sent to it.
    func acceptPreface() async throws -> (link: Link, mask: UInt8) {
        let link = try await self.acceptSecured()
        let preface = try await self.readPreface(link)
        guard preface[12] != 0 else { throw NotObserved("the client speaks v0") }
        do throws(Fault) {
            return (link, try FramedPreface.check(preface))
        } catch {
            throw Departure(error)
        }
    }

    /// The first 15 bytes, of whichever version.
    func readPreface(_ link: Link) async throws -> [UInt8] {
        switch await link.read(FramedPreface.length, within: .seconds(3)) {
        case .bytes(let bytes): return Array(bytes.readableBytesView)
        case .end(let end): throw Departure("\(end.words) before its preface was complete")
        case .silence:
            throw Departure("\(Array(link.waiting.readableBytesView).hex()) is all of its preface within 3 s")
        }
    }

    /// The next connection, its preface and SETTINGS gone both ways.
    func open(offering mask: UInt8 = 0, settings: [SettingsKey: UInt32] = [:]) async throws -> FramedPeer {
        let (link, decodes) = try await self.acceptPreface()
        let peer = self.peer(on: link, decoding: decodes, offering: mask, settings: settings)
        let blocks = try peer.encoded([.settings(settings)])
        await link.write(FramedPreface.bytes(mask: mask) + blocks)
        try await peer.require { $0.monitor.peerSettings != nil }
        return peer
    }

    /// The v1 connection on a link whose preface was read.
    func peer(
        on link: Link, decoding: UInt8, offering mask: UInt8 = 0, settings: [SettingsKey: UInt32] = [:]
    ) -> FramedPeer {
        FramedPeer(
            link, side: .client, offering: mask, settings: settings, timeout: self.timeout, decoding: decoding)
    }

    // MARK: Requests

    /// Waits for a request that has no answer yet and is as wanted. Others are answered with 200 meanwhile.
    ///
    /// - Parameter kind: what is wanted, for the user: `a request with a body in DATA`.
    func request(
        on peer: FramedPeer, _ kind: String = "a request", where isWanted: (Exchange) -> Bool = { _ in true }
    ) async throws -> Exchange {
        await self.waiting(kind)
        let clock = ContinuousClock()
        let deadline = clock.now + self.patience
        while clock.now < deadline {
            let found = try await peer.advance(within: deadline - clock.now) { $0.monitor.nextUnanswered != nil }
            guard found, let exchange = peer.monitor.nextUnanswered else { break }
            if isWanted(exchange) { return exchange }
            try await peer.send(Self.answer(exchange))
        }
        guard peer.end == nil else { throw Departure(peer.words()) }
        throw NotObserved("\(kind) did not come within \(self.patience.words)")
    }

    /// An answer to a request that its client should like.
    static func answer(_ exchange: Exchange) -> Frame {
        guard exchange.isOneWay else { return self.ok(exchange.id, isSensitive: exchange.isSensitive) }
        return Frame(
            .response, flags: exchange.isSensitive ? [.end, .sensitive] : .end, stream: exchange.id, payload: [0, 0, 0])
    }

    /// An answer to a request that wants one.
    static func ok(_ stream: UInt32, isSensitive: Bool = false, body: String = "ok") -> Frame {
        .response(
            stream, ResponseHead(fields: [Field("Content-Type", "text/plain")]),
            flags: isSensitive ? [.end, .sensitive] : .end, body: Array(body.utf8))
    }

    // MARK: Verdicts

    /// Answers a request: the connection goes on.
    func survives(_ peer: FramedPeer) async throws {
        let exchange = try await self.request(on: peer)
        try await peer.send(Self.answer(exchange))
        try await peer.barrier()
    }

    /// Waits for CANCEL of a stream with one of these codes; and checks that the connection goes on.
    func streamError(_ peer: FramedPeer, on stream: UInt32, _ codes: [Code] = [.malformed]) async throws -> String {
        func cancel(_ peer: FramedPeer) -> Frame? {
            peer.log.first { $0.kind == .cancel && $0.stream == stream }
        }
        let mark = peer.log.count
        guard try await peer.advance(until: { cancel($0) != nil }), let cancel = cancel(peer) else {
            throw Departure(peer.words(since: mark))
        }
        guard codes.contains(cancel.cancelCode ?? .noError) else { throw Departure(cancel.words) }
        if peer.monitor.exchanges[stream]?.terminal == nil { try await peer.send(.cancel(stream, .cancelled)) }
        try await peer.barrier()
        return "\(cancel.words); the connection goes on"
    }
}
