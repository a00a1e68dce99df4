public import NIOCore
public import TeleportEndpoint
public import TeleportHTTP
public import TeleportRPC
public import TeleportTransport

/// Sends HTTP requests over one compressed, multiplexed connection to a Teleport server.
///
/// ```swift
/// let client = TeleportClient(to: try TransportAddress(parsing: "10.0.0.7:8080"))
/// let response = try await client.execute(Request(.get, "/bids?user=7", host: "bidder"))
/// print(response.status, try await response.body.collect(upTo: 1 << 20))
/// ```
///
/// Any number of tasks may call at the same time; that is what fills the batches. The connection is made with the first
/// call, and again when it was lost. `HEAD` travels as `GET`; its answer's body is dropped here.
public final class TeleportClient: Sendable {
    private let client: RPCClient<HTTPCodec>
    private let stop = StopSignal()
    private let drainLimit: TimeAmount

    /// A client.
    ///
    /// - Parameters:
    ///   - configuration: where to, how compressed, how many connections, which limits and timeouts.
    ///   - limits: which answers are accepted, and the largest request head that is sent.
    ///   - drainLimit: how long ``run()`` waits for pending calls when it shuts down. Default 10 s.
    public init(
        configuration: ClientConfiguration, limits: HTTPLimits = .default, drainLimit: TimeAmount = .seconds(10)
    ) {
        var configuration = configuration
        configuration.maxHeadSize = limits.headSizeOnWire
        self.client = RPCClient(codec: HTTPCodec(limits: limits), configuration: configuration)
        self.drainLimit = drainLimit
    }

    /// A client with defaults for everything but the address.
    public convenience init(to address: TransportAddress) {
        self.init(configuration: ClientConfiguration(address: address))
    }

    /// Sends a request and waits for its answer, whatever its status.
    ///
    /// - Parameter timeout: how long it may take, everything included; `nil` takes the configured time (3 s unless
    ///   set).
    /// - Throws: ``RPCError`` that says why there is no answer, and whether the server may have executed the request.
    ///   `.unsendable` for a request that breaks a rule of HTTP, such as one without a host. Cancelling the task ends
    ///   the wait at once.
    public nonisolated(nonsending) func execute(
        _ request: Request, timeout: TimeAmount? = nil
    ) async throws(RPCError) -> Response {
        try await self.client.call(request, timeout: timeout)
    }

    /// Sends a request that nobody answers (id 0 on the wire). Returns as soon as it is queued.
    ///
    /// - Throws: ``RPCError`` `.outboundBufferFull`, `.unsendable`, `.shuttingDown`.
    public func sendOneWay(_ request: Request) throws(RPCError) {
        try self.client.sendOneWay(request)
    }

    /// Runs `body` on the loop of one of the connections; the calls it makes prefer that connection.
    ///
    /// The default, calling from anywhere, is right for most: callers keep all cores. Choose this for many small calls:
    /// there is no thread hop between caller and connection, which is up to half of the CPU of a small call, and the
    /// cost holds when the machine is loaded. But never block in there, and do no long work.
    public func withLoop<Value: Sendable>(_ body: @Sendable () async throws -> Value) async rethrows -> Value {
        try await self.client.withLoop(body)
    }

    /// Waits until ``beginGracefulShutdown()`` is called or the task is cancelled, then drains: pending calls get their
    /// answers, or fail as possibly not executed when the limit has passed.
    ///
    /// Calls work without it; it gives the client a place among the services of a process.
    public func run() async {
        await withShutdownHandler {
            await self.stop.wait()
        } onShutdown: {
            self.beginGracefulShutdown()
        }
        // In a task of its own: this one may be cancelled, and pending calls get their answers all the same.
        _ = await Task { await self.client.shutDown(limit: self.drainLimit) }.value
    }

    /// Takes no new calls, and has ``run()`` drain and return.
    public func beginGracefulShutdown() {
        self.client.beginShutdown()
        self.stop.stop()
    }

    /// Takes no new calls, and waits until the pending ones have ended.
    ///
    /// - Parameter limit: after this long, calls that still wait fail with `.shuttingDown`.
    /// - Returns: true if everything ended by itself.
    @discardableResult
    public func shutDown(limit: TimeAmount = .seconds(10)) async -> Bool {
        self.stop.stop()
        return await self.client.shutDown(limit: limit)
    }
}
