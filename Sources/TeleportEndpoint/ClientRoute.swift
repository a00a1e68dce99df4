internal import NIOCore
public import TeleportRPC
public import TeleportWire

/// A connection of a client, whatever it speaks.
@usableFromInline
enum ClientRoute<Codec: SelfDelimitingCodec, Completion: CallCompletion>: Sendable
where Completion.Response == Codec.Response {
    case v0(ClientConnection<Codec, Completion>)
    case framed(FramedClientConnection<Codec, Completion>)

    /// A call that was made: where, and what it is called there. Enough to cancel it.
    @usableFromInline
    enum Ticket: Sendable {
        case v0(ClientConnection<Codec, Completion>, CallID)
        case framed(FramedClientConnection<Codec, Completion>, FramedClientConnection<Codec, Completion>.Ticket)

        /// Gives the call up.
        @usableFromInline
        func cancel() {
            switch self {
            case .v0(let connection, let id): connection.cancel(id)
            case .framed(let connection, let ticket): connection.cancel(ticket)
            }
        }
    }

    /// What came of a call.
    @usableFromInline
    enum Outcome: Sendable {
        case made(Ticket)
        /// The connection takes no new calls.
        case full(ClientRoute)
    }

    /// See ``FramedClientConnection/call(_:deadline:now:completion:)``. The reference to the connection moves on to the
    /// ticket, and is not counted anew.
    @inlinable
    consuming func call(
        _ request: Codec.Request, deadline: Nanoseconds, now: Nanoseconds, completion: Completion
    ) throws(RPCError) -> Outcome {
        switch consume self {
        case .v0(let connection):
            do throws(RPCError) {
                guard let id = try connection.call(request, deadline: deadline, completion: completion) else {
                    return .full(.v0(connection))
                }
                return .made(.v0(connection, id))
            } catch {
                throw connection.codec.isStreamed(request: request) ? error.ofStreamOnV0 : error
            }
        case .framed(let connection):
            guard
                let ticket = try connection.call(request, deadline: deadline, now: now, completion: completion)
            else { return .full(.framed(connection)) }
            return .made(.framed(connection, ticket))
        }
    }

    /// Sends a request that nobody answers. False if this connection takes no new messages.
    @inlinable
    func sendOneWay(_ request: Codec.Request) throws(RPCError) -> Bool {
        switch self {
        case .v0(let connection): try connection.sendOneWay(request)
        case .framed(let connection): try connection.call(request, deadline: .never, now: 0, completion: nil) != nil
        }
    }

    /// Takes no new calls, and closes when those under way have ended.
    @usableFromInline
    func drain() {
        switch self {
        case .v0(let connection): connection.drain()
        case .framed(let connection): connection.drain()
        }
    }

    /// Ends at once; the calls that wait fail. Call on the loop.
    @usableFromInline
    func closeNow(_ error: RPCError) {
        switch self {
        case .v0(let connection):
            guard let stream = connection.stream.value else { return }
            if stream.driver == nil { stream.closed(error) } else { stream.fail(error) }
        case .framed(let connection):
            guard let stream = connection.stream.value else { return }
            if stream.driver == nil { stream.closed(error) } else { stream.fail(error) }
        }
    }

    @inlinable
    static func === (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.v0(let left), .v0(let right)): left === right
        case (.framed(let left), .framed(let right)): left === right
        case (.v0, .framed), (.framed, .v0): false
        }
    }
}

/// A body that is not here yet was to be sent on v0: gathered first, it can be.
@usableFromInline
package struct StreamOnV0: Error {
    @usableFromInline
    init() {}
}

extension RPCError {
    /// The same failure, of a request whose body v0 has no place for.
    @usableFromInline
    var ofStreamOnV0: RPCError {
        guard self.code == .unsendable else { return self }
        return RPCError(
            .unsendable, "Protocol v0 cannot send a body as it comes: gather it first, or use v1.", cause: StreamOnV0())
    }
}
