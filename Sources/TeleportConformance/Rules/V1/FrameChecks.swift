/// Rules V1-21 to V1-24: frames, whatever they mean.
enum FrameChecks {
    static var server: [Check] { self.both.filter { $0.side == .server } + self.ofServers }
    static var client: [Check] { self.both.filter { $0.side == .client } + self.ofClients }

    @ChecksBuilder
    private static var both: [Check] {
        Check.both("V1-21", "across-blocks", "A PING cut into two blocks at each place", expected: "a PONG to each") {
            run in
            let peer = try await run.open()
            for place in 1..<17 {
                let ping = peer.makePing()
                peer.monitor.sent(ping)
                let bytes = ping.bytes
                await peer.link.write(
                    Block.stored(Array(bytes.prefix(place))) + Block.stored(Array(bytes.dropFirst(place))))
                try await peer.pong(to: ping)
            }
            return "16 PONGs"
        }
        for fault in BadFrame.both { fault.checks }
        for kind in FrameKind.allCases {
            self.flags(kind, rule: "V1-22", word: "flag", FrameFlags.named.map(\.flag))
            self.flags(kind, rule: "V1-24", word: "unknown-flag", [FrameFlags(rawValue: 0x40), .init(rawValue: 0x80)])
        }
        self.unknownTypes
    }

    private static var ofServers: [Check] { BadFrame.ofServers.flatMap { $0.checks }.filter { $0.side == .server } }
    private static var ofClients: [Check] { BadFrame.ofClients.flatMap { $0.checks }.filter { $0.side == .client } }

    // MARK: Flags

    /// A kind of frame with each of these flags that it does not have, each on a connection of its own.
    private static func flags(_ kind: FrameKind, rule: String, word: String, _ flags: [FrameFlags]) -> [Check] {
        let wrong = flags.filter { $0.isDisjoint(with: kind.flags) }
        let name = "\(word)-\(kind.name.lowercased())"
        let title =
            rule == "V1-22" ? "\(kind.name) with a flag that is another type's" : "\(kind.name) with an unknown flag"
        let expected = "GOAWAY FRAME"
        return [
            .server(rule, name, title, expected: expected) { run in
                for flag in wrong { try await self.refused(run, kind, flag) }
                return "GOAWAY FRAME for each of \(wrong.count)"
            },
            // A client has to connect anew for each.
            .client(rule, name, title, expected: expected) { run in
                if let flag = wrong.last { try await self.refused(run, kind, flag) }
                return "GOAWAY FRAME for \(wrong.last?.words ?? "none")"
            },
        ]
    }

    private static func refused(_ run: any Opening, _ kind: FrameKind, _ flag: FrameFlags) async throws {
        let peer = try await run.open()
        let frame = try await self.wellFormed(kind, run, peer, adding: flag)
        do {
            _ = try await peer.provoke(.frame, withRaw: frame.bytes)
        } catch let departure as Departure {
            throw Departure("\(kind.name) with \(flag.words): \(departure.seen)")
        }
    }

    /// A frame that would have its place but for the flag that is added.
    private static func wellFormed(
        _ kind: FrameKind, _ run: any Opening, _ peer: FramedPeer, adding flag: FrameFlags
    ) async throws -> Frame {
        var stream: UInt32 = 0
        if kind.isOnStream != false { stream = try await run.liveStream(peer) }
        var frame =
            switch kind {
            case .settings: Frame.settings()
            case .request: Frame.request(stream + 1, RequestHead(target: "/", authority: "conformance"))
            case .response: Frame.response(stream, ResponseHead())
            case .data: Frame.data(stream, [0x64])
            case .trailers: Frame.trailers(stream, [])
            case .secrets: Frame.secrets(stream + (run is ServerProbe ? 1 : 0), [])
            case .cancel: Frame.cancel(stream)
            case .credit: Frame.credit(stream, 1024)
            case .ping: peer.makePing()
            case .pong: Frame.pong(.init(repeating: 0, count: 8))
            case .goAway: Frame.goAway(.max, .noError)
            }
        frame.flags.insert(flag)
        return frame
    }

