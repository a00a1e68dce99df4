/// Rules V1-50 to V1-54: pings, drains and the end.
enum LifeChecks {
    static var server: [Check] { self.both.filter { $0.side == .server } + self.ofServers }
    static var client: [Check] { self.both.filter { $0.side == .client } + self.ofClients }

    @ChecksBuilder
    private static var both: [Check] {
        Check.both("V1-50", "same-bytes", "PINGs of many bytes", expected: "PONGs with the same, in order") { run in
            let peer = try await run.open()
            let pings: [[UInt8]] = [
                .init(repeating: 0, count: 8), .init(repeating: 0xFF, count: 8), [1, 2, 3, 4, 5, 6, 7, 8],
                [8, 7, 6, 5, 4, 3, 2, 1],
            ]
            try await peer.send(pings.map { .ping($0) })
            try await peer.require { $0.monitor.pongs.count == pings.count }
            return "\(pings.count) PONGs"
        }
        Check.both("V1-53", "code", "GOAWAY INTERNAL, and a PING behind it", expected: "not read: closed") { run in
            let peer = try await run.open()
            let trap = peer.makePing()
            try await peer.send(.goAway(0, .internal, text: "The tool is at fault."), trap)
            _ = try await peer.advance { $0.monitor.pongs.contains(trap.payload) }
            guard !peer.monitor.pongs.contains(trap.payload) else { throw Departure("PONG: it reads on") }
            guard peer.end != nil else { throw Departure("\(peer.words()), and open still") }
            return peer.words()
        }
        Check.both("V1-80", "unknown-code", "GOAWAY with the unknown code 999", expected: "taken for INTERNAL: closed")
        {
            run in
            let peer = try await run.open()
            let trap = peer.makePing()
            try await peer.send(.goAway(0, Code(rawValue: 999)), trap)
            _ = try await peer.advance { $0.monitor.pongs.contains(trap.payload) }
            guard !peer.monitor.pongs.contains(trap.payload) else { throw Departure("PONG: it reads on") }
            guard peer.end != nil else { throw Departure("\(peer.words()), and open still") }
            return peer.words()
        }
    }

    // MARK: Servers

