import TeleportRPC
import TeleportWire

/// the client's streams: any input as what callers do and what a server sends, in any order.
///
/// A second account of section 4 of the specification, written for being simple, says what has to come of each event; the
/// machine must say the same. Every call ends once.
public func fuzzClientStreams(_ input: UnsafeRawBufferPointer) {
    var run = ClientStreamRun(Choices(input))
    run.play()
}

/// One input, on its way through the machine.
struct ClientStreamRun {
    enum Phase {
        case open, sent, answering, begun, answered, cancelled
    }

    /// What the rules say of a stream that is live.
    struct Stream {
        var phase: Phase
        let call: Int
        let deadline: Nanoseconds
        let isOneWay: Bool
        let isSensitive: Bool
        var interims = 0
        var hasSecrets = false
        var send: SendAccount?
        var receive: ReceiveAccount?

        var isUploading: Bool { self.phase == .open || self.phase == .begun || self.phase == .answered }
        var isWaiting: Bool { self.phase == .open || self.phase == .sent }
    }

    var choices: Choices
    var machine: ClientStreamMachine<Int>
    let own: SettingsV1
    var peer = SettingsV1()
    var isSettled = false
    var streams: [UInt32: Stream] = [:]
    var ids: [CallID] = []
    var flushed = 0
    var ended: Set<Int> = []
    var send = SendAccount(available: SettingsV1().connectionCredit)
    var receive: ReceiveAccount
    var now: Nanoseconds
    var isOver = false
    let limits = ClientLimits(maxTombstones: 30)

    init(_ choices: Choices) {
        self.choices = choices
        self.own = self.choices.settings()
        self.receive = ReceiveAccount(self.own.connectionCredit)
        let first = self.choices.flag() ? CallID(rawValue: .max - 5) : .first
        self.now = self.choices.flag() ? .max - .seconds(1) : 0
        self.machine = ClientStreamMachine(
            limits: self.limits, streamLimits: StreamLimits(abuseTokens: 1_000_000), settings: self.own,
            firstID: first)
        self.machine.opened()
    }

    mutating func play() {
        while !self.choices.isEmpty, !self.isOver {
            self.step()
            if !self.isOver { self.check() }
        }
        let waiting = self.streams.filter { $0.value.isWaiting }
        for (call, possiblyExecuted) in self.machine.connectionClosed() {
            self.end(call)
            precondition(possiblyExecuted == (call < self.flushed), "A call does not know whether it was sent.")
        }
        precondition(waiting.values.allSatisfy { self.ended.contains($0.call) }, "A call never ends.")
        precondition(self.machine.liveCount == 0 && !self.machine.hasBodies, "Streams outlive their connection.")
    }

    mutating func end(_ call: Int) {
        precondition(self.ended.insert(call).inserted, "A call ended twice.")
    }

    func check() {
        precondition(self.machine.liveCount == self.streams.count, "Streams were lost or invented.")
        precondition(self.machine.pendingCount == self.streams.values.count { $0.isWaiting }, "Pending calls.")
        let tombstones = self.streams.values.count { $0.phase == .cancelled }
        precondition(self.machine.tombstoneCount == tombstones, "Tombstones.")
        let bodies = self.streams.values.contains { $0.receive != nil }
        precondition(self.machine.hasBodies == bodies, "A window was lost, or outlives its stream.")
        let earliest = self.streams.values.filter(\.isWaiting).map(\.deadline).min() ?? .never
        let (latest, overflow) = earliest.addingReportingOverflow(self.limits.deadlineSlack)
        precondition(self.machine.nextDeadline <= (overflow ? .max : latest), "A deadline would be missed.")
    }

    // MARK: Callers

    mutating func step() {
        let choice = self.choices.byte()
        switch choice % 20 {
        case 0, 1: self.call()
        case 2:
            self.machine.outboundFlushed()
            self.flushed = self.ids.count
        case 3: self.cancel(self.choices.id(self.ids))
        case 4: self.upload(self.choices.id(self.ids))
        case 5: self.consume(self.choices.id(self.ids))
        case 6: self.passTime()
        case 7 where choice > 200: self.machine.drainStarted()
        case 7 where choice > 100: self.settings(self.choices.settings())
        default: self.frame(choice % 20)
        }
    }

