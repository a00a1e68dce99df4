import TeleportWire
import Testing

@testable import TeleportRPC

/// What the names of the table mean; the handler of the stream is `handler`.
struct ServerStates {
    enum Life: CaseIterable {
        case open, leaving, finishing
    }

    var machine: ServerStreamMachine<String>
    let id = CallID(rawValue: 2)
    let isSensitive: Bool
    var token: StreamToken?

    init(_ state: String, isSensitive: Bool = false, life: Life = .open) {
        self.isSensitive = isSensitive
        var settings = SettingsV1()
        settings.maxStreams = 2
        self.machine = ServerStreamMachine(limits: .init(), settings: settings)
        // Never the only stream.
        _ = try? self.machine.requestReceived(CallID(rawValue: 1), flags: .end, bytes: 7)
        if state == "refused" { _ = try? self.machine.requestReceived(CallID(rawValue: 3), flags: .end, bytes: 7) }
        if !["idle", "refused"].contains(state) { self.open(state) }
        if state == "refused" {
            // Both places are taken.
            self.machine = ServerStreamMachine(limits: .init(), settings: settings)
            _ = try? self.machine.requestReceived(CallID(rawValue: .max), flags: .end, bytes: 7)
            _ = try? self.machine.requestReceived(CallID(rawValue: 1), flags: .end, bytes: 7)
            _ = self.apply("REQUEST")
        }
        if life != .open { _ = self.machine.drainStarted() }
        if life == .finishing { _ = self.machine.lastStreamReached() }
    }

    private mutating func open(_ state: String) {
        let goesOn = ["open", "begun", "answered", "late"].contains(state)
        _ = self.apply(state == "one-way" ? "ONE-WAY+END" : goesOn ? "REQUEST" : "REQUEST+END")
        if let token { _ = self.machine.handlerStarted(token, handle: "handler") }
        switch state {
        case "answering", "begun": _ = self.apply("answer-begins")
        case "answered", "closed": _ = self.apply("answer")
        case "cancelled": _ = self.apply("CANCEL")
        case "late": _ = self.apply("deadline")
        default: break
        }
    }

    /// open, received, answering (received, head given), begun (open, head given), answered, cancelled, late (its deadline
    /// passed, and the request goes on), refused, closed, idle, one-way.
    var state: String {
        guard let index = self.machine.table.index(of: self.id), let slot = self.machine.table.places[index].value
        else {
            return self.machine.lastOpened == self.id ? "closed" : "idle"
        }
        let flags = slot.flags
        if flags.contains(.answered) { return self.token == nil ? "refused" : "answered" }
        if flags.contains(.cancelled) { return flags.contains(.receiving) ? "late" : "cancelled" }
        if flags.contains(.oneWay) { return "one-way" }
        if flags.contains(.answering) { return flags.contains(.receiving) ? "begun" : "answering" }
        return flags.contains(.receiving) ? "open" : "received"
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
        case "REQUEST", "REQUEST+END", "ONE-WAY+END", "ONE-WAY":
            var flags: FrameFlags = self.isSensitive ? .sensitive : []
            if ends { flags.insert(.end) }
            if event.hasPrefix("ONE-WAY") { flags.insert(.noReply) }
            return self.name(try self.machine.requestReceived(self.id, flags: flags, bytes: 100, deadline: 50))
        case "DATA", "DATA+END", "DATA(0)", "DATA(0)+END":
            return self.name(
                try self.machine.dataReceived(
                    self.id, count: event.contains("0") ? 0 : 10, ends: ends, isSensitive: self.isSensitive, now: 0))
        case "TRAILERS+END", "TRAILERS":
            return self.name(try self.machine.trailersReceived(self.id, ends: ends, isSensitive: self.isSensitive))
        case "SECRETS": return try self.machine.secretsReceived(self.id, bytes: 10, isSensitive: true) ? "keep" : "drop"
        case "CANCEL":
            switch try self.machine.cancelReceived(self.id, now: 0) {
            case .stop("handler"): return "stop"
            case .stop: return "another handler"
            case .breakOff: return "break-off"
            case .none: return "none"
            }
        case "CREDIT", "CREDIT(0)", "CREDIT(2^32-1)":
            let bytes = event == "CREDIT" ? 5000 : event == "CREDIT(0)" ? 0 : Int(UInt32.max)
            try self.machine.creditReceived(self.id, bytes: bytes, now: 0)
            return "ok"
        default: return self.ownEvent(event)
        }
    }

    private mutating func ownEvent(_ event: String) -> String {
        guard let token else { return "ignore" }
        switch event {
        case "answer": return self.name(self.machine.requestAnswered(token))
        case "answer-begins": return self.name(self.machine.answerBegun(token, now: 0))
        case "answer-ends":
            return self.machine.dataEncoded(self.id, count: 0, ends: true) ? "stop-request" : "ignore"
        case "answer-fails": return self.machine.answerBrokenOff(self.id) ? "cancel" : "ignore"
        case "request-fails":
            switch self.machine.requestBrokenOff(self.id, code: .malformed) {
            case .end: return "cancel"
            case .stop(let handle): return handle == nil ? "give-up" : "stop"
            case .stopRequest: return "stop-request"
            case .none: return "ignore"
            }
        case "deadline":
            let handles = self.machine.deadlineReached(now: 50)
            return handles.contains("handler") ? "stop" : "ignore"
        case "may-inform": return self.machine.mayInform(token).map { $0 == self.isSensitive ? "yes" : "wrong" } ?? "no"
        case "allowance": return self.machine.allowance(self.id) > 0 ? "some" : "none"
        default: return "unknown event \(event)"
        }
    }

    private mutating func name(_ action: ServerStreamMachine<String>.RequestAction) -> String {
        switch action {
        case .dispatch(let token):
            self.token = token
            return token.id == self.id ? "dispatch" : "another stream"
        case .refuse(let code): return "refuse:\(code)"
        case .drop: return "drop"
        }
    }

    private func name(_ action: ServerStreamMachine<String>.BodyAction) -> String {
        switch action {
        case .deliver(let ends): ends ? "deliver-end" : "deliver"
        case .drop: "drop"
        }
    }

    private func name(_ action: ServerStreamMachine<String>.AnswerAction) -> String {
        switch action {
        case .answer(self.id, self.isSensitive, let stopsRequest): stopsRequest ? "answer+stop" : "answer"
        case .acknowledge(self.id, self.isSensitive): "acknowledge"
        case .cancel(self.id, let code): "cancel:\(code)"
        case .ignore: "ignore"
        default: "wrong"
        }
    }
}

