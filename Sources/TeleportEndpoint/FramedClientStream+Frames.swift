public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// From received bytes to answered calls.
extension FramedClientStream {
    /// What a frame came to, to be done after the lock was released.
    @usableFromInline
    enum Effect {
        case none
        case response(ClientStreamMachine<Connection.Call>.ResponseAction)
        case body(ClientStreamMachine<Connection.Call>.BodyAction)
        case cancelled(ClientStreamMachine<Connection.Call>.CancelledAction, ErrorCode)
        case keepSecrets
        case credited
        case ping
        case pong
        case settings(SettingsV1)
        case goAway(GoAway, refused: [(id: CallID, call: Connection.Call)])
    }

    /// Frames that are matched under one lock.
    @inlinable static var framesPerBatch: Int { 64 }

    @inlinable
    func received(_ bytes: inout ByteBuffer) {
        guard case .awaitingPreface = self.phase else { return self.receiveFrames(&bytes) }
        guard self.receivePreface(&bytes) else { return }
        // SETTINGS mostly come with the preface: then the calls that wait go out with ours.
        self.receiveFrames(&bytes)
        if self.isOpen { self.driver?.flush() }
    }

    @inlinable
    func receiveFrames(_ bytes: inout ByteBuffer) {
        guard self.isOpen else { return }
        self.liveliness.bytesReceived(now: self.now)
        self.input.beginTurn()
        defer { self.chargeForBlocks() }
        do throws(WireError) {
            while self.isOpen, !self.input.isTurnOver {
                try self.input.read(Self.framesPerBatch, into: &self.frames, &self.headers, from: &bytes)
                guard !self.frames.isEmpty else { return }
                try self.handleFrames()
            }
        } catch {
            // What came before is good.
            do throws(WireError) { try self.handleFrames() } catch { return self.violated(error) }
            return self.violated(error)
        }
        guard self.isOpen, let driver = self.driver else { return }
        // Others of the loop have their turn; the driver keeps the rest.
        driver.pauseReading()
        self.connection.eventLoop.assumeIsolated().execute { self.continueReading() }
    }

    /// Blocks that cost more than they say are paid for (V1-77).
    @usableFromInline
    func chargeForBlocks() {
        let count = self.input.takeCheapBlocks()
        guard count > 0, self.isOpen else { return }
        let now = self.now
        do throws(WireError) {
            try self.connection.state.withLock { state throws(WireError) in
                for _ in 0..<count { try state.machine.cheapFrameReceived(now: now) }
            }
        } catch {
            self.violated(error)
        }
    }

    /// The others of the loop had their turn.
    @usableFromInline
    func continueReading() {
        guard self.isOpen, let driver = self.driver else { return }
        // What was expanded comes first; then what the driver holds.
        var nothing = ByteBuffer()
        self.received(&nothing)
        if !self.input.isTurnOver { driver.resumeReading() }
    }

