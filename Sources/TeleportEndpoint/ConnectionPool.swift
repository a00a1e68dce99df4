public import NIOCore
public import TeleportRPC
public import TeleportTransport

/// The connections of a client to one server, with completions of any kind: the engine under ``RPCClient``, and what a
/// proxy uses directly so that a request costs neither a task nor a closure.
///
/// The first calls open the connections, one each. After that calls prefer a connection on the loop they are made on, and
/// otherwise take the connections in turn.
public final class ConnectionPool<Codec: SelfDelimitingCodec, Completion: CallCompletion>: Sendable
where Completion.Response == Codec.Response {
    @usableFromInline let links: [ClientLink<Codec, Completion>]
    @usableFromInline let firstLink: ClientLink<Codec, Completion>
    @usableFromInline let living = LivingCount()
    @usableFromInline let turn = Turn()
    @usableFromInline let firstCalls = FirstCalls()
    public let configuration: ClientConfiguration
    @usableFromInline let codec: Codec

    /// A pool that connects when it is used.
    @inlinable
    public init(codec: Codec, configuration: ClientConfiguration) {
        self.configuration = configuration
        self.codec = codec
        let living = self.living
        func makeLink() -> ClientLink<Codec, Completion> {
            ClientLink(
                codec: codec, configuration: configuration, eventLoop: configuration.eventLoopGroup.next(),
                living: living)
        }
        self.firstLink = makeLink()
        self.links = [self.firstLink] + (1..<Swift.max(1, configuration.connections)).map { _ in makeLink() }
    }

    /// A call that was made: enough to cancel it.
    public struct Ticket: Sendable {
        @usableFromInline let place: ClientRoute<Codec, Completion>.Ticket

        @inlinable
        init(_ place: consuming ClientRoute<Codec, Completion>.Ticket) { self.place = place }

        /// Gives the call up: its completion fails at once, the answer will be dropped.
        @inlinable
        public func cancel() { self.place.cancel() }
    }

    /// Makes a call. `completion` is resolved exactly once, on the connection's loop, unless this throws.
    ///
    /// - Parameters:
    ///   - timeout: how long the answer may take; `nil` takes the configured time, and a century is for ever.
    ///   - waits: whether the call waits for the next attempt to connect while the server was not reachable a moment ago.
    ///     Default true; false is for those who can ask somebody else.
    /// - Throws: ``RPCError`` `.tooManyPending`, `.outboundBufferFull`, `.unsendable`, `.shuttingDown`; `.connectFailed` if it
    ///   would have to wait and is not to.
    @inlinable
    @discardableResult
    public func call(
        _ request: Codec.Request, timeout: TimeAmount? = nil, waits: Bool = true, completion: Completion
    ) throws(RPCError) -> Ticket {
        let now = NIODeadline.now()
        return try self.call(
            request, deadline: now + (timeout ?? self.configuration.timeout), now: now, waits: waits,
            completion: completion)
    }

    /// The same with a moment until which the answer may take, for who knows the time already.
    @inlinable
    @discardableResult
    package func call(
        _ request: Codec.Request, deadline: NIODeadline, now: NIODeadline, waits: Bool = true, completion: Completion
    ) throws(RPCError) -> Ticket {
        let deadline = deadline == .distantFuture ? Nanoseconds.never : deadline.uptimeNanoseconds
        let now = now.uptimeNanoseconds
        // By far the most have one: whose reference need not be counted for a look at it.
        let place =
            if self.links.count == 1 {
                try self.firstLink.call(request, deadline: deadline, now: now, waits: waits, completion: completion)
            } else {
                try self.link().call(request, deadline: deadline, now: now, waits: waits, completion: completion)
            }
        return Ticket(place)
    }

    /// Makes up to `count` connections before they are needed, where there are none.
    public func connect(_ count: Int) {
        for link in self.links.prefix(count) { _ = try? link.connection() }
    }

    /// Whether the server takes bodies as they come, as far as that is known: v1 does, and v0 does not.
    package var carriesStreams: Bool? { self.firstLink.carriesStreams }

    /// Sends a request that nobody answers.
    ///
    /// - Throws: ``RPCError`` `.outboundBufferFull`, `.unsendable`, `.shuttingDown`.
    @inlinable
    public func sendOneWay(_ request: Codec.Request) throws(RPCError) {
        let link = self.link()
        var connection = try link.connection()
        while try !connection.sendOneWay(request) {
            connection = try link.connection(replacing: connection)
        }
    }

    /// Takes no new calls, and waits until the pending ones have ended.
    ///
    /// - Parameter limit: after this long, calls that still wait fail with `.shuttingDown`.
    /// - Returns: true if everything ended by itself.
    @inlinable
    @discardableResult
    public func shutDown(limit: TimeAmount) async -> Bool {
        self.beginShutdown()
        if await self.living.waitUntilZero(limit: limit) { return true }
        for link in self.links { link.closeNow() }
        _ = await self.living.waitUntilZero(limit: .seconds(1))
        return false
    }

    /// Takes no new calls; connections close when their calls have ended.
    @inlinable
    public func beginShutdown() {
        for link in self.links { link.shutDown() }
    }

    @inlinable
    func link() -> ClientLink<Codec, Completion> {
        guard self.links.count > 1 else { return self.firstLink }
        // Whoever asks for several has a use for each, also if all calls come from one loop.
        if let unused = self.firstCalls.next(below: self.links.count) { return self.links[unused] }
        let start = self.turn.take(of: self.links.count)
        guard let current = EventLoops.current else { return self.links[start] }
        for offset in 0..<self.links.count {
            let link = self.links[(start + offset) % self.links.count]
            if link.eventLoop === current { return link }
        }
        return self.links[start]
    }
}