    // MARK: Unknown types

    @ChecksBuilder
    private static var unknownTypes: [Check] {
        let payload: [UInt8] = .init(repeating: 0x61, count: 100)
        for (word, stream) in [("connection", 0 as UInt32), ("unused-stream", 1 << 31), ("last-stream", .max)] {
            Check.both(
                "V1-24", "type-on-\(word)", "Frames of unknown types on stream \(stream)", expected: "read over: PONG"
            ) { run in
                let peer = try await run.open()
                let frames = [11, 100, 255].map { Frame(type: $0, stream: stream, payload: payload) }
                let ping = peer.makePing()
                try await peer.send(frames + [ping])
                try await peer.pong(to: ping)
                try await run.survives(peer)
                return "PONG, and another exchange"
            }
        }
        Check.both("V1-24", "type-with-flags", "Frames of unknown types with all flags", expected: "read over: PONG") {
            run in
            let peer = try await run.open()
            let frames = [
                Frame(type: 77, flags: FrameFlags(rawValue: 0xFF), payload: payload),
                Frame(type: 77, flags: FrameFlags(rawValue: 0x01), stream: 9),
            ]
            let ping = peer.makePing()
            try await peer.send(frames + [ping])
            try await peer.pong(to: ping)
            return "PONG"
        }
        Check.both("V1-24", "type-on-live", "A frame of an unknown type on a live stream", expected: "changes nothing")
        {
            run in
            let peer = try await run.open()
            let stream = try await run.liveStream(peer)
            let ping = peer.makePing()
            try await peer.send(Frame(type: 42, flags: .end, stream: stream, payload: payload), ping)
            try await peer.pong(to: ping)
            if run is ServerProbe {
                try await peer.send(.data(stream, [], flags: .end))
                return try await peer.answer(to: stream).words
            }
            if let exchange = peer.monitor.exchanges[stream] { try await peer.send(ClientProbe.answer(exchange)) }
            try await peer.barrier()
            return "PONG, and the stream ends as it should"
        }
    }
}

/// A frame that is wrong by its first nine bytes (rule V1-22).
private struct BadFrame: Sendable {
    let rule: String
    let word: String
    let title: String
    /// The bytes for a live stream and the head limit of the peer.
    let bytes: @Sendable (_ stream: UInt32, _ headLimit: Int) -> [UInt8]
    var needsStream = true
    var codes: [Code] = [.frame]

    var checks: [Check] {
        let expected = "GOAWAY \(self.codes.map(\.words).joined(separator: " or "))"
        return Check.both(self.rule, self.word, self.title, expected: expected) { run in
            let peer = try await run.open()
            let stream = self.needsStream ? try await run.liveStream(peer) : 0
            await peer.send(raw: self.bytes(stream, peer.monitor.peer(.headLimit)))
            return try await peer.connectionError(self.codes)
        }
    }

