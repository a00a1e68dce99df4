public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One v1 connection of a client, as callers see it: any thread may make calls on it. The twin of ``ClientConnection``.
///
/// One value under one lock: the machine with its streams, the frames that wait to be sent, and the calls that wait for a
/// place. What only the loop touches is in ``FramedClientStream``.
@usableFromInline
final class FramedClientConnection<Codec: FramedCodec, Completion: CallCompletion>: Sendable
where Completion.Response == Codec.Response {
    /// What the machine keeps of a call.
    @usableFromInline
    struct Call: Sendable {
        /// `nil` for a one-way request.
        @usableFromInline let completion: Completion?
        @usableFromInline let context: Codec.FramedContext

        @inlinable
        init(completion: Completion?, context: Codec.FramedContext) {
            self.completion = completion
            self.context = context
        }
    }

    /// A call for which there is no place yet.
    @usableFromInline
    struct Waiting: Sendable {
        @usableFromInline let request: Codec.Request
        @usableFromInline let deadline: Nanoseconds
        @usableFromInline let completion: Completion?
        @usableFromInline let handle: WaitingCall
    }

    /// A body that goes on behind the first frame of its request.
    @usableFromInline
    struct Upload: Sendable {
        let id: CallID
        let rest: OutboundRest
        let isSensitive: Bool

        @usableFromInline
        init(id: CallID, rest: OutboundRest, isSensitive: Bool) {
            self.id = id
            self.rest = rest
            self.isSensitive = isSensitive
        }
    }

    @usableFromInline
    struct State: Sendable {
        @usableFromInline var machine: ClientStreamMachine<Call>
        @usableFromInline var outbox = Outbox()
        @usableFromInline var waiting: CircularBuffer<Waiting> = []
        /// The earliest deadline of those that wait.
        @usableFromInline var earliestWaiting = Nanoseconds.never
        /// One-way messages were taken, which nobody else waits for.
        @usableFromInline var hasOneWay = false
        /// No new calls are taken; those that wait still get their places.
        @usableFromInline var isDraining = false

        @usableFromInline
        init(_ configuration: ClientConfiguration) {
            self.machine = ClientStreamMachine(
                limits: configuration.limits, streamLimits: configuration.streamLimits,
                settings: configuration.settings)
        }

        var nextDeadline: Nanoseconds { Swift.min(self.machine.nextDeadline, self.earliestWaiting) }

        /// Whether nothing is under way any more on a connection that takes no calls. Those that wait for a place have it
        /// first.
        @usableFromInline
        mutating func isFinished() -> Bool {
            guard self.waiting.isEmpty else { return false }
            if self.isDraining { self.machine.drainStarted() }
            return self.machine.isFinished
        }

        /// The calls that wait, if the connection will have no places any more: they are to be made elsewhere. The caller
        /// owns their completions.
        mutating func takeStranded() -> [Waiting] {
            guard !self.waiting.isEmpty, !self.machine.isAccepting else { return [] }
            defer { self.waiting = [] }
            return Array(self.waiting)
        }
    }

    @usableFromInline typealias Signal = ConnectionSignal

    /// A call that was made.
    @usableFromInline
    enum Ticket: Sendable {
        case made(CallID)
        case waiting(WaitingCall)
    }

    @usableFromInline let codec: Codec
    @usableFromInline let configuration: ClientConfiguration
    /// The loop that the connection lives on.
    @usableFromInline let eventLoop: any EventLoop
    /// Why the attempt before this one failed, for calls that time out while waiting for the next.
    @usableFromInline let lastConnectFailure: RPCError?
    @usableFromInline let state: Mutex<State>
    @usableFromInline let stream: NIOLoopBoundBox<FramedClientStream<Codec, Completion>?>

    @inlinable
    init(
        codec: Codec, configuration: ClientConfiguration, eventLoop: any EventLoop, lastConnectFailure: RPCError?
    ) {
        self.codec = codec
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.lastConnectFailure = lastConnectFailure
        self.state = Mutex(State(configuration))
        self.stream = NIOLoopBoundBox.makeEmptyBox(
            valueType: FramedClientStream<Codec, Completion>.self, eventLoop: eventLoop)
    }

    /// Makes a call, or keeps it until there is a place for it. `completion` is resolved later, exactly once, unless this
    /// throws: then it never is. Without one nobody waits for an answer.
    ///
    /// - Throws: ``RPCError`` `.tooManyPending`, `.outboundBufferFull`, `.unsendable`; `nil` is returned if this
    ///   connection takes no new calls: use another one.
    @inlinable
    func call(
        _ request: Codec.Request, deadline: Nanoseconds, now: Nanoseconds, completion: Completion?
    ) throws(RPCError) -> Ticket? {
        let message = self.codec.outboundRequest(request)
        let (ticket, signal, upload) = try self.state.withLock { state throws(RPCError) -> (Ticket?, Signal, Upload?) in
            guard !state.isDraining else { return (nil, [], nil) }
            guard state.machine.pendingCount + state.waiting.count < self.configuration.limits.maxPending else {
                throw self.tooManyPending
            }
            guard state.waiting.isEmpty, case .admit(let id) = state.machine.callRequested() else {
                let (handle, signal) = self.keepWaiting(request, deadline, completion, &state)
                return (handle.map { .waiting($0) }, signal, nil)
            }
            var signal: Signal = []
            let upload = try self.append(
                request, message, id: id, deadline: deadline, now: now, completion: completion, &state, &signal)
            return (.made(id), signal, upload)
        }
        if let upload { self.start(upload) }
        if !signal.isEmpty { self.send(signal) }
        return ticket
    }

    /// Encodes a request under an id that was admitted.
    ///
    /// - Returns: the rest of its body, if there is any.
    @inlinable
    func append(
        _ request: Codec.Request, _ message: consuming OutboundMessage, id: CallID, deadline: Nanoseconds,
        now: Nanoseconds,
        completion: Completion?, _ state: inout State, _ signal: inout Signal
    ) throws(RPCError) -> Upload? {
        guard state.outbox.count < self.configuration.maxOutboundBytes else { throw self.outboundBufferFull }
        let before = state.outbox.count
        let (isSensitive, isTunnel) = (message.isSensitive, message.isTunnel)
        let (inline, rest) = (consume message).body.split()
        guard rest == nil || completion != nil else { throw self.oneWayTooLarge }
        var frameFlags: FrameFlags = rest == nil ? .end : []
        var callFlags: CallFlags = rest == nil ? [] : .streamsBody
        if completion == nil {
            frameFlags.insert(.noReply)
            callFlags.insert(.oneWay)
            state.hasOneWay = true
        }
        if isSensitive {
            frameFlags.insert(.sensitive)
            callFlags.insert(.sensitive)
        }
        if isTunnel { frameFlags.insert(.tunnel) }
        state.outbox.beginFrame(
            of: Outbox.typicalHead + (inline?.readableBytes ?? 0), isSensitive: isSensitive)
        let remaining = deadline == .never ? nil : Self.milliseconds(deadline, now)
        let headLimit = state.machine.peerHeadLimit
        var context: Codec.FramedContext?
        let hasSecrets = try state.outbox.message(
            .request, flags: frameFlags, stream: id, deadline: remaining, body: inline
        ) { buffer, secrets throws(RPCError) in
            let start = buffer.writerIndex
            context = try self.codec.encodeHead(request: request, into: &buffer, secrets: &secrets)
            let count = buffer.writerIndex - start
            guard count + secrets.readableBytes <= headLimit else { throw self.headTooLarge }
        }
        guard let context else { return nil }
        if hasSecrets { state.outbox.placeSecrets(of: id, isSensitive: isSensitive) }
        self.requestFlush(&state, before: before, &signal)
        if state.machine.callEncoded(
            id, deadline: deadline, flags: callFlags, call: Call(completion: completion, context: context), now: now)
        {
            signal.insert(.deadlineMoved)
        }
        return rest.map { Upload(id: id, rest: $0, isSensitive: isSensitive) }
    }

    @inlinable
    func requestFlush(_ state: inout State, before: Int, _ signal: inout Signal) {
        if !state.outbox.isFlushRequested {
            state.outbox.isFlushRequested = true
            signal.insert(.flush)
        }
        // Said once: when the batch passes the cap.
        let cap = self.configuration.batching.byteCap
        if before < cap, state.outbox.count >= cap { signal.insert(.flushNow) }
    }

    /// What is left until a deadline, as V1-38 has it.
    @inlinable
    static func milliseconds(_ deadline: Nanoseconds, _ now: Nanoseconds) -> UInt32 {
        deadline <= now ? 1 : UInt32(clamping: (deadline - now + 999_999) / 1_000_000)
    }

    @usableFromInline
    func keepWaiting(
        _ request: Codec.Request, _ deadline: Nanoseconds, _ completion: Completion?, _ state: inout State
    ) -> (WaitingCall?, Signal) {
        guard state.machine.isAccepting else { return (nil, []) }
        let handle = WaitingCall()
        state.waiting.append(
            Waiting(request: request, deadline: deadline, completion: completion, handle: handle))
        if completion == nil { state.hasOneWay = true }
        guard deadline < state.earliestWaiting else { return (handle, []) }
        state.earliestWaiting = deadline
        return (handle, .deadlineMoved)
    }

    /// Gives up a call: its completion fails at once. Does nothing if it ended already.
    @usableFromInline
    func cancel(_ ticket: Ticket) {
        switch ticket {
        case .made(let id):
            self.cancel(id)
        case .waiting(let handle):
            let (waiting, isFinished) = self.state.withLock { state -> (Waiting?, Bool) in
                guard let index = state.waiting.firstIndex(where: { $0.handle === handle }) else { return (nil, false) }
                let waiting = state.waiting.remove(at: index)
                return (waiting, state.isFinished())
            }
            guard let waiting else { return handle.cancel() }
            waiting.completion?.fail(RPCError(.cancelled, "The call was cancelled before it was sent."))
            if isFinished { self.send(.close) }
        }
    }

    /// Gives up a stream, with this code as the reason that the server is told.
    func cancel(_ id: CallID, code: ErrorCode = .cancelled, failing error: RPCError? = nil) {
        let (call, signal, stranded) = self.state.withLock { state -> (Call?, Signal?, [Waiting]) in
            var signal: Signal = []
            let before = state.outbox.count
            switch state.machine.callCancelled(id) {
            case .none:
                return (nil, nil, [])
            case .stop:
                state.outbox.cancel(id, code)
                self.requestFlush(&state, before: before, &signal)
                return (nil, signal, state.takeStranded())
            case .cancel(let call):
                state.outbox.cancel(id, code)
                self.requestFlush(&state, before: before, &signal)
                return (call, signal, state.takeStranded())
            }
        }
        call?.completion?.fail(error ?? RPCError(.cancelled, "The call was cancelled.", possiblyExecuted: true))
        for call in stranded { call.completion?.fail(RPCError(answeredBy: .refused)) }
        // Also if a flush is on its way already: there may be bodies.
        if let signal { self.send(signal, dropping: id) }
    }

    /// The server speaks v0 (V1-5): the calls that wait are made there, and then `switchOver` is called, before anybody can
    /// make a call that would overtake them.
    @inlinable
    func handOver(
        to other: ClientConnection<Codec, Completion>, switchOver: () -> Void
    ) where Codec: SelfDelimitingCodec {
        while let waiting = self.takeWaiting(orElse: switchOver) {
            for call in waiting { self.handOver(call, to: other) }
        }
    }

    @inlinable
    func handOver(_ call: Waiting, to other: ClientConnection<Codec, Completion>) where Codec: SelfDelimitingCodec {
        guard let completion = call.completion else {
            _ = try? other.sendOneWay(call.request)
            return
        }
        do throws(RPCError) {
            guard let id = try other.call(call.request, deadline: call.deadline, completion: completion) else {
                return completion.fail(RPCError(.shuttingDown, "The client is shutting down and takes no new calls."))
            }
            call.handle.placed { other.cancel(id) }
        } catch {
            completion.fail(self.codec.isStreamed(request: call.request) ? error.ofStreamOnV0 : error)
        }
    }

    /// Gives the calls that wait to the caller, who owns their completions. If there are none, takes no more, and calls
    /// `close`, under the lock.
    @usableFromInline
    func takeWaiting(orElse close: () -> Void) -> [Waiting]? {
        let waiting = self.state.withLock { state -> CircularBuffer<Waiting> in
            if state.waiting.isEmpty {
                _ = state.machine.connectionClosed()
                close()
            }
            defer { state.waiting = [] }
            return state.waiting
        }
        return waiting.isEmpty ? nil : Array(waiting)
    }

    /// Takes no new calls, and closes when those under way have ended.
    @inlinable
    func drain() {
        let isFinished = self.state.withLock { state in
            state.isDraining = true
            return state.isFinished()
        }
        if isFinished { self.send(.close) }
    }

    /// Tells the loop; one wake-up.
    @inlinable
    func send(_ signal: Signal) {
        if self.eventLoop.inEventLoop {
            self.stream.value?.signalled(signal)
        } else {
            self.eventLoop.execute { self.stream.value?.signalled(signal) }
        }
    }

    func send(_ signal: Signal, dropping id: CallID) {
        // Never in place: the caller may be the consumer of one of the bodies.
        self.eventLoop.execute {
            self.stream.value?.dropBodies(of: id)
            self.stream.value?.signalled(signal)
        }
    }

    @usableFromInline
    func start(_ upload: Upload) {
        if self.eventLoop.inEventLoop {
            self.stream.value?.started(upload)
        } else {
            self.eventLoop.execute { self.stream.value?.started(upload) }
        }
    }

    // MARK: Refusals

    @usableFromInline
    var tooManyPending: RPCError {
        RPCError(
            .tooManyPending,
            """
            \(self.configuration.limits.maxPending) calls are pending on the connection already. Raise the limit, open \
            more connections, or make fewer calls at once.
            """)
    }

    @usableFromInline
    var outboundBufferFull: RPCError {
        RPCError(
            .outboundBufferFull,
            """
            More than \(self.configuration.maxOutboundBytes) bytes wait to be sent: the server reads more slowly than \
            calls are made.
            """)
    }

    @usableFromInline
    var oneWayTooLarge: RPCError {
        RPCError(.unsendable, "The body of a one-way request has to be complete, and at most 64 KiB.")
    }

    @usableFromInline
    var headTooLarge: RPCError {
        RPCError(.unsendable, "The head of the message is larger than the peer accepts.")
    }
}
