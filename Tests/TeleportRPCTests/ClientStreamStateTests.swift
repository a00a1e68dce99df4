import TeleportWire
import Testing

@testable import TeleportRPC

/// What the names of the table mean; `call` is what each waits with.
struct ClientStates {
    var machine: ClientStreamMachine<String>
    let id = CallID(rawValue: 2)
    let isSensitive: Bool

    init(_ state: String, isSensitive: Bool = false, limits: StreamLimits = .init()) {
        self.isSensitive = isSensitive
        self.machine = ClientStreamMachine(limits: .init(), streamLimits: limits, settings: SettingsV1())
        self.machine.opened()
        // Never the only stream.
        _ = self.machine.callEncoded(CallID(rawValue: 1), deadline: .never, flags: .streamsBody, call: "other")
        if state == "idle" { return }
        var flags: CallFlags = isSensitive ? .sensitive : []
        if state == "one-way" { flags.insert(.oneWay) }
        if ["open", "begun", "answered"].contains(state) { flags.insert(.streamsBody) }
        _ = self.machine.callEncoded(self.id, deadline: .never, flags: flags, call: "call")
        switch state {
        case "answering", "begun": _ = self.apply("RESPONSE")
        case "answered": _ = self.apply("RESPONSE+END")
        case "cancelled": _ = self.machine.callCancelled(self.id)
        case "closed": _ = self.apply("RESPONSE+END")
        default: break
        }
    }

    /// open, sent, answering (sent, and the head came), begun (open, and the head came), answered, cancelled, closed; and
    /// idle.
    var state: String {
        guard let index = self.machine.table.index(of: self.id), let slot = self.machine.table.places[index].value
        else {
            return self.machine.lastInserted == self.id ? "closed" : "idle"
        }
        let flags = slot.flags
        #expect((slot.call != nil) == flags.isDisjoint(with: [.cancelled, .answering, .answered]))
        if flags.contains(.cancelled) { return "cancelled" }
        if flags.contains(.oneWay) { return "one-way" }
        if flags.contains(.answered) { return "answered" }
        if flags.contains(.answering) { return flags.contains(.uploading) ? "begun" : "answering" }
        return flags.contains(.uploading) ? "open" : "sent"
    }

    mutating func apply(_ event: String) -> String {
        do throws(WireError) {
            return try self.tryApply(event)
        } catch {
            return outcome { () throws(WireError) in throw error }
        }
    }

    private mutating func tryApply(_ event: String) throws(WireError) -> String {
        let ends = event.hasSuffix("+END")
        switch event {
        case "RESPONSE", "RESPONSE+END", "INTERIM", "INTERIM+END", "EMPTY+END":
            let action = try self.machine.responseReceived(
                self.id, ends: ends, isInterim: event.hasPrefix("INTERIM"), isEmpty: event.hasPrefix("EMPTY"),
                isSensitive: self.isSensitive)
            return self.name(action)
        case "DATA", "DATA+END", "DATA(0)", "DATA(0)+END":
            let action = try self.machine.dataReceived(
                self.id, count: event.contains("0") ? 0 : 10, ends: ends, isSensitive: self.isSensitive, now: 0)
            return self.name(action)
        case "TRAILERS+END":
            return self.name(try self.machine.trailersReceived(self.id, ends: true, isSensitive: self.isSensitive))
        case "TRAILERS":
            return self.name(try self.machine.trailersReceived(self.id, ends: false, isSensitive: self.isSensitive))
        case "SECRETS": return try self.machine.secretsReceived(self.id, isSensitive: true) ? "keep" : "drop"
        case "CANCEL": return self.name(try self.machine.cancelReceived(self.id, code: .internal, now: 0))
        case "CANCEL(NO_ERROR)": return self.name(try self.machine.cancelReceived(self.id, code: .noError, now: 0))
        case "CREDIT", "CREDIT(0)", "CREDIT(2^32-1)":
            let bytes = event == "CREDIT" ? 5000 : event == "CREDIT(0)" ? 0 : Int(UInt32.max)
            try self.machine.creditReceived(self.id, bytes: bytes, now: 0)
            return "ok"
        case "caller-cancels":
            switch self.machine.callCancelled(self.id) {
            case .cancel("call"): return "cancel"
            case .cancel: return "another call"
            case .stop: return "stop"
            case .none: return "none"
            }
        case "upload-ends":
            self.machine.dataEncoded(self.id, count: 0, ends: true)
            return "ok"
        case "allowance": return self.machine.allowance(self.id) > 0 ? "some" : "none"
        default: return "unknown event \(event)"
        }
    }

    private func name(_ action: ClientStreamMachine<String>.ResponseAction) -> String {
        switch action {
        case .complete("call"): "complete"
        case .completeEarly("call"): "complete-early"
        case .begin("call"): "begin"
        case .inform("call"): "inform"
        case .violated("call", .protocol): "violated"
        case .acknowledged: "acknowledged"
        case .drop: "drop"
        default: "another call"
        }
    }

    private func name(_ action: ClientStreamMachine<String>.BodyAction) -> String {
        switch action {
        case .deliver(let ends): ends ? "deliver-end" : "deliver"
        case .drop: "drop"
        }
    }

    private func name(_ action: ClientStreamMachine<String>.CancelledAction) -> String {
        switch action {
        case .fail("call", let stopsRequest): stopsRequest ? "fail+stop" : "fail"
        case .fail: "another call"
        case .breakOff(let stopsRequest): stopsRequest ? "break-off+stop" : "break-off"
        case .stopRequest: "stop"
        case .none: "none"
        }
    }
}

