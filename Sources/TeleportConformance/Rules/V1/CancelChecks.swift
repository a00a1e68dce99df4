/// Rules V1-36 to V1-38, of servers.
enum CancelChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server(
            "V1-36", "slow", "CANCEL of a request that is being handled", expected: "one terminal frame",
            needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.get(1, run.slow))
            try await peer.barrier()
            try await peer.send(.cancel(1))
            return try await self.once(run, peer, [1])
        }
        Check.server(
            "V1-36", "crossing", "Fifty requests, each with its CANCEL right behind",
            expected: "one terminal frame each"
        ) { run in
            let peer = try await run.open()
            try await peer.send((1...50).flatMap { [run.get($0), .cancel($0)] })
            return try await self.once(run, peer, Array(1...50))
        }
        Check.server("V1-36", "late", "CANCEL that crosses the answer", expected: "no second terminal frame") { run in
            let peer = try await run.open()
            try await peer.send(run.get(1))
            try await peer.answer(to: 1)
            try await peer.send(.cancel(1))
            return try await self.once(run, peer, [1])
        }
        Check.server("V1-36", "twice", "CANCEL three times", expected: "one terminal frame") { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: []), .cancel(1), .cancel(1), .cancel(1))
            return try await self.once(run, peer, [1])
        }
        Check.server(
            "V1-36", "upload", "CANCEL of a request whose body is still coming", expected: "one terminal frame"
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: []), .data(1, count: 5000))
            try await peer.barrier()
            try await peer.send(.cancel(1))
            return try await self.once(run, peer, [1])
        }
        Check.server(
            "V1-36", "credit-behind", "CREDIT behind CANCEL", expected: "read over: one terminal frame"
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: []), .cancel(1), .credit(1, 65536))
            return try await self.once(run, peer, [1])
        }
        Check.server(
            "V1-36", "download", "CANCEL of an answer that waits for credit", expected: "one terminal frame",
            needs: [.large]
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 0])
            try await peer.send(run.get(1, run.large))
            try await peer.require { $0.monitor.exchanges[1]?.head != nil }
            try await peer.send(.cancel(1))
            return try await self.once(run, peer, [1])
        }
        self.early
        self.deadline
    }

    /// Waits for a terminal frame on each stream, and sees to it that nothing follows.
    private static func once(_ run: ServerProbe, _ peer: FramedPeer, _ ids: [UInt32]) async throws -> String {
        for id in ids { try await peer.answer(to: id, within: run.timeout + .seconds(2)) }
        try await peer.barrier()
        try await run.survives(peer)
        let words = Set(ids.compactMap { peer.monitor.exchanges[$0]?.words })
        return words.sorted().joined(separator: "; ")
    }

    // MARK: V1-37

    @ChecksBuilder
    private static var early: [Check] {
        Check.server(
            "V1-37", "stopped", "A request of 1 TB that the server does not want",
            expected: "an answer with END, then CANCEL NO_ERROR"
        ) { run in
            let peer = try await run.open()
            try await peer.send(
                run.post(1, flags: [], fields: [Field("Content-Length", "1099511627776")]), .data(1, count: 16384))
            guard try await peer.advance(until: { $0.monitor.exchanges[1]?.terminal != nil }) else {
                throw NotObserved("the server waits for the rest of it")
            }
            if case .cancelled(let code) = peer.monitor.exchanges[1]?.terminal { return "CANCEL \(code.words)" }
            try await peer.require { $0.monitor.exchanges[1]?.isStopped == true }
            // What is on its way is read over.
            try await peer.send(.data(1, count: 16384), .cancel(1, .noError))
            try await run.survives(peer)
            return peer.monitor.exchanges[1]?.words ?? ""
        }
    }

    // MARK: V1-38

    @ChecksBuilder
    private static var deadline: [Check] {
        Check.server(
            "V1-38", "over", "A deadline of 1 ms on a slow request", expected: "CANCEL DEADLINE", needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(.request(1, run.head(run.slow), deadline: 1))
            let exchange = try await peer.answer(to: 1)
            guard exchange.terminal == .cancelled(.deadline) else { throw Departure(exchange.words) }
            try await run.survives(peer)
            return exchange.words
        }
        Check.server(
            "V1-38", "milliseconds", "A deadline of 200 ms on a slow request",
            expected: "CANCEL DEADLINE, no sooner and not much later", needs: [.slow]
        ) { run in
            let peer = try await run.open()
            let clock = ContinuousClock()
            let start = clock.now
            try await peer.send(.request(1, run.head(run.slow), deadline: 200))
            // As seconds it would be over long after the answer, or after the patience of this check.
            let exchange = try await peer.answer(to: 1, within: run.timeout + .milliseconds(200))
            let duration = clock.now - start
            guard exchange.terminal == .cancelled(.deadline) else { throw Departure(exchange.words) }
            // The server began to count after this check did; clocks may tick in milliseconds.
            guard duration >= .milliseconds(190) else { throw Departure("\(exchange.words) after \(duration.words)") }
            try await run.survives(peer)
            return exchange.words
        }
        Check.server("V1-38", "enough", "A deadline of a minute", expected: "an answer") { run in
            let peer = try await run.open()
            try await peer.send(.request(1, run.head(), deadline: 60_000))
            let exchange = try await peer.answer(to: 1)
            guard exchange.head != nil else { throw Departure(exchange.words) }
            return exchange.words
        }
        Check.server("V1-38", "longest", "A deadline of 2^32 − 1 ms", expected: "an answer") { run in
            let peer = try await run.open()
            try await peer.send(.request(1, run.head(), deadline: .max))
            let exchange = try await peer.answer(to: 1)
            guard exchange.head != nil else { throw Departure(exchange.words) }
            return exchange.words
        }
        Check.server(
            "V1-38", "head-in-time", "A large answer whose head came in time, but not its body",
            expected: "the answer goes on", needs: [.large]
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 0])
            try await peer.send(.request(1, run.head(run.large), deadline: 1000))
            guard try await peer.advance(until: { $0.monitor.exchanges[1]?.head != nil }) else {
                throw NotObserved("its head takes longer than 1 s")
            }
            guard
                try await !peer.advance(
                    within: .milliseconds(1500), until: { $0.monitor.exchanges[1]?.terminal != nil })
            else { throw Departure(peer.monitor.exchanges[1]?.words ?? "") }
            try await peer.send(.credit(1, 1 << 24))
            let exchange = try await peer.answer(to: 1, within: run.timeout + .seconds(5))
            guard exchange.terminal == .end else { throw Departure(exchange.words) }
            return exchange.words
        }
    }
}