    /// Matches the frames read with their streams, under one lock, then acts on them.
    @inlinable
    func handleFrames() throws(WireError) {
        // Taken out, and put back for their memory: completing a call may run a caller's code that comes back here.
        var frames: [Frame?] = []
        var headers: [FrameHeader] = []
        var effects: [Effect?] = []
        swap(&frames, &self.frames)
        swap(&headers, &self.headers)
        swap(&effects, &self.effects)
        guard !frames.isEmpty else { return }
        let now = self.now
        var fault: WireError?
        let (isFinished, mayAdmit) = self.connection.state.withLock { state in
            for index in headers.indices {
                let header = headers[index]
                do throws(WireError) {
                    if header.type == .response, let id = header.stream {
                        effects.append(try Self.match(response: id, header, &state.machine, now: now))
                    } else if header.type == .data, let id = header.stream {
                        effects.append(try Self.match(data: id, header, &state.machine, now: now))
                    } else if let frame = frames[index] {
                        effects.append(try Self.match(unusual: frame, &state.machine, now: now))
                    }
                } catch {
                    fault = error
                    break
                }
                // Nothing is read behind a GOAWAY that tells of an error (V1-53).
                if header.type == .goAway, case .goAway(let goAway, _)?? = effects.last, goAway.code != .noError {
                    break
                }
            }
            return (
                state.isFinished(),
                !state.waiting.isEmpty && (state.machine.mayAdmit || !state.machine.isAccepting)
            )
        }
        if headers.contains(where: { $0.stream != nil }) {
            self.liveliness.streamsMoved(now: now)
        }
        for index in effects.indices {
            // Moved, not copied.
            guard let effect = effects[index].take(), let frame = frames[index].take() else { continue }
            do throws(WireError) { try self.perform(effect, frame) } catch { fault = fault ?? error }
        }
        frames.removeAll(keepingCapacity: true)
        headers.removeAll(keepingCapacity: true)
        effects.removeAll(keepingCapacity: true)
        if self.frames.isEmpty {
            swap(&frames, &self.frames)
            swap(&headers, &self.headers)
        }
        if self.effects.isEmpty { swap(&effects, &self.effects) }
        if let fault { throw fault }
        if mayAdmit { self.admitWaiting() }
        if isFinished { self.closeIdle() }
    }

    @inlinable
    static func match(
        response id: CallID, _ header: FrameHeader, _ machine: inout ClientStreamMachine<Connection.Call>,
        now: Nanoseconds
    ) throws(WireError) -> Effect {
        try machine.checkSettled()
        let flags = header.flags
        return .response(
            try machine.responseReceived(
                id, ends: flags.contains(.end), isInterim: flags.contains(.interim), isEmpty: header.length == 3,
                isSensitive: flags.contains(.sensitive), now: now))
    }

    @inlinable
    static func match(
        data id: CallID, _ header: FrameHeader, _ machine: inout ClientStreamMachine<Connection.Call>,
        now: Nanoseconds
    ) throws(WireError) -> Effect {
        try machine.checkSettled()
        let flags = header.flags
        return .body(
            try machine.dataReceived(
                id, count: header.length, ends: flags.contains(.end), isSensitive: flags.contains(.sensitive), now: now)
        )
    }

    @usableFromInline
    static func match(
        unusual frame: Frame, _ machine: inout ClientStreamMachine<Connection.Call>, now: Nanoseconds
    ) throws(WireError) -> Effect {
        let flags = frame.header.flags
        if frame.header.type != .settings { try machine.checkSettled() }
        guard let type = frame.header.type else {
            try machine.cheapFrameReceived(now: now)
            return .none
        }
        guard let id = frame.header.stream else {
            return try self.matchConnection(frame, type, &machine, now: now)
        }
        switch type {
        case .data:
            return try self.match(data: id, frame.header, &machine, now: now)
        case .trailers:
            return .body(
                try machine.trailersReceived(
                    id, ends: flags.contains(.end), isSensitive: flags.contains(.sensitive)))
        case .secrets:
            return try machine.secretsReceived(id, isSensitive: flags.contains(.sensitive)) ? .keepSecrets : .none
        case .cancel:
            return .cancelled(try machine.cancelReceived(id, code: frame.cancelCode, now: now), frame.cancelCode)
        case .credit:
            try machine.creditReceived(id, bytes: frame.credit, now: now)
            return .credited
        case .request, .response, .settings, .ping, .pong, .goAway:
            throw WireError(.violation(.stream), "Only clients open streams (V1-30).")
        }
    }

    @usableFromInline
    static func matchConnection(
        _ frame: Frame, _ type: FrameType, _ machine: inout ClientStreamMachine<Connection.Call>, now: Nanoseconds
    ) throws(WireError) -> Effect {
        switch type {
        case .settings:
            let settings = try SettingsV1(payload: frame.payload)
            try machine.settingsReceived(settings)
            return .settings(settings)
        case .credit:
            try machine.creditReceived(nil, bytes: frame.credit, now: now)
            return .credited
        case .ping:
            try machine.cheapFrameReceived(now: now)
            return .ping
        case .pong:
            try machine.cheapFrameReceived(now: now)
            return .pong
        case .goAway:
            let goAway = try GoAway(payload: frame.payload)
            return .goAway(goAway, refused: machine.goAwayReceived(goAway))
        case .request, .response, .data, .trailers, .secrets, .cancel:
            return .none
        }
    }

