/// Rules V1-19 and V1-23: frames that touch no history.
enum SensitivityChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server(
            "V1-23", "answered-in-kind", "A sensitive request",
            expected: "an answer with SENSITIVE on each frame, in stored blocks of its own"
        ) { run in
            let peer = try await run.open(offering: 0x0F)
            let body = Array(String(repeating: "secret, ", count: 500).utf8)
            try await peer.send(run.post(1, run.echo, flags: [.end, .sensitive], body: body))
            // Beside one that is not, so that they could be mixed up.
            try await peer.send(run.get(2))
            let exchange = try await peer.answer(to: 1)
            try await peer.answer(to: 2)
            return "\(exchange.words); \(peer.blocks.words)"
        }
        Check.server(
            "V1-23", "large-in-kind", "A sensitive request for a large answer",
            expected: "SENSITIVE on each DATA, in stored blocks", needs: [.large]
        ) { run in
            let peer = try await run.open(offering: 0x0F)
            try await peer.send(run.get(1, run.large, flags: [.end, .sensitive]))
            let exchange = try await peer.answer(to: 1, within: run.timeout + .seconds(5))
            return "\(exchange.words); \(peer.blocks.words)"
        }
        self.refused("data-without", "DATA without SENSITIVE on a sensitive stream") { run in
            [run.post(1, run.echo, flags: .sensitive), .data(1, [1])]
        }
        self.refused("data-with", "DATA with SENSITIVE on a stream that is not") { run in
            [run.post(1, run.echo, flags: []), .data(1, [1], flags: .sensitive)]
        }
        self.refused("trailers-without", "TRAILERS without SENSITIVE on a sensitive stream") { run in
            [run.post(1, run.echo, flags: .sensitive), .trailers(1, [])]
        }
        self.refused("trailers-with", "TRAILERS with SENSITIVE on a stream that is not") { run in
            [run.post(1, run.echo, flags: []), .trailers(1, [], flags: [.end, .sensitive])]
        }
        self.refused("secrets-without", "SECRETS without SENSITIVE before a sensitive REQUEST") { run in
            [
                .secrets(1, ["Bearer token"]),
                run.get(1, flags: [.end, .sensitive], fields: [Field(secret: "Authorization")]),
            ]
        }
        Check.server(
            "V1-23", "secrets-with", "SECRETS with SENSITIVE before a REQUEST that is not", expected: "an answer"
        ) { run in
            let peer = try await run.open()
            try await peer.send(
                .secrets(1, ["Bearer token"], flags: .sensitive), run.get(1, fields: [Field(secret: "Authorization")]))
            return try await peer.answer(to: 1).words
        }
        Check.server(
            "V1-23", "coded-request", "A sensitive REQUEST in a coded block", expected: "GOAWAY SECRET"
        ) { run in
            let peer = try await run.open()
            let codec = try self.codec(of: peer)
            let request = run.post(
                1, run.echo, flags: [.end, .sensitive], body: Array(String(repeating: "a", count: 400).utf8))
            return try await peer.provoke(.secret, with: [request], in: codec)
        }
        Check.server(
            "V1-23", "coded-cancel", "CANCEL of a sensitive stream in a coded block", expected: "the stream ends"
        ) { run in
            // CANCEL and CREDIT carry no content, so they are not sensitive.
            let peer = try await run.open()
            let codec = try self.codec(of: peer)
            try await peer.send(run.post(1, run.echo, flags: .sensitive))
            try await peer.send(
                [Frame(type: 0x77, payload: .init(repeating: 0, count: 300)), .cancel(1)], in: codec)
            return try await peer.answer(to: 1).words
        }
    }

    @ChecksBuilder
    static var client: [Check] {
        Check.client(
            "V1-23", "answer-with", "RESPONSE with SENSITIVE on a stream that is not", expected: "GOAWAY SECRET"
        ) { run in
            let peer = try await run.open()
            let exchange = try await run.request(on: peer, "a request that is not sensitive") {
                !$0.isSensitive && !$0.isOneWay
            }
            return try await peer.provoke(.secret, with: [ClientProbe.ok(exchange.id, isSensitive: true)])
        }
        Check.client(
            "V1-23", "data-with", "DATA with SENSITIVE on a stream that is not", expected: "GOAWAY SECRET"
        ) { run in
            let peer = try await run.open()
            let exchange = try await run.request(on: peer, "a request that is not sensitive") {
                !$0.isSensitive && !$0.isOneWay
            }
            return try await peer.provoke(
                .secret,
                with: [
                    .response(exchange.id, ResponseHead(), flags: []), .data(exchange.id, [1], flags: .sensitive),
                ])
        }
        Check.client(
            "V1-23", "answer-without", "RESPONSE without SENSITIVE on a sensitive stream", expected: "GOAWAY SECRET"
        ) { run in
            let peer = try await run.open()
            let exchange = try await run.request(on: peer, "a sensitive request") { $0.isSensitive && !$0.isOneWay }
            return try await peer.provoke(.secret, with: [ClientProbe.ok(exchange.id)])
        }
    }

    private static func refused(
        _ word: String, _ title: String, frames: @escaping @Sendable (ServerProbe) -> [Frame]
    ) -> Check {
        .server("V1-23", word, title, expected: "GOAWAY SECRET") { run in
            let peer = try await run.open()
            return try await peer.provoke(.secret, with: frames(run))
        }
    }

    private static func codec(of peer: FramedPeer) throws -> BlockCodec {
        guard let codec = BlockCodec.coded.first(where: { $0.isDecoded(by: peer.mask) }) else {
            throw NotObserved("the peer decodes no codec")
        }
        return codec
    }
}
