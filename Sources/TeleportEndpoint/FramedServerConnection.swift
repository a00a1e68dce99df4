public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One v1 connection of a server, as handlers see it: any thread may answer on it. The twin of ``ServerConnection``.
///
/// What handlers and the loop share is one value under one lock: the machine with its streams, and the frames that wait to
/// be sent. What only the loop touches is in ``FramedServerStream``.
@usableFromInline
final class FramedServerConnection: Sendable {
    @usableFromInline
    struct State: Sendable {
        @usableFromInline var machine: ServerStreamMachine<Cancellation>
        @usableFromInline var outbox = Outbox()
        /// How many informational answers each stream was given that has no final one yet.
        @usableFromInline var informed: [CallID: Int] = [:]

        @usableFromInline
        init(_ configuration: ServerConfiguration) {
            self.machine = ServerStreamMachine(
                limits: configuration.streamLimits, settings: configuration.settings)
        }
    }

    @usableFromInline typealias Signal = ConnectionSignal

    /// Runs tasks on the loop of the connection.
    @usableFromInline let executor: EventLoopExecutor
    @usableFromInline let load: RequestLoad
    @usableFromInline let batching: BatchingPolicy
    @usableFromInline let state: Mutex<State>
    /// Where the client connects from; set before the first request.
    @usableFromInline let remoteAddress = Mutex<SocketAddress?>(nil)
    /// Hands a signal to the stream; called on the loop.
    @usableFromInline let onSignal: NIOLoopBoundBox<((Signal) -> Void)?>
    /// Hands the body of an answer to the stream; called on the loop.
    let onBody: NIOLoopBoundBox<((CallID, OutboundRest, Bool) -> Void)?>
    /// Tells the stream that a request's body is not wanted any more; called on the loop.
    let onRequestOver: NIOLoopBoundBox<((CallID) -> Void)?>

    @usableFromInline
    init(executor: EventLoopExecutor, configuration: ServerConfiguration, load: RequestLoad) {
        self.executor = executor
        self.load = load
        self.batching = configuration.batching
        self.state = Mutex(State(configuration))
        self.onSignal = NIOLoopBoundBox.makeEmptyBox(eventLoop: executor.eventLoop)
        self.onBody = NIOLoopBoundBox.makeEmptyBox(eventLoop: executor.eventLoop)
        self.onRequestOver = NIOLoopBoundBox.makeEmptyBox(eventLoop: executor.eventLoop)
    }

    /// A handler has its answer.
    ///
    /// - Parameter isServersOwn: the server answers by itself, and the request took no place in its load.
    @inlinable
    func answer<Response>(
        _ token: StreamToken, with response: Response, _ encoding: FramedEncoding<Response>, isServersOwn: Bool
    ) {
        let message = encoding.message(response)
        let isTunnel = message.isTunnel
        let (inline, rest) = (consume message).body.split()
        if let rest {
            return self.answer(
                token, with: response, encoding, inline, rest, isTunnel: isTunnel, isServersOwn: isServersOwn)
        }
        let (signal, stopsRequest) = self.state.withLock { state -> (Signal, Bool) in
            let action = state.machine.requestAnswered(token)
            if action != .ignore, !isServersOwn { self.load.leave() }
            return self.append(action, response, encoding, inline, ends: true, to: &state)
        }
        if !signal.isEmpty { self.send(signal) }
        if stopsRequest { self.requestIsOver(token.id) }
    }

    @usableFromInline
    func answer<Response>(
        _ token: StreamToken, with response: Response, _ encoding: FramedEncoding<Response>, _ inline: ByteBuffer?,
        _ rest: OutboundRest, isTunnel: Bool, isServersOwn: Bool
    ) {
        let now = self.executor.eventLoop.now.uptimeNanoseconds
        let (signal, isSensitive) = self.state.withLock { state -> (Signal, Bool?) in
            let isAsked = !isTunnel || state.machine.asksForTunnel(token)
            let action = state.machine.answerBegun(token, now: now, grantsTunnel: isTunnel && isAsked)
            guard case .answer(_, let isSensitive, _) = action else {
                if action != .ignore, !isServersOwn { self.load.leave() }
                return (self.append(action, response, encoding, nil, ends: true, to: &state).signal, nil)
            }
            let signal = self.append(
                action, response, encoding, inline, ends: false, isTunnel: isTunnel,
                fault: isAsked ? nil : Self.tunnelNotAsked, to: &state
            ).signal
            // What could not be sent has an answer without a body instead, and has ended.
            return (signal, state.machine.isAnswering(token.id) ? isSensitive : nil)
        }
        if !signal.isEmpty { self.send(signal) }
        guard let isSensitive else { return rest.begin().cancel() }
        let (eventLoop, onBody) = (self.executor.eventLoop, self.onBody)
        if eventLoop.inEventLoop {
            onBody.value?(token.id, rest, isSensitive)
        } else {
            eventLoop.execute {
                guard let give = onBody.value else { return rest.begin().cancel() }
                give(token.id, rest, isSensitive)
            }
        }
    }

    /// An informational answer, before the final one.
    @usableFromInline
    func inform<Response>(_ token: StreamToken, with response: Response, _ encoding: FramedEncoding<Response>) {
        let signal = self.state.withLock { state -> Signal in
            let count = state.informed[token.id, default: 0]
            // Clients accept no more (V1-32).
            guard count < 8, let isSensitive = state.machine.mayInform(token) else { return [] }
            state.informed[token.id] = count + 1
            let before = state.outbox.count
            state.outbox.beginFrame(of: Outbox.typicalHead, isSensitive: isSensitive)
            var flags: FrameFlags = .interim
            if isSensitive { flags.insert(.sensitive) }
            guard (try? self.append(response, encoding, nil, token.id, flags, to: &state)) != nil else { return [] }
            return self.flushSignal(&state, before: before)
        }
        if !signal.isEmpty { self.send(signal) }
    }

