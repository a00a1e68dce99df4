import TeleportWire

@testable import TeleportRPC

/// A driver of the client's machine, without I/O: what callers and the loop do, in any order that chance has.
final class ModelClient {
    struct Call {
        var plan: ModelPlan
        var deadline: Nanoseconds
        var id: CallID?
        var wasFlushed = false
        var outcome: ModelOutcome?
    }

    struct Upload {
        let id: CallID
        let call: Int
        let length: Int
        var sent = 0
    }

    /// The body of an answer: what came, and what of it the caller has not taken.
    struct Download {
        let id: CallID
        let call: Int
        var received = 0
        var unread = 0
        var isOver = false
    }

    /// What a frame came to, performed when the lock was released.
    enum Effect {
        case none
        case response(ClientStreamMachine<Int>.ResponseAction, CallID, call: Int)
        case body(ClientStreamMachine<Int>.BodyAction, CallID, ModelPiece)
        case cancelled(ClientStreamMachine<Int>.CancelledAction, CallID, ErrorCode)
        case ping(Int)
        case refused([(id: CallID, call: Int)])
    }

    let dice: Dice
    var machine: ClientStreamMachine<Int>
    var outbox = ModelQueue()
    var now: Nanoseconds = 0
    var calls: [Call] = []
    var waiting: [Int] = []
    var uploads: [Upload] = []
    var downloads: [Download] = []
    /// Streams whose bodies are not wanted any more; the loop will see to it.
    var drops: [CallID] = []
    var isClosed = false
    let settings: SettingsV1
    let slack: Nanoseconds

    init(_ dice: Dice, limits: ClientLimits, streamLimits: StreamLimits, settings: SettingsV1, firstID: CallID) {
        self.dice = dice
        self.settings = settings
        self.slack = limits.deadlineSlack
        self.machine = ClientStreamMachine(
            limits: limits, streamLimits: streamLimits, settings: settings, firstID: firstID)
        self.machine.opened()
        self.outbox.append(.settings(settings))
    }

    var isIdle: Bool { self.outbox.isEmpty && self.drops.isEmpty }

    // MARK: Callers

    func makeCall(_ plan: ModelPlan) throws {
        let deadline = plan.milliseconds.map { self.now + .milliseconds($0) } ?? .never
        self.calls.append(Call(plan: plan, deadline: deadline))
        let number = self.calls.count - 1
        guard try self.waiting.isEmpty && self.admit(number) else { return self.waiting.append(number) }
    }

    /// True if anything changed.
    @discardableResult
    func admitWaiting() throws -> Bool {
        var changed = false
        while let number = self.waiting.first, try self.admit(number) {
            self.waiting.removeFirst()
            changed = true
        }
        return changed
    }

    private func admit(_ number: Int) throws -> Bool {
        let mayAdmit = self.machine.mayAdmit
        switch self.machine.callRequested() {
        case .admit(let id):
            try require(mayAdmit, "admitted a call that may not be")
            try require(id.rawValue != 0 && id != GoAway.everything, "the id \(id) was given")
            try require(!self.machine.table.contains(id), "the id \(id) is live")
            if self.dice.once(in: 40) {
                try self.finish(number, .notMade)
            } else {
                try self.encode(number, id)
            }
            return true
        case .wait:
            return false
        case .refuseNotAccepting:
            try require(!self.machine.isAccepting, "refused though it accepts")
            try self.finish(number, .notMade)
            return true
        }
    }

    private func encode(_ number: Int, _ id: CallID) throws {
        let plan = self.calls[number].plan
        var flags: FrameFlags = plan.upload == nil ? .end : []
        var callFlags: CallFlags = plan.upload == nil ? [] : .streamsBody
        if plan.isOneWay {
            flags.insert(.noReply)
            callFlags.insert(.oneWay)
        }
        if plan.isSensitive {
            flags.insert(.sensitive)
            callFlags.insert(.sensitive)
        }
        if plan.secrets > 0 { self.outbox.append(.secrets(id, bytes: plan.secrets)) }
        let deadline = self.calls[number].deadline
        let left = deadline == .never ? nil : deadline <= self.now ? 1 : (deadline - self.now + 999_999) / 1_000_000
        self.outbox.append(.request(id, flags: flags, bytes: plan.bytes, call: number, milliseconds: left))
        let before = self.machine.nextDeadline
        let moved = self.machine.callEncoded(id, deadline: deadline, flags: callFlags, call: number, now: self.now)
        try require(moved == (self.machine.nextDeadline < before), "the timer was not told right")
        self.calls[number].id = id
        if let length = plan.upload { self.uploads.append(Upload(id: id, call: number, length: length)) }
    }