    static let both: [BadFrame] = {
        let lengths: [(kind: FrameKind, length: Int)] = [
            (.cancel, 1), (.cancel, 3), (.credit, 3), (.credit, 5), (.ping, 7), (.ping, 9), (.pong, 7), (.pong, 9),
        ]
        var faults = lengths.map { kind, length in
            BadFrame(
                rule: "V1-22", word: "\(kind.name.lowercased())-\(length)", title: "\(kind.name) of \(length) bytes",
                bytes: { stream, _ in
                    Frame.header(length, kind, [], kind.isOnStream == false ? 0 : stream)
                        + [UInt8](repeating: 0, count: length)
                }, needsStream: kind.isOnStream != false)
        }
        faults += [FrameKind.settings, .ping, .pong, .goAway].map { kind in
            BadFrame(
                rule: "V1-22", word: "\(kind.name.lowercased())-on-stream", title: "\(kind.name) with a stream id",
                bytes: { _, _ in
                    let payload: [UInt8] = .init(repeating: 0, count: kind.fixedLength ?? (kind == .goAway ? 6 : 0))
                    return Frame(kind, stream: 1, payload: payload).bytes
                }, needsStream: false)
        }
        faults += [FrameKind.request, .response, .data, .trailers, .secrets, .cancel].map { kind in
            BadFrame(
                rule: "V1-22", word: "\(kind.name.lowercased())-without-stream", title: "\(kind.name) with stream id 0",
                bytes: { _, _ in
                    let payload: [UInt8] = .init(repeating: 0, count: kind == .cancel ? 2 : 3)
                    return Frame(kind, flags: kind.flags.intersection(.end), payload: payload).bytes
                }, needsStream: false)
        }
        faults += [
            BadFrame(rule: "V1-22", word: "data-65537", title: "DATA of 65,537 bytes") { stream, _ in
                Frame.header(65537, .data, [], stream)
            },
            BadFrame(rule: "V1-22", word: "trailers-too-long", title: "TRAILERS over every limit") { stream, limit in
                Frame.header(65536 + limit + 1, .trailers, .end, stream)
            },
            BadFrame(
                rule: "V1-22", word: "unknown-too-long", title: "A frame of an unknown type over every limit",
                bytes: { _, limit in Frame.header(65536 + limit + 1, 0x77) }, needsStream: false),
            BadFrame(
                rule: "V1-22", word: "longest", title: "A frame of 2^24 − 1 bytes",
                bytes: { _, _ in Frame.header(0xFFFFFF, 0x77) }, needsStream: false),
            BadFrame(
                rule: "V1-22", word: "goaway-5", title: "GOAWAY of 5 bytes",
                bytes: { _, _ in Frame(.goAway, payload: [0, 0, 0, 0, 0]).bytes }, needsStream: false),
            BadFrame(
                rule: "V1-22", word: "goaway-text", title: "GOAWAY with 257 bytes of text",
                bytes: { _, _ in Frame.header(6 + 257, .goAway) }, needsStream: false),
            BadFrame(rule: "V1-22", word: "trailers-without-end", title: "TRAILERS without END") { stream, _ in
                Frame(.trailers, stream: stream, payload: [0]).bytes
            },
        ]
        return faults
    }()

    static let ofServers = [
        BadFrame(rule: "V1-22", word: "request-too-long", title: "REQUEST over every limit") { stream, limit in
            Frame.header(65536 + limit + 8, .request, .end, stream + 1)
        },
        BadFrame(rule: "V1-22", word: "no-reply-without-end", title: "NO_REPLY without END") { stream, _ in
            Frame.request(stream + 1, RequestHead(target: "/", authority: "conformance"), flags: .noReply).bytes
        },
        BadFrame(rule: "V1-22", word: "head-beyond-payload", title: "REQUEST whose head is longer than its payload") {
            stream, _ in
            Frame(.request, flags: .end, stream: stream + 1, payload: [100, 0, 0, 1, 0]).bytes
        },
        BadFrame(rule: "V1-22", word: "request-2", title: "REQUEST of 2 bytes") { stream, _ in
            Frame(.request, flags: .end, stream: stream + 1, payload: [0, 0]).bytes
        },
    ]

    static let ofClients = [
        BadFrame(rule: "V1-22", word: "response-too-long", title: "RESPONSE over every limit") { stream, limit in
            Frame.header(65536 + limit + 8, .response, .end, stream)
        },
        BadFrame(rule: "V1-22", word: "interim-with-end", title: "INTERIM with END") { stream, _ in
            Frame.response(stream, ResponseHead(status: 103), flags: [.interim, .end]).bytes
        },
        BadFrame(rule: "V1-22", word: "head-beyond-payload", title: "RESPONSE whose head is longer than its payload") {
            stream, _ in
            Frame(.response, flags: .end, stream: stream, payload: [100, 0, 0, 200, 0]).bytes
        },
    ]
}
