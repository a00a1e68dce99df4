public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// One connection of a client, as callers see it: any thread may make calls on it.
///
/// Everything that callers and the loop share is in one value under one lock: the machine with its pending table, and
/// the bytes that wait to be sent. A caller locks once to be admitted, encode and take its place; the loop locks once a
/// batch. Completions run after the lock was released, always.
///
/// What only the loop touches is in ``ClientStream``.
@usableFromInline
final class ClientConnection<Codec: SelfDelimitingCodec, Completion: CallCompletion>: Sendable
where Completion.Response == Codec.Response {
    /// What the pending table keeps of a call.
    @usableFromInline
    struct Call: Sendable {
        @usableFromInline let completion: Completion
        @usableFromInline let context: Codec.CallContext

        @inlinable
        init(completion: Completion, context: Codec.CallContext) {
            self.completion = completion
            self.context = context
        }
    }

    @usableFromInline
    struct State: Sendable {
        @usableFromInline var machine: ClientStateMachine<Call>
        /// Encoded messages that were not handed to the transport. The callers append, the loop takes.
        @usableFromInline var outbound = ByteBuffer()
        /// The loop knows already that something waits.
        @usableFromInline var isFlushRequested = false
        /// Among the messages that wait is one that nobody waits for the answer of.
        @usableFromInline var hasOneWay = false

        @inlinable
        init(limits: ClientLimits) {
            self.machine = ClientStateMachine(limits: limits)
        }
    }

    @usableFromInline typealias Signal = ConnectionSignal

    @usableFromInline let codec: Codec
    @usableFromInline let configuration: ClientConfiguration
    /// The loop that the connection lives on.
    @usableFromInline let eventLoop: any EventLoop
    /// Why the attempt before this one failed, for calls that time out while waiting for the next.
    @usableFromInline let lastConnectFailure: RPCError?
    @usableFromInline let state: Mutex<State>
    @usableFromInline let stream: NIOLoopBoundBox<ClientStream<Codec, Completion>?>

    @inlinable
    init(
        codec: Codec, configuration: ClientConfiguration, eventLoop: any EventLoop, lastConnectFailure: RPCError?
    ) {
        self.codec = codec
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.lastConnectFailure = lastConnectFailure
        self.state = Mutex(State(limits: configuration.limits))
        self.stream = NIOLoopBoundBox.makeEmptyBox(
            valueType: ClientStream<Codec, Completion>.self, eventLoop: eventLoop)
    }

    /// Makes a call. `completion` is resolved later, exactly once, unless this throws: then it never is.
    ///
    /// - Throws: ``RPCError`` `.tooManyPending`, `.outboundBufferFull`, `.unsendable`; `nil` is returned if this
    ///   connection takes no new calls: use another one.
    @inlinable
    func call(
        _ request: Codec.Request, deadline: Nanoseconds, completion: Completion
    ) throws(RPCError) -> CallID? {
        let (id, signal) = try self.state.withLock { state throws(RPCError) -> (CallID?, Signal) in
            let id: CallID
            switch state.machine.callRequested() {
            case .admit(let admitted):
                id = admitted
            case .refuseTooManyPending:
                throw Self.tooManyPending(self.configuration.limits)
            case .refuseNotAccepting:
                return (nil, [])
            }
            let before = state.outbound.readableBytes
            let context = try self.append(request, id: id, to: &state.outbound)
            var signal = self.flushSignal(&state, before: before)
            if state.machine.callEncoded(
                id, deadline: deadline, completion: Call(completion: completion, context: context))
            {
                signal.insert(.deadlineMoved)
            }
            return (id, signal)
        }
        if !signal.isEmpty { self.send(signal) }
        return id
    }

    /// Sends a request that nobody answers (id 0).
    ///
    /// - Returns: false if this connection takes no new messages: use another one.
    /// - Throws: ``RPCError`` `.outboundBufferFull`, `.unsendable`.
    @inlinable
    func sendOneWay(_ request: Codec.Request) throws(RPCError) -> Bool {
        let signal = try self.state.withLock { state throws(RPCError) -> Signal? in
            guard state.machine.isAccepting else { return nil }
            let before = state.outbound.readableBytes
            _ = try self.append(request, id: .oneWay, to: &state.outbound)
            state.hasOneWay = true
            return self.flushSignal(&state, before: before)
        }
        guard let signal else { return false }
        if !signal.isEmpty { self.send(signal) }
        return true
    }

    /// Gives up a call: its completion fails at once, its answer will be dropped. Does nothing if it ended already.
    @inlinable
    func cancel(_ id: CallID) {
        let (call, action) = self.state.withLock { $0.machine.callCancelled(id) }
        call?.completion.fail(RPCError(.cancelled, "The call was cancelled.", possiblyExecuted: true))
        if action == .close { self.send(.close) }
    }

    /// Takes no new calls, and closes when the pending ones have ended.
    @inlinable
    func drain() {
        let action = self.state.withLock { $0.machine.drainStarted() }
        if action == .close { self.send(.close) }
    }

    @inlinable
    func append(
        _ request: Codec.Request, id: CallID, to outbound: inout ByteBuffer
    ) throws(RPCError) -> Codec.CallContext {
        guard outbound.readableBytes < self.configuration.maxOutboundBytes else {
            throw Self.outboundBufferFull(self.configuration.maxOutboundBytes)
        }
        let mark = outbound.writerIndex
        id.encode(into: &outbound)
        do throws(RPCError) {
            return try self.codec.encode(request, into: &outbound)
        } catch {
            outbound.moveWriterIndex(to: mark)
            throw error
        }
    }

    @inlinable
    func flushSignal(_ state: inout State, before: Int) -> Signal {
        var signal: Signal = []
        if !state.isFlushRequested {
            state.isFlushRequested = true
            signal.insert(.flush)
        }
        // Said once: when the batch passes the cap.
        let cap = self.configuration.batching.byteCap
        if before < cap, state.outbound.readableBytes >= cap { signal.insert(.flushNow) }
        return signal
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

    @usableFromInline
    static func tooManyPending(_ limits: ClientLimits) -> RPCError {
        RPCError(
            .tooManyPending,
            """
            \(limits.maxPending) calls are pending on the connection already. Raise the limit, open more connections, or \
            make fewer calls at once.
            """)
    }

    @usableFromInline
    static func outboundBufferFull(_ limit: Int) -> RPCError {
        RPCError(
            .outboundBufferFull,
            "More than \(limit) bytes wait to be sent: the server reads more slowly than calls are made.")
    }
}