    mutating func call() {
        let choice = self.choices.byte()
        let isOneWay = choice & 3 == 3
        var flags: CallFlags = isOneWay ? .oneWay : choice & 1 == 1 ? .streamsBody : []
        if choice & 4 == 4 { flags.insert(.sensitive) }
        guard case .admit(let id) = self.machine.callRequested() else {
            precondition(!self.machine.mayAdmit, "A call that may be admitted was not.")
            return
        }
        precondition(self.streams[id.rawValue] == nil, "An id was given twice.")
        precondition(self.streams.count < (self.isSettled ? self.peer.maxStreams : 1000), "Too many streams.")
        if choice & 128 == 128 { return }
        let (sum, overflow) = self.now.addingReportingOverflow(.milliseconds(UInt64(choice)))
        let deadline = choice & 8 == 8 ? (overflow ? .max : sum) : .never
        var stream = Stream(
            phase: flags.contains(.streamsBody) ? .open : .sent, call: self.ids.count, deadline: deadline,
            isOneWay: isOneWay, isSensitive: flags.contains(.sensitive))
        if stream.phase == .open { self.openWindows(&stream) }
        _ = self.machine.callEncoded(id, deadline: deadline, flags: flags, call: stream.call, now: self.now)
        self.streams[id.rawValue] = stream
        self.ids.append(id)
    }

    func openWindows(_ stream: inout Stream) {
        guard stream.receive == nil else { return }
        stream.send = SendAccount(available: self.peer.streamCredit)
        stream.receive = ReceiveAccount(self.own.streamCredit)
    }

    mutating func cancel(_ id: CallID) {
        let action =
            switch self.machine.callCancelled(id) {
            case .cancel(let call): "cancel \(call)"
            case .stop: "stop"
            case .none: "none"
            }
        guard let stream = self.streams[id.rawValue], stream.phase != .cancelled else {
            return precondition(action == "none", "A stream that is over was cancelled.")
        }
        precondition(action == (stream.isWaiting ? "cancel \(stream.call)" : "stop"), "Cancelling came to \(action).")
        self.abandon(id)
    }

    mutating func abandon(_ id: CallID) {
        guard let stream = self.streams[id.rawValue] else { return }
        if stream.isWaiting { self.end(stream.call) }
        self.streams[id.rawValue]?.phase = .cancelled
        self.streams[id.rawValue]?.send = nil
        self.streams[id.rawValue]?.receive = nil
        if stream.phase == .answered { self.streams[id.rawValue] = nil }
    }

    mutating func upload(_ id: CallID) {
        let allowed = self.machine.allowance(id)
        let stream = self.streams[id.rawValue]
        let isUploading = stream?.isUploading ?? false
        precondition(self.machine.isUploading(id) == isUploading, "An upload was lost, or goes on.")
        let expected = isUploading ? max(0, min(16384, stream?.send?.available ?? 0, self.send.available)) : 0
        precondition(allowed == expected, "\(allowed) bytes may be sent, not \(expected).")
        guard isUploading else { return }
        let count = min(allowed, self.choices.size())
        let ends = self.choices.flag()
        self.machine.dataEncoded(id, count: count, ends: ends)
        self.send.available -= count
        self.streams[id.rawValue]?.send?.available -= count
        guard ends else { return }
        switch stream?.phase {
        case .open: self.streams[id.rawValue]?.phase = .sent
        case .begun: self.streams[id.rawValue]?.phase = .answering
        default: self.streams[id.rawValue] = nil
        }
    }

    mutating func consume(_ id: CallID) {
        guard var stream = self.streams[id.rawValue], var receive = stream.receive else { return }
        let count = min(receive.unread, self.choices.size())
        var grant = CreditGrant(stream: receive.take(count), connection: self.receive.take(count))
        if stream.phase != .begun, stream.phase != .answering { grant.stream = nil }
        precondition(self.machine.dataConsumed(id, count: count, now: self.now) == grant, "Other credit than due.")
        stream.receive = receive
        self.streams[id.rawValue] = stream
    }

    mutating func passTime() {
        let (sum, overflow) = self.now.addingReportingOverflow(.milliseconds(UInt64(self.choices.byte())))
        self.now = overflow ? .max : sum
        let isDue = self.machine.nextDeadline <= self.now
        let expired = self.machine.deadlineReached(now: self.now)
        let late = self.streams.filter { $0.value.isWaiting && $0.value.deadline <= self.now }
        precondition(expired.count == (isDue ? late.count : 0), "Other calls are late.")
        for (id, call) in expired {
            precondition(late[id.rawValue]?.call == call, "Another call is late.")
            self.abandon(id)
        }
        for id in self.machine.slowStreams(limit: .milliseconds(100), now: self.now) {
            let receive = self.streams[id.rawValue]?.receive
            precondition((receive?.unread ?? 0) * 2 > self.own.streamCredit, "A stream that is read is slow.")
        }
    }
}
