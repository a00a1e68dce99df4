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

    @inlinable
    public convenience init(codec: Codec, configuration: ClientConfiguration) {
        self.init(pool: ConnectionPool(codec: codec, configuration: configuration))
    }

    @usableFromInline
    init(pool: ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>) {
        self.pool = pool
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
        // The ticket has to be within reach of a cancellation that may come before, during or after the call is made.
        let slot = TicketSlot<ConnectionPool<Codec, ContinuationCompletion<Codec.Response>>.Ticket>()
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation {
                (continuation: UnsafeContinuation<Result<Codec.Response, RPCError>, Never>) in
                do throws(RPCError) {
                    let ticket = try self.pool.call(
                        request, timeout: timeout, completion: ContinuationCompletion(continuation))
                    if slot.fill(ticket) == .cancelledAlready { ticket.cancel() }
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            slot.cancel()?.cancel()
        }
        return try result.get()
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