    /// Encodes what the machine decided.
    @inlinable
    func append<Response>(
        _ action: ServerStreamMachine<Cancellation>.AnswerAction, _ response: Response,
        _ encoding: FramedEncoding<Response>, _ inline: ByteBuffer?, ends: Bool, isTunnel: Bool = false,
        fault: RPCError? = nil, to state: inout State
    ) -> (signal: Signal, stopsRequest: Bool) {
        let before = state.outbox.count
        var stops = false
        switch action {
        case .ignore:
            return ([], false)
        case .answer(let id, let isSensitive, let stopsRequest):
            state.outbox.beginFrame(
                of: Outbox.typicalHead + (inline?.readableBytes ?? 0), isSensitive: isSensitive)
            var flags: FrameFlags = ends ? .end : []
            if isSensitive { flags.insert(.sensitive) }
            do throws(RPCError) {
                if let fault { throw fault }
                try self.append(
                    response, encoding, inline, id, isTunnel ? flags.union(.tunnel) : flags, to: &state)
            } catch {
                if isTunnel { state.machine.tunnelRefused(id) }
                self.appendSubstitute(for: error, encoding, id, flags, to: &state)
            }
            stops = stopsRequest
            if stopsRequest { state.outbox.cancel(id, .noError) }
        case .acknowledge(let id, let isSensitive):
            state.outbox.beginFrame(of: FrameHeader.headerLength + 3, isSensitive: isSensitive)
            FrameHeader(.response, length: 3, flags: isSensitive ? [.end, .sensitive] : .end, stream: id)
                .encode(into: &state.outbox.messages)
            state.outbox.messages.writeRepeatingByte(0, count: 3)
        case .cancel(let id, let code):
            state.outbox.cancel(id, code)
        }
        if !state.informed.isEmpty, let id = action.stream { state.informed[id] = nil }
        var signal = self.flushSignal(&state, before: before)
        if state.machine.isFinished { signal.insert(.finish) }
        return (signal, stops)
    }

    @inlinable
    func append<Response>(
        _ response: Response, _ encoding: FramedEncoding<Response>, _ inline: ByteBuffer?, _ id: CallID,
        _ flags: FrameFlags, to state: inout State
    ) throws(RPCError) {
        let start = state.outbox.messages.writerIndex
        let limit = state.machine.peerHeadLimit
        let hasSecrets = try state.outbox.message(.response, flags: flags, stream: id, body: inline) {
            buffer, secrets throws(RPCError) in
            let start = buffer.writerIndex
            try encoding.head(response, &buffer, &secrets)
            let count = buffer.writerIndex - start
            guard count + secrets.readableBytes <= limit else { throw Self.headTooLarge }
        }
        guard hasSecrets else { return }
        let isSensitive = flags.contains(.sensitive)
        if state.informed[id] == nil {
            state.outbox.placeSecrets(of: id, isSensitive: isSensitive)
        } else {
            state.outbox.placeSecretsInFront(of: id, isSensitive: isSensitive, from: start)
        }
    }

    @usableFromInline
    static var tunnelNotAsked: RPCError {
        RPCError(.unsendable, "The answer grants a tunnel that its request does not ask for (V1-70).")
    }

    @usableFromInline
    static var headTooLarge: RPCError {
        RPCError(.unsendable, "The head of the answer is larger than the client accepts.")
    }

    /// An answer that cannot be sent is replaced by one that says so; if that cannot be sent either, by CANCEL.
    @usableFromInline
    func appendSubstitute<Response>(
        for error: RPCError, _ encoding: FramedEncoding<Response>, _ id: CallID, _ flags: FrameFlags,
        to state: inout State
    ) {
        let response = encoding.substitute(error)
        let (inline, _) = encoding.message(response).body.split()
        do throws(RPCError) {
            try self.append(response, encoding, inline, id, flags.union(.end), to: &state)
            if !flags.contains(.end) { _ = state.machine.dataEncoded(id, count: 0, ends: true) }
        } catch {
            if !flags.contains(.end) { _ = state.machine.dataEncoded(id, count: 0, ends: true) }
            state.outbox.cancel(id, .internal)
        }
    }

    @inlinable
    func flushSignal(_ state: inout State, before: Int) -> Signal {
        var signal: Signal = []
        if !state.outbox.isFlushRequested {
            state.outbox.isFlushRequested = true
            signal.insert(.flush)
        }
        // Said once: when the batch passes the cap.
        if before < self.batching.byteCap, state.outbox.count >= self.batching.byteCap { signal.insert(.flushNow) }
        return signal
    }

    @inlinable
    func handlerStarted(_ token: StreamToken, _ cancellation: Cancellation) {
        if !self.state.withLock({ $0.machine.handlerStarted(token, handle: cancellation) }) { cancellation() }
    }

    @usableFromInline
    func requestIsOver(_ id: CallID) {
        self.executor.eventLoop.execute { [onRequestOver] in onRequestOver.value?(id) }
    }

    /// Tells the loop; one wake-up.
    @inlinable
    func send(_ signal: Signal) {
        if self.executor.eventLoop.inEventLoop {
            self.onSignal.value?(signal)
        } else {
            self.executor.eventLoop.execute { self.onSignal.value?(signal) }
        }
    }
}

extension ServerStreamMachine.AnswerAction {
    /// The stream that it is about.
    @usableFromInline
    var stream: CallID? {
        switch self {
        case .answer(let id, _, _), .acknowledge(let id, _), .cancel(let id, _): id
        case .ignore: nil
        }
    }
}