    @inlinable
    func perform(_ effect: consuming Effect, _ frame: consuming Frame) throws(WireError) {
        switch consume effect {
        case .response(let action): try self.answer(action, consume frame)
        case .body(let action): self.receiveBody(action, consume frame)
        case let unusual: self.performUnusual(unusual, frame)
        }
    }

    @usableFromInline
    func performUnusual(_ effect: Effect, _ frame: Frame) {
        switch effect {
        case .none, .response:
            break
        case .body(let action):
            self.receiveBody(action, frame)
        case .cancelled(let action, let code):
            self.serverCancelled(action, code, frame)
        case .keepSecrets:
            if let id = frame.header.stream { self.secrets[id.rawValue] = frame.payload }
        case .credited:
            let isWorthIt = frame.header.stream.map { self.senders.wake($0) } ?? self.senders.wakeAll()
            if isWorthIt { self.driver?.scheduleFlush() }
        case .ping:
            self.connection.state.withLock { $0.outbox.pong(frame.payload) }
            self.driver?.scheduleFlush()
        case .pong:
            self.liveliness.pongReceived()
        case .settings(let settings):
            self.output.peerAccepts(windowLog: settings.zstdWindowLog)
            self.settled()
        case .goAway(let goAway, let refused):
            self.serverLeaves(goAway, refused)
        }
    }

    // MARK: Answers

    @inlinable
    func answer(
        _ action: consuming ClientStreamMachine<Connection.Call>.ResponseAction, _ frame: consuming Frame
    ) throws(WireError) {
        let header = frame.header
        switch consume action {
        case .complete(let call), .completeEarly(let call):
            let payload = try self.payload(consume frame, answering: call)
            self.finish(call, with: self.message(payload, nil, header))
        case let unusual:
            try self.answerUnusually(unusual, frame)
        }
    }

    @usableFromInline
    func answerUnusually(
        _ action: ClientStreamMachine<Connection.Call>.ResponseAction, _ frame: Frame
    ) throws(WireError) {
        guard let id = frame.header.stream else { return }
        switch action {
        case .complete, .completeEarly:
            break
        case .drop, .acknowledged:
            if !self.secrets.isEmpty { self.secrets[id.rawValue] = nil }
        case .violated(let call, let code):
            self.connection.state.withLock { $0.outbox.cancel(id, code) }
            self.driver?.scheduleFlush()
            self.senders.remove(id)
            call.completion?.fail(
                RPCError(
                    .unacceptableAnswer, "There were more informational answers than the limit before a final one.",
                    possiblyExecuted: true))
        case .inform(let call):
            let payload = try MessagePayload(frame, headLimit: self.connection.configuration.maxHeadSize)
            switch self.connection.codec.decodeResponse(
                self.message(payload, nil, frame.header), context: call.context)
            {
            case .response(let response): call.completion?.inform(response)
            case .refused(let error): self.connection.cancel(id, code: .malformed, failing: error)
            }
        case .begin(let call):
            let payload = try self.payload(frame, answering: call)
            let pipe = self.receivers.begin(id, first: payload.body, producer: self.producer(of: id))
            self.armClock()
            if !self.finish(call, with: self.message(payload, pipe, frame.header)) {
                self.connection.cancel(id, code: .malformed)
                // Nobody reads it.
                pipe.cancel()
            }
        }
    }

    /// What is in a RESPONSE. The machine has forgotten its call: if the frame breaks a rule, nobody else tells the caller.
    @inlinable
    func payload(
        _ frame: consuming Frame, answering call: borrowing Connection.Call
    ) throws(WireError) -> MessagePayload {
        do throws(WireError) {
            return try MessagePayload(frame, headLimit: self.connection.configuration.maxHeadSize)
        } catch {
            call.completion?.fail(
                RPCError(.protocolViolation, error.message, possiblyExecuted: true, cause: error))
            throw error
        }
    }

