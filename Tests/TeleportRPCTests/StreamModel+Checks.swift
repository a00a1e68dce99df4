import TeleportWire

@testable import TeleportRPC

/// What has to hold at any time, and at the end.
extension StreamModel {
    func check() throws {
        guard !self.client.isClosed else { return }
        try self.checkClient()
        try self.checkServer()
        try self.checkConnectionCredit()
        try self.checkStreamCredit()
        self.mostLive = Swift.max(self.mostLive, self.client.machine.liveCount, self.server.machine.liveCount)
    }

    private func checkClient() throws {
        let machine = self.client.machine
        let pending = self.client.calls.count { $0.id != nil && $0.outcome == nil }
        try require(machine.pendingCount == pending, "\(machine.pendingCount) calls wait, not \(pending)")
        // Those that were given up, and that the loop has not dropped yet.
        let uploads = self.client.uploads.filter { !self.client.drops.contains($0.id) }
        for upload in uploads {
            try require(machine.isUploading(upload.id), "nobody was told that upload \(upload.call) is over")
        }
        var (cancelled, uploading) = (0, 0)
        var table = machine.table
        table.forEach { _, slot in
            if slot.flags.contains(.cancelled) { cancelled += 1 }
            if slot.flags.contains(.uploading) { uploading += 1 }
        }
        try require(machine.tombstoneCount == cancelled, "\(machine.tombstoneCount) tombstones, not \(cancelled)")
        try require(uploading == uploads.count, "an upload was forgotten")
        let isUnderWay =
            pending > 0 || uploading > 0
            || self.client.downloads.contains { !$0.isOver && !self.client.drops.contains($0.id) }
        try require(!machine.isFinished || !isUnderWay, "finished, with calls under way")
        try require(machine.windows.count <= machine.liveCount, "a window outlives its stream")
    }

    private func checkServer() throws {
        let machine = self.server.machine
        try require(
            machine.inFlightCount == self.server.owed.count,
            "\(machine.inFlightCount) owed, not \(self.server.owed.count)")
        try require(machine.inFlightCount <= self.server.settings.maxStreams, "more streams than there may be")
        try require(machine.held >= 0 && machine.held <= self.streamLimits.maxHeldBytes, "held \(machine.held)")
        try require(!machine.isFinished || self.server.owed.isEmpty, "finished, with answers owed")
        try require(machine.windows.count <= machine.liveCount, "a window outlives its stream")
        for intake in self.server.intakes where !intake.isOver {
            try require(machine.table.contains(intake.id), "nobody was told that a request is over")
        }
        for answer in self.server.answers {
            try require(machine.isAnswering(answer.id), "nobody was told that an answer is over")
        }
    }

    /// What may be sent, is under way, unread, owed, or on its way back: together they are what was granted first.
    private func checkConnectionCredit() throws {
        let up = self.credit(from: self.client.outbox, self.toServer, back: self.server.outbox, self.toClient, nil)
        let down = self.credit(from: self.server.outbox, self.toClient, back: self.client.outbox, self.toServer, nil)
        try self.checkConservation(
            "requests", self.client.machine.windows.send, self.server.machine.windows.receive,
            assumed: self.client.machine.windows.peer.connectionCredit, up,
            unread: self.server.intakes.reduce(0) { $0 + $1.unread })
        try self.checkConservation(
            "answers", self.server.machine.windows.send, self.client.machine.windows.receive,
            assumed: self.server.machine.windows.peer.connectionCredit, down,
            unread: self.client.downloads.reduce(0) { $0 + $1.unread })
    }

    private func credit(
        from: ModelQueue, _ link: ModelQueue, back: ModelQueue, _ linkBack: ModelQueue, _ id: CallID?
    ) -> Int {
        from.sums(id).data + link.sums(id).data + back.sums(id).credit + linkBack.sums(id).credit
    }

    private func checkConservation(
        _ what: String, _ send: SendWindow, _ receive: ReceiveWindow, assumed: Int, _ underWay: Int, unread: Int
    ) throws {
        try require(receive.unread == unread, "\(what): \(receive.unread) bytes count as unread, not \(unread)")
        let available = send.available - assumed + receive.size
        try require(
            available + underWay + receive.unread + receive.owed == receive.size,
            "\(what): credit is not conserved: \(available) + \(underWay) + \(unread) + \(receive.owed) of \(receive.size)"
        )
        try require(receive.granted <= receive.size && receive.owed >= 0, "\(what): \(receive)")
    }

