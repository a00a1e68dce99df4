internal import NIOSSL
internal import TeleportTransport

/// What a check of a server works with: connections to it, and requests that it should like.
struct ServerProbe: Sendable {
    let subject: ServerSubject
    let links = Links()

    var timeout: Duration { self.subject.timeout }
    var isSecure: Bool { self.subject.security != nil }

    /// The name that v1 goes by in TLS (rule V1-4).
    static let applicationProtocol = "teleport/1"

    // MARK: Connecting

    /// A connection without a byte sent.
    func connectPlain(receiveBuffer: Int? = nil) async throws -> Link {
        do {
            let link = try await LinkConnector(address: self.subject.address, timeout: .seconds(3))
                .connect(receiveBuffer: receiveBuffer)
            self.links.add(link)
            return link
        } catch {
            throw Departure(error.description)
        }
    }

    /// A connection on which v1 can begin: inside TLS, if the server has it.
    func connect() async throws -> Link {
        let link = try await self.connectPlain()
        guard self.isSecure else { return link }
        try await self.secure(link, protocols: [Self.applicationProtocol])
        guard link.negotiatedProtocol == Self.applicationProtocol else {
            throw Departure("ALPN: \(link.negotiatedProtocol ?? "nothing") was agreed on")
        }
        return link
    }

    /// Makes the TLS handshake.
    func secure(_ link: Link, protocols: [String], maximumVersion: TLSVersion? = nil) async throws {
        guard let security = self.subject.security else { throw NotObserved(Need.tls.absence) }
        let host = self.subject.address.host
        try await link.startTLS {
            try security.makeHandler(host: host, .init(protocols: protocols, maximumVersion: maximumVersion))
        }
        guard await link.secured(within: .seconds(3)) else {
            throw Departure(link.end?.words ?? "no TLS handshake within 3 s")
        }
    }

    /// A v1 connection on which nothing was sent.
    func dial(offering mask: UInt8 = 0, settings: [SettingsKey: UInt32] = [:]) async throws -> FramedPeer {
        FramedPeer(
            try await self.connect(), side: .server, offering: mask, settings: settings, timeout: self.timeout)
    }

    /// A v1 connection whose preface and SETTINGS went both ways.
    func open(offering mask: UInt8 = 0, settings: [SettingsKey: UInt32] = [:]) async throws -> FramedPeer {
        let peer = try await self.dial(offering: mask, settings: settings)
        let blocks = try peer.encoded([.settings(settings)])
        await peer.link.write(FramedPreface.bytes(mask: mask) + blocks)
        try await peer.require { $0.monitor.peerSettings != nil }
        return peer
    }

    // MARK: Requests

    /// The head of a request that the server should like.
    func head(_ target: String = "/", method: UInt8 = 1, fields: [Field] = []) -> RequestHead {
        RequestHead(method: method, target: target, authority: self.subject.host, fields: fields)
    }

    /// A `GET` in one frame.
    func get(_ stream: UInt32, _ target: String = "/", flags: FrameFlags = .end, fields: [Field] = []) -> Frame {
        .request(stream, self.head(target, fields: fields), flags: flags)
    }

    /// A `POST`, whole unless the flags say otherwise.
    func post(
        _ stream: UInt32, _ target: String = "/", flags: FrameFlags = .end, fields: [Field] = [], body: [UInt8] = []
    ) -> Frame {
        .request(stream, self.head(target, method: 3, fields: fields), flags: flags, body: body)
    }

    var echo: String { self.subject.echo ?? "/" }
    var large: String { self.subject.large ?? "/" }
    var slow: String { self.subject.slow ?? "/" }

    // MARK: Verdicts

    /// Sends another request on the next stream and waits for its answer: the connection goes on.
    func survives(_ peer: FramedPeer) async throws {
        let id = peer.monitor.lastStream &+ 1
        try await peer.send(self.get(id == 0 ? 1 : id))
        let exchange = try await peer.answer(to: id)
        guard exchange.head != nil else { throw Departure("a good request behind it: \(exchange.words)") }
    }

    /// Waits for a stream error (V1-81): CANCEL with one of these codes, or an answer with one of these statuses; and checks
    /// that the connection goes on.
    func streamError(
        _ peer: FramedPeer, on stream: UInt32, _ codes: [Code] = [.malformed], statuses: [UInt16] = [400]
    ) async throws -> String {
        let exchange = try await peer.answer(to: stream)
        switch exchange.terminal {
        case .cancelled(let code) where codes.contains(code): break
        case .end where statuses.contains(exchange.head?.status ?? 0): break
        default: throw Departure(exchange.words)
        }
        try await self.survives(peer)
        return "\(exchange.words); the connection goes on"
    }
}
