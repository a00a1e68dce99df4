/// Rules V0-6 to V0-11 and V0-50 to V0-60, of servers: ids, order and the end.
enum FramingChecks {
    @ChecksBuilder
    static var server: [Check] {
        Check.server("V0-6", "many", "A hundred requests in one packet", expected: "a hundred answers") { run in
            let peer = try await run.openStream()
            try await peer.send(bytes: (1...100).flatMap { StreamPeer.bytes($0, run.text()) })
            for id: UInt32 in 1...100 { _ = try await peer.answer(to: id) }
            guard peer.messages.count == 100 else { throw Departure("\(peer.messages.count) answers") }
            return "100 answers"
        }
        Check.server("V0-7", "ids", "Ids 1, 7, 2^31 and 2^32 − 1", expected: "answers with the same") { run in
            let peer = try await run.openStream()
            for id: UInt32 in [1, 7, 1 << 31, .max] {
                try await peer.send((id, run.text()))
                _ = try await peer.answer(to: id)
            }
            return "four answers"
        }
        Check.server(
            "V0-8", "no-answer", "A request with id 0, and another one", expected: "an answer to the other one"
        ) {
            run in
            try await self.oneWay(run, run.text())
        }
        Check.server(
            "V0-8", "no-refusal", "A request with id 0 and no Host, and another one",
            expected: "an answer to the other one"
        ) { run in
            try await self.oneWay(run, "GET / HTTP/1.1\r\n\r\n")
        }
        Check.server(
            "V0-11", "any-order", "A slow request and one behind it", expected: "two answers, in any order",
            needs: [.slow]
        ) { run in
            let peer = try await run.openStream()
            try await peer.send((1, run.text("GET", run.slow)), (2, run.text()))
            _ = try await peer.answer(to: 1, within: run.timeout + .seconds(3))
            _ = try await peer.answer(to: 2)
            return peer.messages.map { "\($0.id)" }.joined(separator: " before ")
        }
        self.end
    }

    private static func oneWay(_ run: ServerProbe, _ text: String) async throws -> String {
        let peer = try await run.openStream()
        try await peer.send((0, text), (0, text), (5, run.text()))
        _ = try await peer.answer(to: 5)
        try await run.survives(peer)
        if let answer = peer.messages.first(where: { $0.id == 0 }) { throw Departure(answer.words) }
        return "\(peer.messages.count) answers, none with id 0"
    }

    @ChecksBuilder
    private static var end: [Check] {
        Check.server(
            "V0-51", "all-sent", "Fifty requests, and the client's end right behind",
            expected: "all answers, then closed"
        ) { run in
            let peer = try await run.openStream(.flate)
            try await peer.send(bytes: (1...50).flatMap { StreamPeer.bytes($0, run.text()) })
            peer.link.endOutput()
            for id: UInt32 in 1...50 { _ = try await peer.answer(to: id) }
            return "50 answers, \(try await peer.ended())"
        }
        Check.server(
            "V0-52", "not-taken", "Requests of 64 MiB for large answers that the client does not take",
            expected: "the server stops reading (should)", needs: [.large]
        ) { run in
            let peer = try await run.openStream()
            await peer.link.setReading(false)
            let body = String(repeating: "b", count: 60_000)
            let request = run.postText(run.large, body: body)
            let requests = try peer.encoded((1...1100).flatMap { StreamPeer.bytes($0, request) })
            guard await !peer.link.writes(requests, within: run.timeout) else {
                throw NotObserved("all are taken; the rule only recommends to stop")
            }
            return "it stops"
        }
        Check.server(
            "V0-54", "half-close", "The client closes its sending side with a slow request on its way",
            expected: "its answer, then closed", needs: [.slow]
        ) { run in
            guard !run.isSecure else { throw NotObserved("TLS has no half-close") }
            let peer = try await run.openStream()
            try await peer.send((1, run.text("GET", run.slow)))
            peer.link.endOutput()
            let answer = try await peer.answer(to: 1, within: run.timeout + .seconds(3))
            return "\(answer.words), \(try await peer.ended())"
        }
        Check.server(
            "V0-54", "within-message", "The client's end within a message", expected: "closed, and other clients served"
        ) { run in
            let peer = try await run.openStream()
            try await peer.send(bytes: Array(StreamPeer.bytes(1, run.text()).dropLast(5)))
            peer.link.endOutput()
            let seen = try await peer.ended()
            try await run.survives(try await run.openStream())
            return seen
        }
        Check.server(
            "V0-60", "quotes-nothing", "A malformed request with a text of its own", expected: "an answer without it"
        ) { run in
            let peer = try await run.openStream()
            try await peer.send((1, run.text("GET", "/", fields: ["zq7-marker : zq7-value"])))
            let answer = try await peer.answer(to: 1)
            let text = String(decoding: answer.body, as: UTF8.self)
            guard !text.contains("zq7"), !text.contains("\(run.subject.address)") else { throw Departure(text) }
            return answer.words
        }
    }

    /// Has the server shut down, so it is the last one.
    @ChecksBuilder
    static var drain: [Check] {
        Check.server(
            "V0-53", "drain", "The server is shut down with a slow request on its way",
            expected: "its answer, then closed", needs: [.drain, .slow]
        ) { run in
            let peer = try await run.openStream()
            try await peer.send((1, run.text()), (2, run.text("GET", run.slow)))
            _ = try await peer.answer(to: 1)
            let drain = run.subject.drain ?? {}
            let done = Task { await drain() }
            defer { done.cancel() }
            let answer = try await peer.answer(to: 2, within: run.timeout + .seconds(3))
            return "\(answer.words), \(try await peer.ended())"
        }
    }
}