@Suite("Server streams: states and frames (V1-33, V1-34)")
struct ServerStreamStateTests {
    static let frames = StateTable(
        """
                      open                  received        answering         begun                  answered     cancelled  late            refused      closed   one-way
        REQUEST       !STREAM               !STREAM         !STREAM           !STREAM                !STREAM      !STREAM    !STREAM         !STREAM      !STREAM  !STREAM
        REQUEST+END   !STREAM               !STREAM         !STREAM           !STREAM                !STREAM      !STREAM    !STREAM         !STREAM      !STREAM  !STREAM
        DATA          deliver               !STREAM         !STREAM           deliver                drop         !STREAM    drop            drop         !STREAM  !STREAM
        DATA+END      deliver-end>received  !STREAM         !STREAM           deliver-end>answering  drop>closed  !STREAM    drop>cancelled  drop>closed  !STREAM  !STREAM
        DATA(0)       deliver               !STREAM         !STREAM           deliver                drop         !STREAM    drop            drop         !STREAM  !STREAM
        DATA(0)+END   deliver-end>received  !STREAM         !STREAM           deliver-end>answering  drop>closed  !STREAM    drop>cancelled  drop>closed  !STREAM  !STREAM
        TRAILERS+END  deliver-end>received  !STREAM         !STREAM           deliver-end>answering  drop>closed  !STREAM    drop>cancelled  drop>closed  !STREAM  !STREAM
        SECRETS       !STREAM               !STREAM         !STREAM           !STREAM                !STREAM      !STREAM    !STREAM         !STREAM      !STREAM  !STREAM
        CANCEL        stop>cancelled        stop>cancelled  break-off>closed  break-off>closed       none>closed  none       none>cancelled  none>closed  none     stop>cancelled
        CREDIT        ok                    ok              ok                ok                     ok           ok         ok              ok           ok       ok
        CREDIT(0)     !CREDIT               !CREDIT         !CREDIT           !CREDIT                !CREDIT      !CREDIT    !CREDIT         !CREDIT      !CREDIT  !CREDIT
        CREDIT(2^32-1) !CREDIT              !CREDIT         !CREDIT           !CREDIT                !CREDIT      !CREDIT    !CREDIT         !CREDIT      !CREDIT  !CREDIT
        TRAILERS      !FRAME                !FRAME          !FRAME            !FRAME                 !FRAME       !FRAME     !FRAME          !FRAME       !FRAME   !FRAME
        """)