    /// Hands an answer to its caller. False if it was not acceptable.
    @discardableResult
    @inlinable
    func finish(_ call: Connection.Call, with message: consuming InboundMessage) -> Bool {
        guard let completion = call.completion else { return true }
        switch self.connection.codec.decodeResponse(consume message, context: call.context) {
        case .response(let response):
            completion.succeed(response)
            return true
        case .refused(let error):
            completion.fail(error)
            return false
        }
    }

    /// A message whose body is in its frame, or comes through `pipe`.
    @inlinable
    func message(_ payload: consuming MessagePayload, _ pipe: BodyPipe?, _ header: FrameHeader) -> InboundMessage {
        let secrets =
            self.secrets.isEmpty
            ? nil : header.stream.flatMap { self.secrets.removeValue(forKey: $0.rawValue) }
        return InboundMessage(payload, secrets: secrets, pipe: pipe, flags: header.flags)
    }

    @usableFromInline
    func serverCancelled(
        _ action: ClientStreamMachine<Connection.Call>.CancelledAction, _ code: ErrorCode, _ frame: Frame
    ) {
        guard let id = frame.header.stream else { return }
        self.secrets[id.rawValue] = nil
        // A server that refuses is about to leave. The next calls, and this one's second attempt, get another connection
        // (V1-52).
        if code == .refused { self.connection.drain() }
        switch action {
        case .none:
            break
        case .fail(let call, let stopsRequest):
            if stopsRequest { self.stopRequest(id) }
            call.completion?.fail(RPCError(answeredBy: code))
        case .breakOff(let stopsRequest):
            if stopsRequest { self.stopRequest(id) }
            self.receivers.fail(id, RPCError(answeredBy: code))
        case .stopRequest:
            self.stopRequest(id)
        }
    }

    /// The server does not want the rest of a request.
    private func stopRequest(_ id: CallID) {
        self.senders.remove(id)
        self.connection.state.withLock { $0.outbox.cancel(id, .noError) }
        self.driver?.scheduleFlush()
    }

    @usableFromInline
    func serverLeaves(_ goAway: GoAway, _ refused: [(id: CallID, call: Connection.Call)]) {
        for (id, call) in refused {
            self.senders.remove(id)
            call.completion?.fail(RPCError(answeredBy: .refused))
        }
        guard goAway.code == .noError else {
            return self.fail(
                RPCError(.connectionClosed, "The server ended the connection (\(goAway.code)): \(goAway.text)"))
        }
        let waiting = self.connection.state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for call in waiting { call.completion?.fail(RPCError(answeredBy: .refused)) }
    }
}

extension Frame {
    /// What a CANCEL says.
    var cancelCode: ErrorCode {
        ErrorCode(rawValue: self.payload.getInteger(at: self.payload.readerIndex, endianness: .little) ?? 0)
    }

    /// The bytes that a CREDIT gives.
    var credit: Int {
        Int(self.payload.getInteger(at: self.payload.readerIndex, endianness: .little, as: UInt32.self) ?? 0)
    }
}

extension RPCError {
    /// What a terminal CANCEL means to the caller.
    init(answeredBy code: ErrorCode) {
        switch code {
        case .refused:
            self.init(.refused, "The server did not take the request: it may be sent again, elsewhere at best.")
        case .overloaded:
            self.init(.overloaded, "The server has too much to do for this request. Try again later.")
        case .deadline:
            self.init(.timedOut, "The server gave up the request at its deadline.", possiblyExecuted: true)
        case .malformed, .protocol, .tooLarge:
            let message = "The server does not accept the request (\(code))."
            self.init(.unsendable, message, possiblyExecuted: true, cause: WireError(.violation(code), message))
        default:
            self.init(
                .serverFailed, "The server gave the request up without an answer (\(code)).", possiblyExecuted: true)
        }
    }
}