@Suite("Client streams: states and frames (V1-33, V1-34)")
struct ClientStreamStateTests {
    static let frames = StateTable(
        """
                          idle     open                    sent             answering           begun                  answered     cancelled       closed   one-way
        RESPONSE+END      !STREAM  complete-early>answered complete>closed  !STREAM             !STREAM                !STREAM      drop>closed     !STREAM  !STREAM
        RESPONSE          !STREAM  begin>begun             begin>answering  !STREAM             !STREAM                !STREAM      drop            !STREAM  !STREAM
        INTERIM           !STREAM  inform                  inform           !STREAM             !STREAM                !STREAM      drop            !STREAM  !STREAM
        EMPTY+END         !STREAM  !STREAM                 !STREAM          !STREAM             !STREAM                !STREAM      drop>closed     !STREAM  acknowledged>closed
        DATA              !STREAM  !STREAM                 !STREAM          deliver             deliver                !STREAM      drop            !STREAM  !STREAM
        DATA+END          !STREAM  !STREAM                 !STREAM          deliver-end>closed  deliver-end>answered   !STREAM      drop>closed     !STREAM  !STREAM
        DATA(0)           !STREAM  !STREAM                 !STREAM          deliver             deliver                !STREAM      drop            !STREAM  !STREAM
        DATA(0)+END       !STREAM  !STREAM                 !STREAM          deliver-end>closed  deliver-end>answered   !STREAM      drop>closed     !STREAM  !STREAM
        TRAILERS+END      !STREAM  !STREAM                 !STREAM          deliver-end>closed  deliver-end>answered   !STREAM      drop>closed     !STREAM  !STREAM
        SECRETS           !STREAM  keep                    keep             !STREAM             !STREAM                !STREAM      drop            !STREAM  !STREAM
        CANCEL            !STREAM  fail+stop>closed        fail>closed      break-off>closed    break-off+stop>closed  !STREAM      none>closed     none     fail>closed
        CANCEL(NO_ERROR)  !STREAM  !STREAM                 !STREAM          !STREAM             !STREAM                stop>closed  none            none     !STREAM
        CREDIT            !STREAM  ok                      ok               ok                  ok                     ok           ok              ok       ok
        """)

    static let own = StateTable(
        """
                          idle     open                    sent              answering        begun            answered     cancelled  closed  one-way
        caller-cancels    none     cancel>cancelled        cancel>cancelled  stop>cancelled   stop>cancelled   stop>closed  none       none    cancel>cancelled
        upload-ends       ok       ok>sent                 ok                ok               ok>answering     ok>closed    ok         ok      ok
        allowance         none     some                    none              none             some             some         none       none    none
        """)

    /// Faults of a frame by itself, in whatever state its stream is.
    static let faults = StateTable(
        """
                          open     sent     answering  begun    answered  cancelled  one-way
        TRAILERS          !FRAME   !FRAME   !FRAME     !FRAME   !FRAME    !FRAME     !FRAME
        INTERIM+END       !FRAME   !FRAME   !FRAME     !FRAME   !FRAME    !FRAME     !FRAME
        CREDIT(0)         !CREDIT  !CREDIT  !CREDIT    !CREDIT  !CREDIT   !CREDIT    !CREDIT
        CREDIT(2^32-1)    !CREDIT  !CREDIT  !CREDIT    !CREDIT  !CREDIT   !CREDIT    !CREDIT
        """)

    func check(_ table: StateTable, isSensitive: Bool = false) {
        table.check { event, state in
            var states = ClientStates(state, isSensitive: isSensitive)
            #expect(states.state == state)
            let action = states.apply(event)
            if !action.hasPrefix("!") { self.checkCounts(states) }
            return (action, states.state)
        }
    }

    /// The counts are those of the streams that are there, and no window outlives its stream.
    func checkCounts(_ states: ClientStates) {
        let isOver = ["idle", "closed"].contains(states.state)
        let isPending = ["open", "sent", "one-way"].contains(states.state)
        #expect(states.machine.liveCount == (isOver ? 1 : 2))
        #expect(states.machine.pendingCount == (isPending ? 2 : 1))
        #expect(states.machine.tombstoneCount == (states.state == "cancelled" ? 1 : 0))
        let hasBody = ["open", "answering", "begun", "answered"].contains(states.state)
        #expect(states.machine.windows.count <= (hasBody || states.state == "sent" ? 2 : 1))
    }

    @Test("each frame in each state is what the specification says")
    func table() { self.check(Self.frames) }

    @Test("and the same on a sensitive stream")
    func sensitive() { self.check(Self.frames, isSensitive: true) }

    @Test("what the caller does in each state")
    func ownSide() { self.check(Self.own) }

    @Test("frames that are wrong in any state")
    func wrong() { self.check(Self.faults) }

    @Test("a frame that is not as sensitive as its stream is SECRET in every state (V1-23)", arguments: [true, false])
    func wrongSensitivity(isSensitive: Bool) {
        for state in ["open", "sent", "answering", "begun", "answered", "cancelled", "one-way"] {
            for event in [
                "RESPONSE", "RESPONSE+END", "INTERIM", "EMPTY+END", "DATA", "DATA+END", "DATA(0)", "TRAILERS+END",
            ] {
                var machine = ClientStates(state, isSensitive: isSensitive).machine
                var other = ClientStates("idle", isSensitive: !isSensitive)
                swap(&other.machine, &machine)
                #expect(other.apply(event) == "!SECRET", "\(event) in \(state)")
            }
        }
    }
}
