internal import NIOCore
internal import Synchronization
internal import TeleportRPC
internal import TeleportTransport
internal import TeleportWire

/// From received bytes to handlers, and when not to read.
extension FramedServerStream {
    func received(_ bytes: inout ByteBuffer) {
        if case .awaitingPreface = self.phase {
            guard self.receivePreface(&bytes) else { return }
        }
        guard self.isOpen, !self.pause.contains(.over) else { return }
        // One look at the clock for all: what came at once came at the same time.
        let now = self.now
        self.liveliness.bytesReceived(now: now)
        self.input.beginTurn()
        defer { self.chargeForBlocks(now: now) }
        do throws(WireError) {
            while self.isOpen, self.pause.isEmpty, !self.input.isTurnOver {
                guard let frame = try self.input.next(&bytes) else { return }
                try self.handle(consume frame, now: now)
            }
        } catch {
            return self.violated(error)
        }
        guard self.isOpen, self.pause.isEmpty, self.input.isTurnOver else { return }
        self.pauseReading(.yielding)
        self.connection.executor.eventLoop.assumeIsolated().execute { self.resumeReading(.yielding) }
    }

    /// Blocks that cost more than they say are paid for (V1-77).
    private func chargeForBlocks(now: Nanoseconds) {
        let count = self.input.takeCheapBlocks()
        guard count > 0, self.isOpen else { return }
        do throws(WireError) {
            try self.connection.state.withLock { state throws(WireError) in
                for _ in 0..<count { try state.machine.cheapFrameReceived(now: now) }
            }
        } catch {
            self.violated(error)
        }
    }

    /// - Returns: whether the connection is open now and there may be more to read.
    private func receivePreface(_ bytes: inout ByteBuffer) -> Bool {
        do throws(WireError) {
            guard let preface = try PrefaceV1.decode(identity: self.configuration.framedIdentity, from: &bytes) else {
                return false
            }
            self.established(preface)
            return true
        } catch {
            self.fail(RPCError(.handshakeFailed, "The client's handshake is not acceptable.", cause: error))
            return false
        }
    }

    private func established(_ preface: PrefaceV1) {
        self.phase = .open
        self.output.peerDecodes(preface.decodes)
        self.driver?.setDeadline(nil)
        var bytes = ByteBuffer()
        PrefaceV1(decodes: .all).encode(identity: self.configuration.framedIdentity, into: &bytes)
        self.ahead = bytes
        self.connection.state.withLock { $0.outbox.settings(self.configuration.settings) }
        self.driver?.flush()
        self.armClock()
    }

    private func handle(_ frame: consuming Frame, now: Nanoseconds) throws(WireError) {
        let header = frame.header
        if header.type == .request, let id = header.stream {
            return try self.request(id, header, consume frame, now: now)
        }
        try self.handleUnusual(frame, now: now)
    }

    private func handleUnusual(_ frame: Frame, now: Nanoseconds) throws(WireError) {
        guard let id = frame.header.stream else { return try self.handleConnection(frame, now: now) }
        let flags = frame.header.flags
        switch frame.header.type {
        case .data:
            let action = try self.withMachine { machine throws(WireError) in
                try machine.dataReceived(
                    id, count: frame.header.length, ends: flags.contains(.end),
                    isSensitive: flags.contains(.sensitive), now: now)
            }
            self.receiveBody(action, frame)
            // The other half of a tunnel may be what a drain waits for.
            if flags.contains(.end) { self.finishIfDone() }
        case .trailers:
            let action = try self.withMachine { machine throws(WireError) in
                try machine.trailersReceived(
                    id, ends: flags.contains(.end), isSensitive: flags.contains(.sensitive))
            }
            self.receiveBody(action, frame)
        case .secrets:
            let isWanted = try self.withMachine { machine throws(WireError) in
                try machine.secretsReceived(
                    id, bytes: frame.header.length, isSensitive: flags.contains(.sensitive))
            }
            if isWanted { self.secrets[id.rawValue] = frame.payload }
        case .cancel:
            self.clientCancelled(
                id, try self.withMachine { machine throws(WireError) in try machine.cancelReceived(id, now: now) })
        case .credit:
            try self.withMachine { machine throws(WireError) in
                try machine.creditReceived(id, bytes: frame.credit, now: now)
            }
            if self.senders.wake(id) { self.driver?.scheduleFlush() }
        case .response:
            throw WireError(.violation(.stream), "A client sent a RESPONSE (V1-34).")
        case .request, .settings, .ping, .pong, .goAway, nil:
            try self.withMachine { machine throws(WireError) in try machine.cheapFrameReceived(now: now) }
        }
    }

