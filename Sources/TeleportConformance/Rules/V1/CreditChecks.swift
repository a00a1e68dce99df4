/// Rules V1-40 to V1-42, of servers.
enum CreditChecks {
    @ChecksBuilder
    static var server: [Check] {
        self.receiving
        self.sending
        for fault in BadCredit.all { fault.checks.filter { $0.side == .server } }
        self.dropping
        self.slow
    }

    // MARK: The server receives

    @ChecksBuilder
    private static var receiving: [Check] {
        Check.server(
            "V1-40", "exact-stream", "Exactly a stream's credit in DATA", expected: "accepted: PONG", needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.slow, flags: []))
            let sent = try await self.exhaust(peer, 1)
            return "PONG behind \(sent) bytes"
        }
        Check.server(
            "V1-40", "beyond-stream", "One byte more than a stream's credit", expected: "GOAWAY CREDIT",
            needs: [.slow]
        ) { run in
            let peer = try await run.open()
            try await peer.send(run.post(1, run.slow, flags: []))
            _ = try await self.exhaust(peer, 1)
            return try await peer.provoke(.credit, with: [.data(1, count: 1)])
        }
        Check.server(
            "V1-40", "beyond-stream-at-once", "A stream's credit and a byte, in one write", expected: "GOAWAY CREDIT",
            needs: [.slow]
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.streamCredit)
            guard credit <= 8 << 20 else { throw NotObserved("the server gives a stream \(credit) bytes of credit") }
            var frames = [run.post(1, run.slow, flags: [])]
            for start in stride(from: 0, through: credit, by: Frame.maximumData) {
                frames.append(.data(1, count: Swift.min(Frame.maximumData, credit + 1 - start)))
            }
            return try await peer.provoke(.credit, with: frames)
        }
        Check.server(
            "V1-40", "beyond-connection", "One byte more than the connection's credit", expected: "GOAWAY CREDIT",
            needs: [.slow]
        ) { run in
            let peer = try await run.open()
            let (own, all) = (peer.monitor.peer(.streamCredit), peer.monitor.peer(.connectionCredit))
            let needed = own == 0 ? .max : all / own + 1
            guard needed <= 200, needed <= peer.monitor.peer(.streams) else {
                throw NotObserved("it takes \(needed) streams to use up \(all) bytes of credit")
            }
            for id in 1...UInt32(needed) {
                try await peer.send(run.post(id, run.slow, flags: []))
                _ = try await self.exhaust(peer, id, hasBarrier: false)
            }
            try await peer.barrier()
            guard let id = (1...UInt32(needed)).first(where: { peer.monitor.outbound.left(on: $0) > 0 }) else {
                throw NotObserved("the credit of the connection is not used up by \(needed) streams")
            }
            let count = peer.monitor.outbound.left + 1
            guard count <= 65536 else {
                throw NotObserved(
                    "the server has answered already, and taken the bodies: \(run.slow) is not slow enough")
            }
            return try await peer.provoke(.credit, with: [.data(id, count: count)])
        }
        Check.server(
            "V1-40", "heads-exempt", "Bodies in REQUEST, ten times a stream's credit", expected: "answers"
        ) { run in
            // What comes with the head counts against no credit.
            let peer = try await run.open()
            let count = Swift.min(64, peer.monitor.peer(.streamCredit) * 10 / 65536 + 1)
            for id in 1...UInt32(count) {
                try await peer.send(run.post(id, body: .init(repeating: 0x61, count: 65536)))
                try await peer.answer(to: id)
            }
            return "\(count) answers"
        }
        Check.server(
            "V1-41", "given-back", "A body of four times a stream's credit, within credit",
            expected: "credit is given back; the body, whole", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            let count = Swift.min(4 * peer.monitor.peer(.streamCredit), 3 << 20)
            try await peer.send(run.post(1, run.echo, flags: []))
            try await peer.sendBody(1, count: count)
            let exchange = try await peer.answer(to: 1)
            guard exchange.body.bytes.count == count else { throw Departure("\(exchange.words) of \(count)") }
            return "\(exchange.words); CREDIT of \(peer.monitor.outbound.given(to: 1)) for it"
        }
        Check.server(
            "V1-41", "connection-given-back", "Bodies of one and a half times the connection's credit",
            expected: "credit is given back", needs: [.echo]
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.connectionCredit)
            guard credit <= 16 << 20 else { throw NotObserved("the connection's credit is \(credit) bytes") }
            var id: UInt32 = 0
            while peer.monitor.outbound.sentInAll < credit + credit / 2 {
                id += 1
                try await peer.send(run.post(id, run.echo, flags: []))
                try await peer.sendBody(id, count: 1 << 20)
                try await peer.answer(to: id)
            }
            return "\(peer.monitor.outbound.sentInAll) bytes in \(id) requests"
        }
    }

    /// Sends DATA on a stream until no credit is left and none comes.
    ///
    /// - Returns: the bytes sent.
    private static func exhaust(_ peer: FramedPeer, _ stream: UInt32, hasBarrier: Bool = true) async throws -> Int {
        repeat {
            while peer.mayCredit(stream) > 0 {
                try await peer.send(.data(stream, count: Swift.min(Frame.maximumData, peer.mayCredit(stream))))
            }
            if hasBarrier { try await peer.barrier() }
            if peer.monitor.outbound.sentInAll > 64 << 20 {
                throw NotObserved("the path takes a body as it comes: \(peer.monitor.outbound.sentInAll) bytes")
            }
        } while peer.mayCredit(stream) > 0
        if let terminal = peer.monitor.exchanges[stream]?.terminal {
            throw NotObserved("the slow path answers before the body has come: \(terminal)")
        }
        return peer.monitor.outbound.sent(on: stream)
    }

    // MARK: The server sends

    @ChecksBuilder
    private static var sending: [Check] {
        Check.server(
            "V1-40", "no-credit", "A large answer without credit", expected: "its head, and no DATA", needs: [.large]
        ) { run in
            let peer = try await self.largeWithoutCredit(run)
            return "\(peer.monitor.exchanges[1]?.words ?? "")"
        }
        Check.server(
            "V1-40", "one-byte", "CREDIT of 1 byte", expected: "DATA of 1 byte", needs: [.large]
        ) { run in
            let peer = try await self.largeWithoutCredit(run)
            for total in 1...3 {
                try await peer.send(.credit(1, 1))
                let count = try await peer.receive(total, on: 1)
                guard count == total else {
                    throw Departure("\(count) bytes of DATA for \(total) of credit: \(peer.words())")
                }
            }
            return "DATA of 1 byte, three times"
        }
        Check.server(
            "V1-40", "exactly", "CREDIT of 100,000 bytes", expected: "DATA of 100,000 bytes in all", needs: [.large]
        ) { run in
            let peer = try await self.largeWithoutCredit(run)
            try await peer.send(.credit(1, 100_000))
            let count = try await peer.receive(100_000, on: 1)
            try await peer.barrier()
            guard count == 100_000 else { throw Departure("\(count) bytes of DATA") }
            return "\(count) bytes"
        }
        Check.server(
            "V1-40", "connection", "65,536 bytes of credit on the connection, all there is on a stream",
            expected: "DATA of 65,536 bytes until CREDIT comes", needs: [.large]
        ) { run in
            let peer = try await run.open(
                offering: 0, settings: [.streamCredit: .init(Int32.max), .connectionCredit: 65536])
            peer.givesCredit = false
            // Otherwise the server could not know yet.
            try await peer.barrier()
            try await peer.send(run.get(1, run.large))
            let first = try await peer.receive(65536, on: 1)
            try await peer.barrier()
            guard first == 65536, peer.received(on: 1) == 65536 else {
                throw Departure("\(peer.received(on: 1)) bytes of DATA")
            }
            try await peer.send(.credit(0, 2000))
            guard try await peer.receive(67536, on: 1) == 67536 else {
                throw Departure("\(peer.received(on: 1)) bytes of DATA behind CREDIT of 2,000 for the connection")
            }
            return "65,536 bytes, and 2,000 behind CREDIT"
        }
        Check.server(
            "V1-41", "early-credit", "CREDIT right behind the REQUEST, on a stream that begins without",
            expected: "DATA of as much", needs: [.large]
        ) { run in
            let peer = try await run.open(
                offering: 0, settings: [.streamCredit: 0, .connectionCredit: UInt32(Int32.max)])
            peer.givesCredit = false
            try await peer.barrier()
            try await peer.send(run.get(1, run.large), .credit(1, 100_000))
            let count = try await peer.receive(100_000, on: 1)
            guard count == 100_000 else { throw Departure("\(count) bytes of DATA for 100000 of credit") }
            return "\(count) bytes"
        }
        Check.server(
            "V1-41", "large", "A large answer, credit given back as it comes", expected: "all of it", needs: [.large]
        ) { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 65536, .connectionCredit: 65536])
            try await peer.barrier()
            try await peer.send(run.get(1, run.large))
            let exchange = try await peer.answer(to: 1, within: run.timeout + .seconds(10))
            guard exchange.body.bytes.count >= 1 << 20 else { throw NotObserved("\(exchange.words) is not large") }
            return exchange.words
        }
    }

    /// A large answer whose head is there and whose body waits for credit.
    static func largeWithoutCredit(_ run: ServerProbe, streams: Int = 1) async throws -> FramedPeer {
        let peer = try await run.open(
            offering: 0, settings: [.streamCredit: 0, .connectionCredit: UInt32(Int32.max)])
        peer.givesCredit = false
        try await peer.barrier()
        for id in 1...UInt32(streams) {
            try await peer.send(run.get(id, run.large))
            try await peer.require { $0.monitor.exchanges[id]?.head != nil }
        }
        try await peer.barrier()
        guard peer.monitor.exchanges[1]?.terminal == nil else {
            throw NotObserved("\(peer.monitor.exchanges[1]?.words ?? "") in one frame: it is not large")
        }
        return peer
    }

    // MARK: Dropped data

    @ChecksBuilder
    private static var dropping: [Check] {
        Check.server(
            "V1-41", "cancelled", "DATA on requests that are cancelled, one and a half times the connection's credit",
            expected: "the connection's credit is given back"
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.connectionCredit)
            guard credit <= 16 << 20 else { throw NotObserved("the connection's credit is \(credit) bytes") }
            var id: UInt32 = 0
            while peer.monitor.outbound.sentInAll < credit + credit / 2 {
                id += 1
                try await peer.send(run.post(id, run.slow, flags: []))
                try await peer.sendBody(id, count: Swift.min(peer.monitor.peer(.streamCredit), 1 << 18), end: [])
                try await peer.send(.cancel(id))
                try await peer.answer(to: id, within: run.timeout + .seconds(2))
            }
            return "\(peer.monitor.outbound.sentInAll) bytes on \(id) streams"
        }
        Check.server(
            "V1-81", "credit-back", "DATA on streams whose head was malformed",
            expected: "read over, its credit given back"
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.connectionCredit)
            guard credit <= 16 << 20 else { throw NotObserved("the connection's credit is \(credit) bytes") }
            var id: UInt32 = 0
            while peer.monitor.outbound.sentInAll < credit + credit / 2 {
                id += 1
                var head = run.head()
                head.target = RequestHead.text("/ /")
                try await peer.send(.request(id, head, flags: []))
                // The credit of a stream in error is not given back, so no more than that.
                try await peer.sendBody(id, count: Swift.min(peer.monitor.peer(.streamCredit), 1 << 18))
                try await peer.answer(to: id)
            }
            return "\(peer.monitor.outbound.sentInAll) bytes on \(id) streams"
        }
    }

    // MARK: V1-42

    @ChecksBuilder
    private static var slow: [Check] {
        Check.server(
            "V1-42", "unread", "A body that the slow path leaves unread for a minute", expected: "CANCEL SLOW",
            needs: [.slow]
        ) { run in
            guard run.timeout >= .seconds(61) else { throw NotObserved("takes 60 s: run it with --timeout 65") }
            let peer = try await run.open()
            try await peer.send(run.post(1, run.slow, flags: []))
            _ = try await self.exhaust(peer, 1)
            let exchange = try await peer.answer(to: 1)
            guard exchange.terminal == .cancelled(.slow) else {
                throw NotObserved("the slow path does not take a minute: \(exchange.words)")
            }
            try await run.survives(peer)
            return exchange.words
        }
    }
}