    private func checkStreamCredit() throws {
        let (client, server) = (self.client.machine, self.server.machine)
        for intake in self.server.intakes where !intake.isOver {
            guard let index = server.table.index(of: intake.id), let slot = server.table.places[index].value,
                slot.flags.contains(.receiving), slot.flags.isDisjoint(with: [.answered, .cancelled]),
                client.isUploading(intake.id), let send = client.windows.streams[intake.id.rawValue]?.send,
                let receive = server.windows.streams[intake.id.rawValue]?.receive
            else { continue }
            try self.checkConservation(
                "request \(intake.call)", send, receive, assumed: client.windows.peer.streamCredit,
                self.credit(
                    from: self.client.outbox, self.toServer, back: self.server.outbox, self.toClient, intake.id),
                unread: intake.unread)
        }
        for download in self.client.downloads where !download.isOver {
            guard server.isAnswering(download.id), let send = server.windows.streams[download.id.rawValue]?.send,
                let receive = client.windows.streams[download.id.rawValue]?.receive
            else { continue }
            try self.checkConservation(
                "answer \(download.call)", send, receive, assumed: server.windows.peer.streamCredit,
                self.credit(
                    from: self.server.outbox, self.toClient, back: self.client.outbox, self.toServer, download.id),
                unread: download.unread)
        }
    }

    /// When nothing happens any more, nothing is left.
    func checkFinished() throws {
        for (number, call) in self.client.calls.enumerated() {
            guard let outcome = call.outcome else {
                throw ModelFailure(description: "call \(number) waits for ever: \(call)")
            }
            self.counts["\(outcome)", default: 0] += 1
            let wasExecuted = self.server.dispatched.contains(number)
            switch outcome {
            case .notTaken, .notMade, .failed(.refused), .failed(.overloaded), .lost(possiblyExecuted: false):
                try require(!wasExecuted, "call \(number) was executed, and says that it was not (\(outcome))")
            case .answered, .acknowledged:
                try require(wasExecuted, "call \(number) was answered by nobody")
            case .failed, .cancelled, .expired, .lost: break
            }
            // All that was sent before the client knew came before its PONG, if that did not overtake it.
            if outcome == .notTaken {
                try require(self.isSorted || self.ending == .abruptDrain, "call \(number) was not taken by a drain")
            }
            if case .lost = outcome { try require(self.ending == .loss, "call \(number) was lost") }
        }
        try self.checkRest()
        guard !self.client.isClosed else { return }
        if self.ending == .drain || self.ending == .abruptDrain, self.counts["\(self.ending)"] != nil {
            try require(self.server.machine.isFinished, "the server does not finish")
        }
        if !self.client.machine.isAccepting {
            try require(self.client.machine.isFinished, "the client does not finish")
        }
    }

    private func checkRest() throws {
        let (client, server) = (self.client.machine, self.server.machine)
        let isClosed = self.client.isClosed
        try require(client.liveCount == 0 && server.liveCount == 0, "\(client.liveCount), \(server.liveCount) live")
        try require(client.tombstoneCount == 0 && client.pendingCount == 0, "tombstones, or calls that wait")
        try require(server.inFlightCount == 0 && server.held == 0, "\(server.inFlightCount) owed, \(server.held) held")
        try require(server.earlySecrets.isEmpty, "SECRETS nobody wants")
        try require(!client.hasBodies && !server.hasBodies, "bodies")
        try require(self.server.handlers.isEmpty && self.server.intakes.allSatisfy(\.isOver), "handlers")
        try require(self.client.uploads.isEmpty && self.client.downloads.allSatisfy(\.isOver), "bodies at the client")
        let places = Swift.max(client.table.places.count, server.table.places.count)
        try require(places <= Swift.max(16, 4 * (self.mostLive + 8)), "\(places) places for \(self.mostLive) streams")
        for window in [client.windows.receive, server.windows.receive] {
            try require(window.unread == 0 && (isClosed || window.granted + window.owed == window.size), "\(window)")
        }
    }
}