    static let own = StateTable(
        """
                       open                  received              answering       begun                  answered  cancelled                late                      refused  closed  one-way
        answer         answer+stop>answered  answer>closed         ignore          ignore                 ignore    cancel:CANCELLED>closed  cancel:DEADLINE>answered  ignore   ignore  acknowledge>closed
        answer-begins  answer>begun          answer>answering      ignore          ignore                 ignore    cancel:CANCELLED>closed  cancel:DEADLINE>answered  ignore   ignore  acknowledge>closed
        answer-ends    ignore                ignore                ignore>closed   stop-request>answered  ignore    ignore                   ignore                    ignore   ignore  ignore
        answer-fails   ignore                ignore                cancel>closed   cancel>answered        ignore    ignore                   ignore                    ignore   ignore  ignore
        request-fails  stop>late             stop>cancelled        cancel>closed   cancel>answered        ignore    ignore                   ignore                    ignore   ignore  stop>cancelled
        deadline       stop>late             stop>cancelled        ignore          ignore                 ignore    ignore                   ignore                    ignore   ignore  stop>cancelled
        may-inform     yes                   yes                   no              no                     no        no                       no                        ignore   no      no
        allowance      none                  none                  some            some                   none      none                     none                      ignore   none    none
        """)

    static let opening = StateTable(
        """
                      idle
        REQUEST       dispatch>open
        REQUEST+END   dispatch>received
        ONE-WAY+END   dispatch>one-way
        ONE-WAY       !FRAME
        DATA          !STREAM
        DATA+END      !STREAM
        TRAILERS+END  !STREAM
        SECRETS       keep
        CANCEL        !STREAM
        CREDIT        !STREAM
        """)

    static let beyond = StateTable(
        """
                      idle
        REQUEST       drop
        REQUEST+END   drop
        ONE-WAY+END   drop
        DATA          drop
        DATA+END      drop
        TRAILERS+END  drop
        SECRETS       drop
        CANCEL        none
        CREDIT        ok
        """)

    func check(_ table: StateTable, isSensitive: Bool = false, life: ServerStates.Life) {
        table.check("\(life)") { event, state in
            var states = ServerStates(state, isSensitive: isSensitive, life: life)
            #expect(states.state == state)
            let action = states.apply(event)
            if !action.hasPrefix("!"), state != "refused" { self.checkCounts(states) }
            return (action, states.state)
        }
    }

    /// The counts are those of the streams that are there, and no window outlives its stream.
    func checkCounts(_ states: ServerStates) {
        let isOver = ["idle", "closed"].contains(states.state)
        let isOwed = !isOver && states.state != "answered"
        #expect(states.machine.liveCount == (isOver ? 1 : 2))
        #expect(states.machine.inFlightCount == (isOwed ? 2 : 1))
        let secrets = states.machine.earlySecrets.values.reduce(0) { $0 + $1.bytes }
        #expect(states.machine.held == (isOwed ? 107 : 7) + secrets)
        let mayHaveBody = ["open", "received", "answering", "begun", "answered"].contains(states.state)
        #expect(states.machine.windows.count <= (mayHaveBody ? 1 : 0), "\(states.state)")
    }

    @Test(
        "each frame in each state is what the specification says, while a drain goes on too",
        arguments: ServerStates.Life.allCases)
    func table(life: ServerStates.Life) { self.check(Self.frames, life: life) }

    @Test("and the same on a sensitive stream")
    func sensitive() { self.check(Self.frames, isSensitive: true, life: .open) }

    @Test("what handlers do in each state", arguments: ServerStates.Life.allCases, [false, true])
    func ownSide(life: ServerStates.Life, isSensitive: Bool) {
        self.check(Self.own, isSensitive: isSensitive, life: life)
    }

    @Test("the first frame of a stream is a REQUEST, or SECRETS for it", arguments: [ServerStates.Life.open, .leaving])
    func first(life: ServerStates.Life) { self.check(Self.opening, life: life) }

    @Test("what lies behind the last stream of a drain is read over (V1-51)")
    func behind() { self.check(Self.beyond, life: .finishing) }

    @Test("a frame that is not as sensitive as its stream is SECRET in every state (V1-23)", arguments: [true, false])
    func wrongSensitivity(isSensitive: Bool) {
        for state in ["open", "received", "answering", "begun", "answered", "cancelled", "late", "one-way"] {
            for event in ["DATA", "DATA+END", "DATA(0)", "TRAILERS+END"] {
                var machine = ServerStates(state, isSensitive: isSensitive).machine
                var other = ServerStates("idle", isSensitive: !isSensitive)
                swap(&other.machine, &machine)
                #expect(other.apply(event) == "!SECRET", "\(event) in \(state)")
            }
        }
    }
}