    /// A caller gives up, while it waits or reads.
    func cancel(_ number: Int) throws {
        guard let id = self.calls[number].id else {
            guard let index = self.waiting.firstIndex(of: number) else { return }
            self.waiting.remove(at: index)
            return try self.finish(number, .cancelled)
        }
        try self.giveUp(id, code: .cancelled, outcome: .cancelled)
    }

    func giveUp(_ id: CallID, code: ErrorCode, outcome: ModelOutcome) throws {
        switch self.machine.callCancelled(id) {
        case .none:
            return
        case .stop:
            break
        case .cancel(let call):
            try require(self.calls[call].id == id, "another call was cancelled")
            try self.finish(call, outcome)
        }
        self.outbox.append(.cancel(id, code))
        self.drops.append(id)
    }

    func finish(_ number: Int, _ outcome: ModelOutcome) throws {
        try require(self.calls[number].outcome == nil, "call \(number) ended twice")
        self.calls[number].outcome = outcome
    }

    // MARK: Bodies

    /// True if anything was written.
    func uploadTurn(_ index: Int, whole: Bool) -> Bool {
        let upload = self.uploads[index]
        guard self.machine.isUploading(upload.id) else { return false }
        let plan = self.calls[upload.call].plan
        let allowed = Swift.min(self.machine.allowance(upload.id), upload.length - upload.sent)
        let count = whole || allowed == 0 ? allowed : self.dice.within(1...allowed)
        let isLast = upload.sent + count == upload.length
        guard count > 0 || isLast else { return false }
        // The end may come by itself.
        let ends = isLast && (count == 0 || !self.dice.once(in: 3))
        let piece = ModelPiece(call: upload.call, offset: upload.sent, count: count, length: upload.length)
        if count > 0 || !(ends && plan.hasTrailers) {
            self.outbox.append(
                .data(upload.id, piece, ends: ends && !plan.hasTrailers, isSensitive: plan.isSensitive))
        }
        if ends, plan.hasTrailers {
            let end = ModelPiece(call: upload.call, offset: upload.length, count: 0, length: upload.length)
            self.outbox.append(.trailers(upload.id, end, isSensitive: plan.isSensitive))
        }
        self.machine.dataEncoded(upload.id, count: count, ends: ends)
        self.uploads[index].sent += count
        if ends { self.uploads.remove(at: index) }
        return true
    }

    func consume(_ index: Int, whole: Bool) {
        let download = self.downloads[index]
        if download.unread > 0 {
            let count = whole ? download.unread : self.dice.within(1...download.unread)
            self.downloads[index].unread -= count
            self.give(self.machine.dataConsumed(download.id, count: count, now: self.now), download.id)
        }
        if self.downloads[index].isOver, self.downloads[index].unread == 0 { self.downloads.remove(at: index) }
    }

    func give(_ grant: CreditGrant, _ id: CallID) {
        if self.isClosed { return }
        if let bytes = grant.stream { self.outbox.append(.credit(id, bytes)) }
        if let bytes = grant.connection { self.outbox.append(.credit(nil, bytes)) }
    }

    func stopUpload(_ id: CallID) { self.uploads.removeAll { $0.id == id } }

    func endDownload(_ id: CallID) {
        for index in self.downloads.indices where self.downloads[index].id == id { self.downloads[index].isOver = true }
    }

    /// The loop drops what callers gave up.
    func drop() {
        for id in self.drops {
            self.stopUpload(id)
            self.endDownload(id)
        }
        self.drops = []
    }
}
