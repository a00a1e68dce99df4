import TeleportRPC
import TeleportWire

/// Frames that come, and what the rules say of each.
extension ServerStreamRun {
    mutating func request() {
        let bits = self.choices.byte()
        let id =
            bits > 240
            ? self.choices.id(self.ids)
            : bits == 240 ? CallID(rawValue: .max - 2) : (self.last ?? .oneWay).next
        var flags: FrameFlags = bits & 1 == 0 ? .end : []
        if bits & 6 == 6 { flags.insert(.sensitive) }
        if bits & 24 == 24 { flags.insert(.noReply) }
        if bits & 64 == 64 { flags.insert(.tunnel) }
        let bytes = self.choices.size()
        let (sum, overflow) = self.now.addingReportingOverflow(.milliseconds(UInt64(bits)))
        let deadline = bits & 32 == 32 ? (overflow ? .max : sum) : .never
        var token: StreamToken?
        let result = verdict { () throws(WireError) in
            switch try self.machine.requestReceived(id, flags: flags, bytes: bytes, deadline: deadline, now: self.now) {
            case .dispatch(let given):
                token = given
                return "dispatch"
            case .refuse(let code): return "refuse \(code)"
            case .drop: return "drop"
            }
        }
        self.settle(result, expected: self.expected(id, flags, bytes))
        guard !self.isOver, result != "drop" else { return }
        self.ids.append(id)
        let goesOn = !flags.contains(.end)
        guard let token else {
            guard goesOn else { return }
            return self.streams[id.rawValue] = Stream(
                phase: .answered, isReceiving: true, isOneWay: false, isSensitive: flags.contains(.sensitive), held: 0,
                deadline: .never, number: -1)
        }
        precondition(token.id == id, "A token of another stream.")
        var stream = Stream(
            phase: .handling, isReceiving: goesOn, isOneWay: flags.contains(.noReply),
            isSensitive: flags.contains(.sensitive),
            held: bytes + (self.secrets.removeValue(forKey: id.rawValue)?.bytes ?? 0),
            deadline: deadline, number: self.tokens.count, isTunnel: flags.contains(.tunnel))
        if goesOn { self.openWindows(&stream) }
        self.streams[id.rawValue] = stream
        self.tokens.append(token)
    }

    mutating func expected(_ id: CallID, _ flags: FrameFlags, _ bytes: Int) -> String {
        if flags.contains(.noReply), !flags.contains(.end) { return "!FRAME" }
        if let last = self.last, id == last || id.rawValue &- last.rawValue >= 1 << 31 { return "!STREAM" }
        if self.isFinishing { return "drop" }
        if self.streams[id.rawValue] != nil { return "!STREAM" }
        self.last = id
        if flags.contains(.sensitive), self.secrets[id.rawValue]?.isSensitive == false { return "!SECRET" }
        let before = self.held
        guard self.places < self.own.maxStreams else {
            self.secrets[id.rawValue] = nil
            return "refuse REFUSED"
        }
        guard self.secrets[id.rawValue]?.isDropped != true, before + bytes <= self.maxHeld else {
            self.secrets[id.rawValue] = nil
            return "refuse OVERLOADED"
        }
        return "dispatch"
    }

    func openWindows(_ stream: inout Stream) {
        guard stream.receive == nil else { return }
        stream.send = SendAccount(available: self.peer.streamCredit)
        stream.receive = ReceiveAccount(self.own.streamCredit, assumed: SettingsV1().streamCredit)
    }

    // MARK: Other frames

    mutating func settings(_ settings: SettingsV1) {
        let isFirst = !self.isSettled
        let result = verdict { () throws(WireError) in
            try self.machine.settingsReceived(settings)
            return "taken"
        }
        self.settle(result, expected: isFirst ? "taken" : "!SETTINGS")
        guard isFirst else { return }
        self.isSettled = true
        self.send.available += settings.connectionCredit - self.peer.connectionCredit
        for id in self.streams.keys {
            self.streams[id]?.send?.available += settings.streamCredit - self.peer.streamCredit
        }
        self.peer = settings
    }

    mutating func frame(_ choice: Int) {
        let id = self.choices.id(self.ids)
        let bits = self.choices.byte()
        let isSensitive = bits & 64 == 64 ? bits & 32 == 32 : self.streams[id.rawValue]?.isSensitive ?? false
        switch choice {
        case 11, 12, 13, 14: self.data(id, count: self.choices.size(), ends: bits & 1 == 1, isSensitive)
        case 15: self.trailers(id, ends: bits & 30 != 0, isSensitive)
        case 16:
            let ahead = CallID(rawValue: max(1, (self.last?.rawValue ?? 0) &+ UInt32(1 + bits & 3)))
            self.secrets(bits & 128 == 0 ? ahead : id, bytes: self.choices.size(), bits & 16 == 0)
        case 17: self.cancel(id)
        case 18: self.credit(bits & 6 == 0 ? nil : id, self.choices.credit())
        default:
            precondition(
                verdict { () throws(WireError) in
                    try self.machine.cheapFrameReceived(now: self.now)
                    return ""
                } == "")
        }
    }

