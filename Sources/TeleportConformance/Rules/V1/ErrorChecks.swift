/// Rules V1-81, V1-82 and V1-90: how errors are told, and what is no error.
enum ErrorChecks {
    static var server: [Check] { self.both.filter { $0.side == .server } + self.ofServers }
    static var client: [Check] { self.both.filter { $0.side == .client } }

    /// Text that no peer would say by itself.
    private static let marker = "zq7-marker-9xk"

    @ChecksBuilder
    private static var both: [Check] {
        Check.both(
            "V1-82", "quotes-nothing", "Text in a frame that ends the connection", expected: "a GOAWAY without it"
        ) {
            run in
            let peer = try await run.open()
            let frame = Frame(.ping, flags: .unknown, payload: Array("zq7-mark".utf8))
            await peer.send(raw: frame.bytes + Array(Self.marker.utf8))
            let seen = try await peer.connectionError(.frame)
            let text = String(decoding: peer.monitor.goAways.last?.text ?? [], as: UTF8.self)
            guard !text.contains("zq7"), !text.contains(Self.marker) else { throw Departure("\(seen): quoted") }
            return seen
        }
        Check.both("V1-82", "once", "Two errors in one block", expected: "one GOAWAY, for the first; closed") { run in
            let peer = try await run.open()
            await peer.send(raw: Frame.settings().bytes + Frame(.ping, payload: [1]).bytes)
            let seen = try await peer.connectionError(.settings)
            guard peer.monitor.goAways.count == 1 else { throw Departure(seen) }
            return seen
        }
        Check.both(
            "V1-90", "future", "An unknown bit of the preface, unknown settings and frames",
            expected: "ignored: an exchange"
        ) { run in
            let peer = try await run.begin(offering: 0xF0)
            try await peer.send(
                .settings([(key: 600, value: 1), (key: 65535, value: .max)]), Frame(type: 200, payload: [1, 2, 3]),
                Frame(type: 11, flags: FrameFlags(rawValue: 0x81), stream: 77))
            try await run.survives(peer)
            return "an exchange"
        }
    }

    @ChecksBuilder
    private static var ofServers: [Check] {
        Check.server(
            "V1-81", "others", "A malformed head amid requests that are being handled",
            expected: "they are answered", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            for id: UInt32 in 1...3 { try await peer.send(run.post(id, run.echo, flags: [])) }
            var bad = run.head()
            bad.flags = 0xFF
            try await peer.send(.request(4, bad))
            try await peer.answer(to: 4)
            for id: UInt32 in 1...3 {
                try await peer.send(.data(id, [UInt8(id)], flags: .end))
                _ = try StreamChecks.expect([UInt8(id)], in: try await peer.answer(to: id))
            }
            return "three bodies; \(peer.monitor.exchanges[4]?.words ?? "")"
        }
        Check.server(
            "V1-81", "rest", "DATA and TRAILERS behind a malformed head", expected: "read over"
        ) { run in
            let peer = try await run.open()
            var bad = run.head()
            bad.flags = 0xFF
            try await peer.send(.request(1, bad, flags: []), .data(1, count: 1000), .trailers(1, []))
            return try await run.streamError(peer, on: 1)
        }
        Check.server("V1-82", "last-id", "An error behind three requests", expected: "GOAWAY with last id 3") { run in
            let peer = try await run.open()
            for id: UInt32 in 1...3 {
                try await peer.send(run.get(id))
                try await peer.answer(to: id)
            }
            let seen = try await peer.provoke(.settings, with: [.settings()])
            guard peer.monitor.goAways.last?.last == 3 else { throw Departure(seen) }
            return seen
        }
    }
}
