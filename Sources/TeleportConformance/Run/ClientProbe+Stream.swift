internal import NIOCore
internal import NIOSSL

/// What checks of v0 work with.
extension ClientProbe {
    /// The next connection of a client that speaks v0, and its preface. To one that tries v1 first the tool is an old server
    /// (rule V1-5).
    func acceptStreamPreface() async throws -> (link: Link, codec: StreamCodec, tls: UInt8) {
        for _ in 0..<3 {
            let link = try await self.accept()
            // With TLS v1 begins with it; v0 never does.
            guard case .bytes(let first) = await link.read(1, within: .seconds(3)) else { continue }
            guard first.readableBytesView.first == FramedPreface.magic[0] else {
                await link.close()
                continue
            }
            guard case .bytes(let rest) = await link.read(StreamPreface.length - 1, within: .seconds(3)) else {
                throw Departure("\(link.waiting.readableBytes + 1) bytes of its preface within 3 s")
            }
            let bytes = Array(first.readableBytesView) + Array(rest.readableBytesView)
            if bytes[12] == 1 {
                await link.close()
                continue
            }
            do throws(Fault) {
                let preface = try StreamPreface.check(bytes)
                return (link, preface.codec, preface.tls)
            } catch {
                throw Departure(error)
            }
        }
        throw NotObserved("the client speaks v1 and does not fall back: run it anew with --wire v0")
    }

    /// The next v0 connection, its prefaces gone both ways, inside TLS behind them if that is spoken.
    func openStream(_ codec: StreamCodec = .none) async throws -> StreamPeer {
        let (link, peerCodec, tls) = try await self.acceptStreamPreface()
        let wantsTLS = self.subject.security != nil
        guard (tls != 0) == wantsTLS else {
            throw NotObserved(
                "the client asks for \(tls == 0 ? "no " : "")TLS: run it with\(wantsTLS ? "out" : "") --cert")
        }
        await link.write(StreamPreface.bytes(codec, tls: wantsTLS ? 1 : 0))
        if let security = self.subject.security {
            try await link.startTLS { try security.makeHandler(protocols: []) }
            guard await link.secured(within: .seconds(3)) else {
                throw Departure(link.end?.words ?? "no TLS handshake within 3 s")
            }
        }
        return StreamPeer(link, side: .client, codec: codec, peerCodec: peerCodec, timeout: self.timeout)
    }

    /// Waits for a request that wants an answer.
    func request(on peer: StreamPeer) async throws -> Message {
        await self.waiting("a request")
        while true {
            let message = try await peer.next(within: self.patience)
            if message.id != 0 { return message }
        }
    }

    /// An answer that every client should like.
    static func okText(_ body: String = "ok", fields: [String] = []) -> String {
        (["HTTP/1.1 200 OK"] + fields + ["Content-Length: \(body.utf8.count)"]).joined(separator: "\r\n") + "\r\n\r\n"
            + body
    }

    /// Answers a request, and waits for the next: the connection goes on.
    func survives(_ peer: StreamPeer) async throws {
        let message = try await self.request(on: peer)
        try await peer.send((message.id, Self.okText()))
        let next = try await self.request(on: peer)
        try await peer.send((next.id, Self.okText()))
    }
}