    /// Whether the id lies behind the last stream that is taken.
    func isBehind(_ id: CallID) -> Bool { self.isFinishing && self.last?.precedes(id) ?? true }

    func bodyVerdict(_ id: CallID, _ isSensitive: Bool) -> String? {
        guard let stream = self.streams[id.rawValue] else { return self.isBehind(id) ? nil : "!STREAM" }
        guard stream.isSensitive == isSensitive else { return "!SECRET" }
        return stream.isReceiving ? nil : "!STREAM"
    }

    mutating func data(_ id: CallID, count: Int, ends: Bool, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            Self.describe(
                try self.machine.dataReceived(id, count: count, ends: ends, isSensitive: isSensitive, now: self.now))
        }
        guard self.receive.mayReceive(count) else { return self.settle(result, expected: "!CREDIT") }
        if self.bodyVerdict(id, isSensitive) == nil, self.streams[id.rawValue]?.isWanted == true,
            self.streams[id.rawValue]?.receive?.mayReceive(count) == false
        {
            return self.settle(result, expected: "!CREDIT")
        }
        self.settle(result, expected: self.expected(id, count: count, ends: ends, isSensitive))
    }

    mutating func trailers(_ id: CallID, ends: Bool, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            Self.describe(try self.machine.trailersReceived(id, ends: ends, isSensitive: isSensitive))
        }
        self.settle(result, expected: ends ? self.expected(id, count: nil, ends: true, isSensitive) : "!FRAME")
    }

    static func describe(_ action: ServerStreamMachine<Int>.BodyAction) -> String {
        switch action {
        case .deliver(let ends): "deliver \(ends)"
        case .drop(let grant): "drop \(TeleportFuzzing.describe(grant))"
        }
    }

    mutating func expected(_ id: CallID, count: Int?, ends: Bool, _ isSensitive: Bool) -> String {
        if let violation = self.bodyVerdict(id, isSensitive) { return violation }
        let isWanted = self.streams[id.rawValue]?.isWanted ?? false
        if ends { self.endReceived(id) }
        if isWanted { return "deliver \(ends)" }
        let grant = CreditGrant(connection: count.flatMap { self.receive.take($0) })
        return "drop \(TeleportFuzzing.describe(grant))"
    }

    mutating func endReceived(_ id: CallID) {
        self.streams[id.rawValue]?.isReceiving = false
        if self.streams[id.rawValue]?.phase == .answered { self.streams[id.rawValue] = nil }
    }

    mutating func secrets(_ id: CallID, bytes: Int, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            try self.machine.secretsReceived(id, bytes: bytes, isSensitive: isSensitive) ? "keep" : "drop"
        }
        guard self.last?.precedes(id) ?? true, self.streams[id.rawValue] == nil else {
            return self.settle(result, expected: "!STREAM")
        }
        if self.isFinishing { return self.settle(result, expected: "drop") }
        let isTwice = self.secrets[id.rawValue] != nil || self.secrets.count >= max(1000, self.own.maxStreams)
        if isTwice { return self.settle(result, expected: "!STREAM") }
        let isTooMuch = self.held + bytes > self.maxHeld
        self.settle(result, expected: isTooMuch ? "drop" : "keep")
        self.secrets[id.rawValue] = EarlySecrets(
            bytes: isTooMuch ? 0 : bytes, isSensitive: isSensitive, isDropped: isTooMuch)
    }

    func wasOpened(_ id: CallID) -> Bool { self.isFinishing || self.last.map { !$0.precedes(id) } ?? false }

    mutating func cancel(_ id: CallID) {
        let result = verdict { () throws(WireError) in
            switch try self.machine.cancelReceived(id, now: self.now) {
            case .stop(let handle): "stop \(handle ?? -1)"
            case .breakOff: "break off"
            case .none: "none"
            }
        }
        guard let stream = self.streams[id.rawValue] else {
            return self.settle(result, expected: self.wasOpened(id) ? "none" : "!STREAM")
        }
        self.endReceived(id)
        switch stream.phase {
        case .answered, .cancelled:
            self.settle(result, expected: "none")
        case .answering:
            self.settle(result, expected: "break off")
            self.terminate(id)
        case .handling:
            self.settle(result, expected: "stop \(stream.hasHandle ? stream.number : -1)")
            self.forget(id.rawValue, reason: .cancelled)
        }
    }

    mutating func credit(_ id: CallID?, _ bytes: Int) {
        let result = verdict { () throws(WireError) in
            try self.machine.creditReceived(id, bytes: bytes, now: self.now)
            return "taken"
        }
        guard let id else { return self.settle(result, expected: self.send.mayCredit(bytes) ? "taken" : "!CREDIT") }
        if self.streams[id.rawValue] == nil, !self.wasOpened(id) { return self.settle(result, expected: "!STREAM") }
        // It is for an answer that may not have begun.
        if var stream = self.streams[id.rawValue], stream.isWanted, !stream.isOneWay {
            self.openWindows(&stream)
            self.streams[id.rawValue] = stream
        }
        var nobody = SendAccount(available: 0)
        let may = self.streams[id.rawValue]?.send?.mayCredit(bytes) ?? nobody.mayCredit(bytes)
        self.settle(result, expected: may ? "taken" : "!CREDIT")
    }
}
