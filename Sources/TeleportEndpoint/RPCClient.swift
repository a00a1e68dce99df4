public import NIOCore
public import TeleportRPC
internal import TeleportTransport

/// A client of one server, for any messages a ``SelfDelimitingCodec`` describes.
///
/// ```swift
/// let client = RPCClient(codec: TLVCodec(), configuration: .init(address: try .init(parsing: "127.0.0.1:9000")))
/// let answer = try await client.call(TLVRequest(name: "sum", value: bytes))
/// ```
///
/// Connections are made with the first call, and made anew when they were lost; a call that was pending on a lost
/// connection fails at once with the cause. Any number of tasks may call at the same time.
public final class RPCClient<Codec: SelfDelimitingCodec>: Sendable {
    @usableFromInline let pool: ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>
    private let turn = Turn()
    /// This is the second attempt of a call: there is no third.
    private let hasRetried: Bool

    @inlinable
    public convenience init(codec: Codec, configuration: ClientConfiguration) {
        self.init(pool: ConnectionPool(codec: codec, configuration: configuration))
    }

    @usableFromInline
    init(pool: ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>) {
        self.pool = pool
        self.hasRetried = false
    }

    private init(retrying client: RPCClient) {
        self.pool = client.pool
        self.hasRetried = true
    }

    /// Sends `request` and waits for its answer.
    ///
    /// - Parameter timeout: how long it may take, everything included; `nil` takes the configured time.
    /// - Throws: ``RPCError``. Cancelling the task ends the wait at once with `.cancelled`; the server may still execute
    ///   the request.
    @inlinable
    public nonisolated(nonsending) func call(
        _ request: Codec.Request, timeout: TimeAmount? = nil
    ) async throws(RPCError) -> Codec.Response {
        let now = NIODeadline.now()
        let deadline = now + (timeout ?? self.pool.configuration.timeout)
        // The ticket has to be within reach of a cancellation that may come before, during or after the call is made.
        let slot = TicketSlot<ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>.Ticket>()
        do {
            // The form that stays where its caller is, whatever that is: the other asks the runtime twice, under a lock,
            // where it has to go on, and the caller asks anyway.
            return try await _unsafeInheritExecutor_withTaskCancellationHandler {
                try await withUnsafeThrowingContinuation {
                    (continuation: UnsafeContinuation<Codec.Response, any Error>) in
                    self.begin(request, deadline: deadline, now: now, continuation, slot)
                }
            } onCancel: {
                slot.cancel()?.cancel()
            }
        } catch {
            return try await self.callAgain(request, deadline: deadline, after: Self.callError(error))
        }
    }

    @usableFromInline
    static func callError(_ error: any Error) -> RPCError {
        // Continuations are given no other (``ContinuationCompletion``).
        (error as? RPCError) ?? RPCError(.connectionClosed, "The call failed.", cause: error)
    }

    /// Makes the call. Not within ``call(_:timeout:)``, whose frame is on the heap: all that is inlined here would take room
    /// there for as long as the call waits.
    @inlinable @inline(never)
    func begin(
        _ request: Codec.Request, deadline: NIODeadline, now: NIODeadline,
        _ continuation: UnsafeContinuation<Codec.Response, any Error>,
        _ slot: borrowing TicketSlot<ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>.Ticket>
    ) {
        do throws(RPCError) {
            let ticket = try self.pool.call(
                request, deadline: deadline, now: now, completion: ContinuationCompletion(continuation))
            slot.fill(consume ticket)?.cancel()
        } catch {
            continuation.resume(throwing: error)
        }
    }

    /// Whether another attempt may come to more than this one, and does no harm.
    @usableFromInline
    func maySendAgain(_ request: Codec.Request, _ error: RPCError) -> Bool {
        guard !self.hasRetried else { return false }
        // Refused: it has reached no handler (V1-52). Unsendable: v0 has no place for a body that is not here yet.
        let isStreamed = self.pool.codec.isStreamed(request: request)
        return error.code == .refused ? !isStreamed : error.cause is StreamOnV0
    }

    /// The call failed: tries again if that may help, once.
    @usableFromInline
    nonisolated(nonsending) func callAgain(
        _ request: Codec.Request, deadline: NIODeadline, after error: RPCError
    ) async throws(RPCError) -> Codec.Response {
        guard error.code == .refused || error.code == .unsendable, self.maySendAgain(request, error) else {
            throw error
        }
        let request = error.code == .refused ? request : try await self.gathered(request, deadline: deadline)
        // In what is left of its time.
        return try await RPCClient(retrying: self).call(request, timeout: deadline - .now())
    }

    /// The request with all of its body, which has to be complete within the call's time.
    private nonisolated(nonsending) func gathered(
        _ request: Codec.Request, deadline: NIODeadline
    ) async throws(RPCError) -> Codec.Request {
        let codec = self.pool.codec
        let gathered = await withTaskGroup(of: Result<Codec.Request, RPCError>.self) { group in
            group.addTask {
                do throws(RPCError) {
                    return .success(try await codec.buffered(request: request))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(nanoseconds: UInt64(Swift.max(0, (deadline - .now()).nanoseconds)))
                return .failure(
                    RPCError(.timedOut, "The body of the request was not complete within the call's deadline."))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(RPCError(.cancelled, "The call was cancelled."))
        }
        // A sequence that is cancelled may end as if it were complete.
        guard !Task.isCancelled else {
            throw RPCError(.cancelled, "The call was cancelled while the body of its request was gathered.")
        }
        return try gathered.get()
    }

    /// Sends a request that nobody answers. Returns as soon as it is queued.
    ///
    /// - Throws: ``RPCError`` `.outboundBufferFull`, `.unsendable`, `.shuttingDown`.
    @inlinable
    public func sendOneWay(_ request: Codec.Request) throws(RPCError) {
        try self.pool.sendOneWay(request)
    }

    /// Runs `body` on the loop of one of the connections, and has the calls that it makes prefer that connection: no
    /// thread hop between a caller and its bytes. Worth up to half of the CPU of a small call.
    ///
    /// Do not block in `body`, and do no long work: everything else on the loop waits.
    public func withLoop<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async rethrows -> Value {
        let link = self.pool.links[self.turn.take(of: self.pool.links.count)]
        return try await withTaskExecutorPreference(link.executor, operation: body)
    }

    /// Takes no new calls; connections close when their calls have ended.
    @inlinable
    public func beginShutdown() {
        self.pool.beginShutdown()
    }

    /// Takes no new calls, and waits until the pending ones have ended.
    ///
    /// - Parameter limit: after this long, calls that still wait fail with `.shuttingDown`.
    /// - Returns: true if everything ended by itself.
    @inlinable
    @discardableResult
    public func shutDown(limit: TimeAmount = .seconds(10)) async -> Bool {
        await self.pool.shutDown(limit: limit)
    }
}