    @ChecksBuilder
    private static var ofServers: [Check] {
        Check.server(
            "V1-50", "ahead", "A PING behind 512 KiB of credit for a large answer",
            expected: "PONG before they are all sent",
            needs: [.large]
        ) { run in
            let peer = try await CreditChecks.largeWithoutCredit(run)
            let ping = peer.makePing()
            try await peer.send(.credit(1, 524_288), ping)
            try await peer.pong(to: ping)
            let count = peer.received(on: 1)
            // Whatever was with the operating system before the PING was read did not wait.
            guard count < 524_288 else { throw NotObserved("PONG behind all \(count) bytes: they may not have waited") }
            return "PONG behind \(count) bytes"
        }
        Check.server("V1-50", "unanswered", "A PING that nobody answers", expected: "the connection ends") { run in
            guard run.timeout >= .seconds(41) else { throw NotObserved("takes 40 s: run it with --timeout 45") }
            let peer = try await run.open()
            peer.answersPings = false
            try await peer.require { $0.log.contains { $0.kind == .ping } }
            try await peer.require { $0.end != nil }
            return peer.words()
        }
        Check.server(
            "V1-51", "client-drains", "GOAWAY NO_ERROR from a client with a request on its way",
            expected: "its answer all the same", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: []), .goAway(.max, .noError))
            try await peer.barrier()
            try await peer.send(.data(1, [1, 2, 3], flags: .end))
            return try StreamChecks.expect([1, 2, 3], in: try await peer.answer(to: 1))
        }
        Check.server("V1-54", "lost", "A connection that is reset amid requests", expected: "the server goes on") {
            run in
            let peer = try await run.open()
            try await peer.send((1...10).map { run.post($0, run.echo, flags: []) })
            await peer.link.reset()
            try await run.survives(try await run.open())
            return "another connection is served"
        }
        Check.server(
            "V1-80", "unknown-cancel", "CANCEL with the unknown code 999", expected: "one terminal frame"
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.echo, flags: []), .cancel(1, Code(rawValue: 999)))
            let exchange = try await peer.answer(to: 1)
            try await run.survives(peer)
            return exchange.words
        }
    }

    /// Has the server shut down, so it is the last one.
    @ChecksBuilder
    static var drain: [Check] {
        Check.server(
            "V1-51", "drain", "The server is shut down with a request on its way",
            expected: "GOAWAY 2^32 − 1, PING; GOAWAY with the last id; the answer; closed", needs: [.drain, .echo]
        ) { run in
            let peer = try await run.open()
            peer.answersPings = false
            try await peer.send(run.post(1, run.echo, flags: []))
            try await peer.barrier()
            let drain = run.subject.drain ?? {}
            let done = Task { await drain() }
            defer { done.cancel() }
            try await peer.require { $0.monitor.goAways.count == 1 && $0.log.contains { $0.kind == .ping } }
            guard let first = peer.monitor.goAways.first, first.last == .max, first.code == .noError else {
                throw Departure(peer.words())
            }
            // Sent before the client answers the PING, so the server takes it.
            let ping = peer.log.first { $0.kind == .ping }
            try await peer.send(run.get(2), .pong(ping?.payload ?? []))
            try await peer.require { $0.monitor.goAways.count == 2 }
            guard peer.monitor.goAways[1].code == .noError, peer.monitor.goAways[1].last == 2 else {
                throw Departure(peer.words())
            }
            try await peer.answer(to: 2)
            try await peer.send(.data(1, [7], flags: .end))
            _ = try StreamChecks.expect([7], in: try await peer.answer(to: 1))
            try await peer.require { $0.end != nil }
            return peer.words()
        }
    }

    // MARK: Clients

    @ChecksBuilder
    private static var ofClients: [Check] {
        Check.client(
            "V1-50", "ahead", "A PING behind credit for the rest of a body", expected: "PONG before all of it is sent"
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 0])
            peer.givesCredit = false
            try await peer.barrier()
            let exchange = try await run.request(on: peer, StreamChecks.upload) { !$0.isRequestEnded }
            let ping = peer.makePing()
            try await peer.send(.credit(exchange.id, 1 << 24), ping)
            try await peer.pong(to: ping)
            let count = peer.received(on: exchange.id)
            guard !peer.hasEnded(exchange.id) || count < 65536 else {
                throw NotObserved("PONG behind all \(count) bytes: they may not have waited")
            }
            return "PONG behind \(count) bytes"
        }
        Check.client(
            "V1-51", "drain", "A server that drains: GOAWAY 2^32 − 1 and PING, then the last id",
            expected: "no request behind PONG; closed when answered"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.goAway(.max, .noError))
            try await peer.barrier()
            // From here on a new request is a fault.
            peer.monitor.isDraining = true
            let last = peer.monitor.lastStream
            try await peer.send(.goAway(last, .noError))
            for exchange in peer.monitor.exchanges.values where exchange.terminal == nil {
                try await peer.send(ClientProbe.answer(exchange))
            }
            peer.link.endOutput()
            try await peer.require(within: run.timeout + .seconds(1)) { $0.end != nil }
            _ = id
            return "\(peer.monitor.lastStream) requests; \(peer.end?.words ?? "")"
        }
        Check.client(
            "V1-51", "beyond-last", "A request beyond the last id of a GOAWAY", expected: "on another connection"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            let targets = try self.targets(peer)
            try await peer.send(.goAway(id - 1, .noError))
            peer.link.endOutput()
            return try await self.appears(run, targets[id] ?? "")
        }
        Check.client(
            "V1-52", "refused", "CANCEL REFUSED", expected: "the request once more, by itself, on another connection"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            let target = try self.targets(peer)[id] ?? ""
            try await peer.send(.cancel(id, .refused))
            guard try await self.attempts(peer, target, run) == 1 else { throw Departure("again on this connection") }
            return try await self.appears(run, target)
        }
        Check.client(
            "V1-52", "refused-twice", "CANCEL REFUSED, and again for the second attempt",
            expected: "no third one by itself"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            let target = try self.targets(peer)[id] ?? ""
            try await peer.send(.cancel(id, .refused))
            _ = try await self.attempts(peer, target, run)
            let other = try await run.open()
            let second = try await run.request(on: other) { $0.request?.head.target == target }
            try await other.send(.cancel(second.id, .refused))
            let attempts = try await self.attempts(other, target, run)
            guard attempts == 1 else { throw Departure("\(attempts + 1) attempts") }
            return "two attempts"
        }
        for (word, code) in [("overloaded", Code.overloaded), ("internal", .internal)] {
            Check.client(
                "V1-52", word, "CANCEL \(code.words)", expected: "told to the caller: not sent again by itself"
            ) { run in
                let (peer, id) = try await StreamChecks.ordinary(run)
                let target = try self.targets(peer)[id] ?? ""
                try await peer.send(.cancel(id, code))
                let attempts = try await self.attempts(peer, target, run)
                guard attempts == 1 else { throw Departure("\(attempts) attempts") }
                return "one attempt"
            }
        }
        Check.client(
            "V1-54", "lost", "The end of a connection without GOAWAY, amid a request",
            expected: "not sent again by itself"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            let target = try self.targets(peer)[id] ?? ""
            await peer.link.close()
            let next = try await run.open()
            let attempts = try await self.attempts(next, target, run)
            guard attempts == 0 else { throw Departure("\(target) again") }
            return "other requests"
        }
    }

    /// The targets of the requests, by stream.
    private static func targets(_ peer: FramedPeer) throws -> [UInt32: String] {
        peer.monitor.exchanges.compactMapValues { $0.request?.head.target }
    }

    /// Waits for a request with this target on another connection. Others are answered.
    private static func appears(_ run: ClientProbe, _ target: String) async throws -> String {
        let peer = try await run.open()
        guard try await self.attempts(peer, target, run, until: 1) >= 1 else {
            throw Departure("\(target) does not come again")
        }
        return "\(target) again, on another connection"
    }

    /// Answers requests for a while.
    ///
    /// - Returns: how many on this connection had the target. Whoever repeats targets cannot be judged by them.
    private static func attempts(
        _ peer: FramedPeer, _ target: String, _ run: ClientProbe, until wanted: Int = .max
    ) async throws -> Int {
        func count(_ peer: FramedPeer, _ target: String) -> Int {
            peer.monitor.exchanges.values.count { $0.request?.head.target == target }
        }
        func isUnique(_ peer: FramedPeer) -> Bool {
            let others = peer.monitor.exchanges.values.compactMap { $0.request?.head.target }.filter { $0 != target }
            return others.isEmpty || Set(others).count == others.count
        }

        // Behind those that are here already.
        let last = peer.monitor.lastStream + 20
        while count(peer, target) < wanted, peer.monitor.lastStream < last || peer.monitor.nextUnanswered != nil {
            guard try await peer.advance(until: { $0.monitor.nextUnanswered != nil || count($0, target) >= wanted }),
                count(peer, target) < wanted, let exchange = peer.monitor.nextUnanswered
            else { break }
            try await peer.send(ClientProbe.answer(exchange))
        }
        guard isUnique(peer), count(peer, target) <= 3 else {
            throw NotObserved("the client's requests are alike: give each a target of its own")
        }
        return count(peer, target)
    }
}
