/// Rules V1-40 and V1-41, of clients.
extension CreditChecks {
    @ChecksBuilder
    static var client: [Check] {
        Check.client("V1-40", "no-credit", "A body without credit", expected: "no DATA; with CREDIT of 1, one byte") {
            run in
            let (peer, id) = try await self.upload(run, settings: [.streamCredit: 0])
            try await peer.barrier()
            let before = peer.received(on: id)
            for more in 1...3 {
                try await peer.send(.credit(id, 1))
                let count = try await peer.receive(before + more, on: id)
                guard count == before + more || peer.hasEnded(id) else {
                    throw Departure("\(count - before) bytes of DATA for \(more) of credit")
                }
            }
            return "DATA of 1 byte, three times"
        }
        Check.client(
            "V1-40", "connection", "65,536 bytes of credit on the connection, all there is on a stream",
            expected: "DATA of no more than that"
        ) { run in
            let peer = try await run.open(
                offering: 0, settings: [.streamCredit: .init(Int32.max), .connectionCredit: 65536])
            peer.givesCredit = false
            await run.waiting(StreamChecks.upload)
            guard try await peer.advance(within: run.patience, until: { $0.monitor.inbound.sentInAll >= 65536 }) else {
                throw NotObserved("no bodies of 65,536 bytes of DATA within \(run.patience.words)")
            }
            // More than that is a fault, unless it was sent before the client knew.
            try await peer.barrier()
            let count = peer.monitor.inbound.sentInAll
            _ = try await peer.advance(within: .milliseconds(200)) { $0.monitor.inbound.sentInAll > count }
            guard peer.monitor.inbound.sentInAll == count else {
                throw Departure("\(peer.monitor.inbound.sentInAll) bytes of DATA")
            }
            return "\(count) bytes"
        }
        Check.client("V1-41", "upload", "A body, credit given back as it comes", expected: "all of it") { run in
            let peer = try await run.open(offering: 0, settings: [.streamCredit: 65536, .connectionCredit: 65536])
            let exchange = try await run.request(on: peer, StreamChecks.upload) { !$0.isRequestEnded }
            try await peer.require { $0.hasEnded(exchange.id) }
            return "\(peer.received(on: exchange.id)) bytes of DATA"
        }
        Check.client(
            "V1-41", "given-back", "An answer of 1 MiB, within credit", expected: "credit is given back"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            try await peer.send(.response(id, ResponseHead(), flags: []))
            guard try await peer.sendBody(id, count: 1 << 20) else {
                throw NotObserved("the client gave its request up before it was answered")
            }
            try await run.survives(peer)
            return "CREDIT of \(peer.monitor.outbound.given(to: id)) for it"
        }
        Check.client(
            "V1-41", "connection-given-back", "Answers of one and a half times the connection's credit",
            expected: "credit is given back"
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.connectionCredit)
            guard credit <= 16 << 20 else { throw NotObserved("the connection's credit is \(credit) bytes") }
            while peer.monitor.outbound.sentInAll < credit + credit / 2 {
                let exchange = try await run.request(on: peer) { !$0.isSensitive && !$0.isOneWay && !$0.isHead }
                try await peer.send(.response(exchange.id, ResponseHead(), flags: []))
                // Who gives it up just now says nothing about credit; the next one may.
                try await peer.sendBody(exchange.id, count: 1 << 20)
            }
            try await run.survives(peer)
            return "\(peer.monitor.outbound.sentInAll) bytes"
        }
        Check.client(
            "V1-40", "beyond-stream", "Five times a stream's credit, in one packet of coded blocks",
            expected: "GOAWAY CREDIT"
        ) { run in
            let (peer, id) = try await StreamChecks.ordinary(run)
            guard let codec = [BlockCodec.zstd, .flate].first(where: { $0.isDecoded(by: peer.mask) }) else {
                throw NotObserved(
                    "the client decodes neither zstd nor flate: it could take a part before the rest came")
            }
            let credit = peer.monitor.peer(.streamCredit)
            guard credit <= 4 << 20 else { throw NotObserved("the client gives a stream \(credit) bytes of credit") }
            try await peer.send(.response(id, ResponseHead(), flags: []))
            let piece = Frame.data(id, count: Frame.maximumData - Frame.headerLength)
            var blocks: [UInt8] = []
            for _ in 0..<(5 * credit / piece.payload.count + 1) {
                blocks += try peer.writer.encode(piece.bytes, in: codec).block()
                peer.monitor.outbound.sent(piece.payload.count, on: id)
            }
            let trap = peer.makePing()
            blocks += try peer.encoded([trap])
            await peer.link.write(blocks)
            // Whoever takes all of it as it comes may give its credit back before the next block.
            if try await peer.advance(until: { $0.monitor.pongs.contains(trap.payload) || !$0.monitor.goAways.isEmpty }
            ),
                peer.monitor.outbound.left(on: id) >= 0
            {
                throw NotObserved("the client took all of it at once, and gave its credit back")
            }
            return try await peer.connectionError(.credit, trap: trap)
        }
        Check.client(
            "V1-81", "credit-back", "DATA on streams whose head was malformed",
            expected: "read over, the connection's credit given back"
        ) { run in
            let peer = try await run.open()
            let credit = peer.monitor.peer(.connectionCredit)
            guard credit <= 16 << 20 else { throw NotObserved("the connection's credit is \(credit) bytes") }
            var bad = ResponseHead()
            bad.status = 999
            while peer.monitor.outbound.sentInAll < credit + credit / 2 {
                let exchange = try await run.request(on: peer) { !$0.isSensitive && !$0.isOneWay }
                try await peer.send(.response(exchange.id, bad, flags: []))
                // The credit of a stream in error is not given back, so no more than that.
                let count = Swift.min(peer.monitor.peer(.streamCredit), 1 << 18)
                try await peer.sendBody(exchange.id, count: count, end: [])
                _ = try await run.streamError(peer, on: exchange.id)
            }
            return "\(peer.monitor.outbound.sentInAll) bytes"
        }
        for fault in BadCredit.all { fault.checks.filter { $0.side == .client } }
    }

    private static func upload(
        _ run: ClientProbe, settings: [SettingsKey: UInt32]
    ) async throws -> (FramedPeer, UInt32) {
        let peer = try await run.open(offering: 0, settings: settings)
        peer.givesCredit = false
        // Before this the client takes the defaults for granted.
        try await peer.barrier()
        let exchange = try await run.request(on: peer, StreamChecks.upload) {
            !$0.isRequestEnded && $0.requestBody.data == 0
        }
        return (peer, exchange.id)
    }
}