    private func handleConnection(_ frame: Frame, now: Nanoseconds) throws(WireError) {
        switch frame.header.type {
        case .settings:
            let settings = try SettingsV1(payload: frame.payload)
            try self.connection.state.withLock { state throws(WireError) in
                try state.machine.settingsReceived(settings)
            }
            self.output.peerAccepts(windowLog: settings.zstdWindowLog)
        case .credit:
            try self.withMachine { machine throws(WireError) in
                try machine.creditReceived(nil, bytes: frame.credit, now: now)
            }
            if self.senders.wakeAll() { self.driver?.scheduleFlush() }
        case .ping:
            try self.withMachine { machine throws(WireError) in try machine.cheapFrameReceived(now: now) }
            self.connection.state.withLock { $0.outbox.pong(frame.payload) }
            self.driver?.scheduleFlush()
        case .pong:
            try self.withMachine { machine throws(WireError) in try machine.cheapFrameReceived(now: now) }
            self.pongReceived(frame.payload)
        case .goAway:
            try self.withMachine { _ throws(WireError) in }
            let goAway = try GoAway(payload: frame.payload)
            guard goAway.code != .noError else { return }
            self.fail(
                RPCError(.connectionClosed, "The client ended the connection (\(goAway.code)): \(goAway.text)"))
        case .request, .response, .data, .trailers, .secrets, .cancel, nil:
            try self.withMachine { machine throws(WireError) in try machine.cheapFrameReceived(now: now) }
        }
    }

    /// Under the lock; SETTINGS have to have come.
    private func withMachine<Value>(
        _ body: (inout ServerStreamMachine<Cancellation>) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        try self.connection.state.withLock { state throws(WireError) -> Value in
            try state.machine.checkSettled()
            return try body(&state.machine)
        }
    }

    // MARK: Requests

    private func request(
        _ id: CallID, _ header: FrameHeader, _ frame: consuming Frame, now: Nanoseconds
    ) throws(WireError) {
        let flags = header.flags
        let payload = try MessagePayload(frame, headLimit: self.configuration.maxHeadSize)
        guard !flags.contains(.noReply) || flags.contains(.end) else {
            throw WireError(.violation(.frame), "A REQUEST with NO_REPLY and without END (V1-21).")
        }
        let deadline = payload.deadline.map { now + .milliseconds(UInt64($0)) } ?? .never
        let (action, isSooner) = try self.connection.state.withLock {
            state throws(WireError) -> (ServerStreamMachine<Cancellation>.RequestAction, Bool) in
            try state.machine.checkSettled()
            let before = state.machine.nextDeadline
            let action = try state.machine.requestReceived(
                id, flags: flags, bytes: header.length, deadline: deadline, now: now)
            return (action, state.machine.nextDeadline < before)
        }
        if isSooner { self.timer?.set(.uptimeNanoseconds(deadline)) }
        let secrets = self.secrets.isEmpty ? nil : self.secrets.removeValue(forKey: id.rawValue)
        switch action {
        case .drop:
            break
        case .refuse(let code):
            self.connection.state.withLock { $0.outbox.cancel(id, code) }
            self.driver?.scheduleFlush()
        case .dispatch(let token):
            self.dispatch(token, payload, secrets, flags, deadline)
        }
    }

    private func dispatch(
        _ token: StreamToken, _ payload: consuming MessagePayload, _ secrets: ByteBuffer?, _ flags: FrameFlags,
        _ deadline: Nanoseconds
    ) {
        var pipe: BodyPipe?
        if !flags.contains(.end) {
            pipe = self.receivers.begin(token.id, first: payload.body, producer: self.producer(of: token.id))
            self.armClock()
        }
        self.dispatch(
            // A request is never interim, whatever its flags.
            InboundMessage(payload, secrets: secrets, pipe: pipe, flags: flags.subtracting(.interim)),
            StreamRequest(token: token, isOneWay: flags.contains(.noReply), deadline: deadline))
    }

    private func clientCancelled(_ id: CallID, _ action: ServerStreamMachine<Cancellation>.CancelledAction) {
        // The handler's task is cancelled before its body breaks off, so that it can tell why it does.
        if case .stop(let cancel) = action { cancel?() }
        self.receivers.fail(id, RPCError(.cancelled, "The client gave the request up.", possiblyExecuted: true))
        switch action {
        case .none:
            self.finishIfDone()
        case .stop:
            break
        case .breakOff:
            self.senders.remove(id)
            self.connection.load.leave()
            self.connection.state.withLock { $0.outbox.cancel(id, .cancelled) }
            self.driver?.scheduleFlush()
            self.finishIfDone()
        }
    }

    // MARK: When not to read

    func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        guard self.pause.isEmpty, let driver = self.driver else { return }
        // What was expanded before the pause comes first; then what the driver holds.
        var nothing = ByteBuffer()
        self.received(&nothing)
        if self.pause.isEmpty { driver.resumeReading() }
    }

    /// While the peer does not read its answers, its requests are not read.
    func updateBackPressure() {
        guard self.driver != nil, self.isOpen else { return }
        let waiting = self.connection.state.withLock { $0.outbox.count }
        if waiting > self.configuration.outboundHighMark {
            self.pauseReading(.outboundFull)
        } else {
            self.resumeReading(.outboundFull)
        }
    }
}
