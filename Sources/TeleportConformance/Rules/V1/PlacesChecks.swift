/// Rules V1-43 and V1-44: how many streams there may be, and who goes first.
enum PlacesChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server(
            "V1-43", "n-and-one", "As many requests as may be, and one more",
            expected: "all of them but the last, which is CANCEL REFUSED", needs: [.slow]
        ) { run in
            let (peer, last) = try await self.full(run)
            try await peer.send(run.get(last))
            let exchange = try await peer.answer(to: last)
            guard exchange.terminal == .cancelled(.refused) else { throw Departure(exchange.words) }
            try await peer.barrier()
            let refused = peer.monitor.exchanges.values.count { $0.terminal == .cancelled(.refused) }
            guard refused == 1 else { throw Departure("\(refused) REFUSED, where \(last - 1) streams may be") }
            return "\(last - 1) taken, 1 REFUSED"
        }
        Check.server(
            "V1-43", "place-freed", "Another request behind the end of one of them", expected: "taken", needs: [.slow]
        ) { run in
            let (peer, last) = try await self.full(run)
            try await peer.send(.cancel(1))
            try await peer.answer(to: 1, within: run.timeout + .seconds(2))
            try await peer.send(run.get(last))
            let exchange = try await peer.answer(to: last)
            guard exchange.head != nil else { throw Departure(exchange.words) }
            return exchange.words
        }
        Check.server(
            "V1-43", "one-way-counts", "One-way requests in all places, and one more", expected: "CANCEL REFUSED",
            needs: [.slow]
        ) { run in
            let (peer, last) = try await self.full(run, flags: [.end, .noReply])
            try await peer.send(run.get(last))
            let exchange = try await peer.answer(to: last)
            guard exchange.terminal == .cancelled(.refused) else { throw Departure(exchange.words) }
            return exchange.words
        }
        Check.server(
            "V1-43", "budget", "Heads and bodies in REQUEST, more than 16 MiB in all, held by slow requests",
            expected: "CANCEL OVERLOADED for some", needs: [.slow, .defaults]
        ) { run in
            let peer = try await run.open()
            let body = [UInt8](repeating: 0x62, count: 65536)
            let padding = Field("X-Padding", String(repeating: "p", count: peer.monitor.peer(.headLimit) * 3 / 4))
            let count = UInt32(Swift.min(400, peer.monitor.peer(.streams)))
            let size = run.post(1, run.slow, fields: [padding], body: body).payload.count
            guard Int(count) * size > 17 << 20 else { throw NotObserved("\(count) streams may be: too few") }
            for id in 1...count { try await peer.send(run.post(id, run.slow, fields: [padding], body: body)) }
            try await peer.barrier()
            let overloaded = peer.monitor.exchanges.values.count { $0.terminal == .cancelled(.overloaded) }
            guard overloaded > 0 else { throw Departure("\(count) requests of \(size) bytes each are taken") }
            return "\(overloaded) of \(count) OVERLOADED"
        }
        self.order
    }

    /// A connection all of whose places are taken by slow requests, and the next stream.
    private static func full(_ run: ServerProbe, flags: FrameFlags = .end) async throws -> (FramedPeer, UInt32) {
        let peer = try await run.open()
        let places = peer.monitor.peer(.streams)
        guard places <= 20_000 else { throw NotObserved("\(places) streams may be: the tool opens 20,000 at most") }
        let ids = (0..<UInt32(places)).map { $0 + 1 }
        for start in stride(from: 0, to: ids.count, by: 200) {
            try await peer.send(
                ids[start..<Swift.min(start + 200, ids.count)].map { run.get($0, run.slow, flags: flags) })
        }
        try await peer.barrier()
        if let early = peer.monitor.exchanges.values.first(where: { $0.terminal != nil }) {
            guard early.terminal != .cancelled(.refused) else {
                throw Departure("stream \(early.id) of \(places) is REFUSED")
            }
            throw NotObserved("the slow path is not slow enough: \(early.words)")
        }
        return (peer, UInt32(places) + 1)
    }

    // MARK: V1-44

    @ChecksBuilder
    private static var order: [Check] {
        Check.server(
            "V1-44", "past-stalled", "A small request while a large answer waits for credit", expected: "an answer",
            needs: [.large]
        ) { run in
            let peer = try await CreditChecks.largeWithoutCredit(run, streams: 4)
            try await run.survives(peer)
            return "an answer past 4 large ones"
        }
        Check.server(
            "V1-44", "small-first", "A small request while a large answer streams",
            expected: "its answer before the large one's end", needs: [.large]
        ) { run in
            let peer = try await CreditChecks.largeWithoutCredit(run)
            try await peer.send(.credit(1, 262_144), run.get(2))
            try await peer.answer(to: 2)
            let before = peer.received(on: 1)
            guard peer.monitor.exchanges[1]?.terminal == nil else { throw Departure("the large one ended first") }
            return "an answer behind \(before) bytes of the large one"
        }
        Check.server(
            "V1-44", "turns", "Two large answers that wait for the connection's credit, when it comes",
            expected: "DATA in turns of at most 16 KiB", needs: [.large]
        ) { run in
            let peer = try await run.open(
                offering: 0, settings: [.streamCredit: .init(Int32.max), .connectionCredit: 65536])
            peer.givesCredit = false
            try await peer.barrier()
            try await peer.send(run.get(1, run.large), run.get(2, run.large))
            try await peer.require {
                $0.monitor.exchanges[1]?.head != nil && $0.monitor.exchanges[2]?.head != nil
                    && $0.monitor.inbound.left == 0
            }
            // Both have filled what the server keeps for them by then.
            try await Task.sleep(for: .milliseconds(50))
            let mark = peer.log.count
            try await peer.send(.credit(0, 131_072))
            try await peer.require { $0.monitor.inbound.left == 0 }
            let longest = self.longestRun(in: peer.log.dropFirst(mark))
            guard longest <= 16384 else { throw Departure("\(longest) bytes of one stream while the other waited") }
            return "turns of \(longest) bytes at most"
        }
    }

    /// The most DATA of one stream in a row.
    private static func longestRun(in log: some Sequence<Frame>) -> Int {
        let data = log.filter { $0.kind == .data && !$0.payload.isEmpty }
        var (longest, run, stream) = (0, 0, 0 as UInt32)
        for frame in data {
            run = frame.stream == stream ? run + frame.payload.count : frame.payload.count
            stream = frame.stream
            longest = Swift.max(longest, run)
        }
        return longest
    }

    @ChecksBuilder
    static var client: [Check] {
        Check.client(
            "V1-43", "one-place", "A server that allows one stream", expected: "one request at a time, in order"
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streams: 1])
            // A client that sends before it knows of the limit may be over it (V1-25). Were it refused, it might leave.
            try await peer.barrier()
            for exchange in peer.monitor.exchanges.values where exchange.terminal == nil {
                try await peer.send(ClientProbe.answer(exchange))
            }
            for _ in 0..<5 { try await run.survives(peer) }
            return "five requests, one at a time"
        }
    }
}
