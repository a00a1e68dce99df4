internal import NIOCore

/// What checks of v0 work with.
extension ServerProbe {
    /// A v0 connection whose prefaces went both ways, inside TLS behind them if the server has it.
    func openStream(_ codec: StreamCodec = .none) async throws -> StreamPeer {
        let link = try await self.connectPlain()
        await link.write(StreamPreface.bytes(codec, tls: self.isSecure ? 1 : 0))
        return try await self.stream(on: link, codec)
    }

    /// The v0 connection on a link to which the tool's preface was sent.
    func stream(on link: Link, _ codec: StreamCodec = .none) async throws -> StreamPeer {
        let preface = try await self.readStreamPreface(link)
        guard preface.tls == (self.isSecure ? 1 : 0) else { throw Departure("a TLS flag of \(preface.tls)") }
        if self.isSecure { try await self.secure(link, protocols: []) }
        return StreamPeer(link, side: .server, codec: codec, peerCodec: preface.codec, timeout: self.timeout)
    }

    /// The server's preface.
    func readStreamPreface(_ link: Link) async throws -> (codec: StreamCodec, tls: UInt8) {
        switch await link.read(StreamPreface.length, within: self.timeout) {
        case .bytes(let bytes):
            do throws(Fault) {
                return try StreamPreface.check(Array(bytes.readableBytesView))
            } catch {
                throw Departure(error)
            }
        case .end(let end): throw Departure("\(end.words) instead of a preface")
        case .silence: throw Departure("no preface within \(self.timeout.words)")
        }
    }

    /// A request of HTTP/1.1 with these fields besides `Host`.
    func text(
        _ method: String = "GET", _ target: String = "/", fields: [String] = [], body: String = "", host: String? = nil
    ) -> String {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host ?? self.subject.host)"] + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// A `POST` with its length.
    func postText(_ target: String = "/", body: String) -> String {
        self.text("POST", target, fields: ["Content-Length: \(body.utf8.count)"], body: body)
    }

    /// Has another request answered: the connection goes on.
    func survives(_ peer: StreamPeer, id: UInt32 = 900) async throws {
        try await peer.send((id, self.text()))
        _ = try await peer.answer(to: id)
    }
}