/// CREDIT that cannot be (rule V1-41).
struct BadCredit: Sendable {
    let word: String
    let title: String
    let frames: @Sendable (_ stream: UInt32) -> [Frame]
    var needsStream = true

    static let all = [
        BadCredit(word: "zero-stream", title: "CREDIT of 0 for a stream") { [.credit($0, 0)] },
        BadCredit(
            word: "zero-connection", title: "CREDIT of 0 for the connection", frames: { _ in [.credit(0, 0)] },
            needsStream: false),
        BadCredit(word: "overflow-stream", title: "CREDIT beyond 2^31 − 1 for a stream") {
            [.credit($0, .init(Int32.max)), .credit($0, .init(Int32.max))]
        },
        BadCredit(
            word: "overflow-connection", title: "CREDIT beyond 2^31 − 1 for the connection",
            frames: { _ in [.credit(0, .init(Int32.max))] }, needsStream: false),
        BadCredit(
            word: "overflow-by-steps", title: "CREDIT that adds up to more than 2^31 − 1",
            frames: { _ in [.credit(0, 1 << 30), .credit(0, 1 << 30)] }, needsStream: false),
        BadCredit(
            word: "overflow-largest", title: "CREDIT of 2^32 − 1", frames: { _ in [.credit(0, .max)] },
            needsStream: false),
    ]

    var checks: [Check] {
        Check.both("V1-41", self.word, self.title, expected: "GOAWAY CREDIT") { run in
            let peer = try await run.open()
            var stream: UInt32 = 0
            if self.needsStream {
                // On a stream whose sender is at its end nobody need count any more.
                if let run = run as? ClientProbe {
                    stream = try await run.request(on: peer, StreamChecks.upload) { !$0.isRequestEnded }.id
                } else if let run = run as? ServerProbe {
                    stream = 1
                    try await peer.send(run.get(1, run.slow))
                }
            }
            return try await peer.provoke(.credit, with: self.frames(stream))
        }
    }
}
