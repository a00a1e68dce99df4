import TeleportRPC
import TeleportWire

/// Frames that come, and what the rules say of each.
extension ClientStreamRun {
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

    mutating func settle(_ result: String, expected: String) {
        precondition(result == expected, "It came to \(result), not to \(expected).")
        if result.hasPrefix("!") { self.isOver = true }
    }

    mutating func frame(_ choice: Int) {
        let id = self.choices.id(self.ids)
        let bits = self.choices.byte()
        let isSensitive = bits & 64 == 64 ? bits & 32 == 32 : self.streams[id.rawValue]?.isSensitive ?? false
        let ends = bits & 1 == 1
        switch choice {
        case 8, 9, 10: self.response(id, ends: ends, isInterim: bits & 6 == 2, isEmpty: bits & 24 == 8, isSensitive)
        case 11, 12, 13: self.data(id, count: self.choices.size(), ends: ends, isSensitive)
        case 14: self.trailers(id, ends: bits & 30 != 0, isSensitive)
        case 15: self.secrets(id, isSensitive || bits & 16 == 0)
        case 16: self.cancel(id, code: self.choices.code())
        case 17: self.credit(bits & 6 == 0 ? nil : id, self.choices.credit())
        case 18 where bits > 230: self.goAway(bits & 1 == 1 ? GoAway.everything : bits & 2 == 2 ? .oneWay : id)
        default:
            precondition(
                verdict { () throws(WireError) in
                    try self.machine.cheapFrameReceived(now: self.now)
                    return ""
                } == "")
        }
    }

    mutating func response(_ id: CallID, ends: Bool, isInterim: Bool, isEmpty: Bool, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            switch try self.machine.responseReceived(
                id, ends: ends, isInterim: isInterim, isEmpty: isEmpty, isSensitive: isSensitive, now: self.now)
            {
            case .complete(let call): "complete \(call)"
            case .completeEarly(let call): "complete early \(call)"
            case .begin(let call): "begin \(call)"
            case .inform(let call): "inform \(call)"
            case .acknowledged: "acknowledged"
            case .violated(let call, let code): "violated \(call) \(code)"
            case .drop: "drop"
            }
        }
        self.settle(result, expected: self.expected(id, ends, isInterim, isEmpty, isSensitive))
    }

    mutating func expected(
        _ id: CallID, _ ends: Bool, _ isInterim: Bool, _ isEmpty: Bool, _ isSensitive: Bool
    ) -> String {
        guard var stream = self.streams[id.rawValue] else { return "!STREAM" }
        guard stream.isSensitive == isSensitive else { return "!SECRET" }
        if isInterim, ends { return "!FRAME" }
        if stream.phase == .cancelled {
            if ends { self.streams[id.rawValue] = nil }
            return "drop"
        }
        guard stream.isWaiting, isEmpty == stream.isOneWay, !isEmpty || (ends && !isInterim) else { return "!STREAM" }
        stream.hasSecrets = false
        defer { if self.streams[id.rawValue] != nil { self.streams[id.rawValue] = stream } }
        if isInterim {
            stream.interims += 1
            if stream.interims <= 8 { return "inform \(stream.call)" }
            stream.phase = .cancelled
            (stream.send, stream.receive) = (nil, nil)
            self.end(stream.call)
            return "violated \(stream.call) PROTOCOL"
        }
        self.end(stream.call)
        if !ends {
            self.openWindows(&stream)
            stream.phase = stream.phase == .open ? .begun : .answering
            return "begin \(stream.call)"
        }
        if stream.phase == .open {
            stream.phase = .answered
            return "complete early \(stream.call)"
        }
        self.streams[id.rawValue] = nil
        return stream.isOneWay ? "acknowledged" : "complete \(stream.call)"
    }

    mutating func data(_ id: CallID, count: Int, ends: Bool, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            Self.describe(
                try self.machine.dataReceived(id, count: count, ends: ends, isSensitive: isSensitive, now: self.now))
        }
        guard self.receive.mayReceive(count) else { return self.settle(result, expected: "!CREDIT") }
        if self.bodyVerdict(id, isSensitive) == nil, self.streams[id.rawValue]?.phase != .cancelled,
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

    static func describe(_ action: ClientStreamMachine<Int>.BodyAction) -> String {
        switch action {
        case .deliver(let ends): "deliver \(ends)"
        case .drop(let grant): "drop \(TeleportFuzzing.describe(grant))"
        }
    }

    func bodyVerdict(_ id: CallID, _ isSensitive: Bool) -> String? {
        guard let stream = self.streams[id.rawValue] else { return "!STREAM" }
        guard stream.isSensitive == isSensitive else { return "!SECRET" }
        return [.cancelled, .answering, .begun].contains(stream.phase) ? nil : "!STREAM"
    }

    mutating func expected(_ id: CallID, count: Int?, ends: Bool, _ isSensitive: Bool) -> String {
        if let violation = self.bodyVerdict(id, isSensitive) { return violation }
        let phase = self.streams[id.rawValue]?.phase
        if ends {
            self.streams[id.rawValue]?.phase = .answered
            if phase != .begun { self.streams[id.rawValue] = nil }
        }
        guard phase == .cancelled else { return "deliver \(ends)" }
        let grant = CreditGrant(connection: count.flatMap { self.receive.take($0) })
        return "drop \(TeleportFuzzing.describe(grant))"
    }

    mutating func secrets(_ id: CallID, _ isSensitive: Bool) {
        let result = verdict { () throws(WireError) in
            try self.machine.secretsReceived(id, isSensitive: isSensitive) ? "keep" : "drop"
        }
        guard let stream = self.streams[id.rawValue] else { return self.settle(result, expected: "!STREAM") }
        if stream.isSensitive, !isSensitive { return self.settle(result, expected: "!SECRET") }
        if stream.phase == .cancelled { return self.settle(result, expected: "drop") }
        let isWanted = stream.isWaiting && !stream.isOneWay && !stream.hasSecrets
        self.settle(result, expected: isWanted ? "keep" : "!STREAM")
        self.streams[id.rawValue]?.hasSecrets = true
    }

    /// Whether the id may be spoken of: it was given, long ago perhaps.
    func wasOpened(_ id: CallID) -> Bool { self.ids.last.map { !$0.precedes(id) } ?? false }

    mutating func cancel(_ id: CallID, code: ErrorCode) {
        let result = verdict { () throws(WireError) in
            switch try self.machine.cancelReceived(id, code: code, now: self.now) {
            case .fail(let call, let stops): "fail \(call) \(stops)"
            case .breakOff(let stops): "break off \(stops)"
            case .stopRequest: "stop"
            case .none: "none"
            }
        }
        guard let stream = self.streams[id.rawValue] else {
            return self.settle(result, expected: self.wasOpened(id) ? "none" : "!STREAM")
        }
        let expected: String
        switch (stream.phase, code) {
        case (.cancelled, .noError): return self.settle(result, expected: "none")
        case (.cancelled, _): expected = "none"
        case (.answered, .noError): expected = "stop"
        case (_, .noError), (.answered, _): expected = "!STREAM"
        default:
            if stream.isWaiting { self.end(stream.call) }
            expected =
                stream.isWaiting ? "fail \(stream.call) \(stream.isUploading)" : "break off \(stream.isUploading)"
        }
        self.settle(result, expected: expected)
        if !self.isOver { self.streams[id.rawValue] = nil }
    }

    mutating func credit(_ id: CallID?, _ bytes: Int) {
        let result = verdict { () throws(WireError) in
            try self.machine.creditReceived(id, bytes: bytes, now: self.now)
            return "taken"
        }
        guard let id else { return self.settle(result, expected: self.send.mayCredit(bytes) ? "taken" : "!CREDIT") }
        if self.streams[id.rawValue] == nil, !self.wasOpened(id) { return self.settle(result, expected: "!STREAM") }
        var nobody = SendAccount(available: 0)
        let may = self.streams[id.rawValue]?.send?.mayCredit(bytes) ?? nobody.mayCredit(bytes)
        self.settle(result, expected: may ? "taken" : "!CREDIT")
    }

    mutating func goAway(_ lastID: CallID) {
        let given = self.machine.goAwayReceived(GoAway(lastID: lastID, code: .noError))
        var behind: Set<Int> = []
        if lastID != GoAway.everything, let last = self.ids.last, lastID.rawValue == 0 || !last.precedes(lastID) {
            for (id, stream) in self.streams where stream.isWaiting || stream.phase == .cancelled {
                let isBehind = last.rawValue &- id < last.rawValue &- lastID.rawValue
                guard lastID.rawValue == 0 || isBehind else { continue }
                self.streams[id] = nil
                if stream.isWaiting { behind.insert(stream.call) }
            }
        }
        precondition(Set(given.map(\.call)) == behind && given.count == behind.count, "Other calls were given back.")
        for call in behind { self.end(call) }
        precondition(!self.machine.isAccepting, "A connection that goes away takes calls.")
    }
}
