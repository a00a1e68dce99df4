internal import Teleport
internal import TeleportRPC
internal import TeleportWire

/// Why a request has no answer, and what follows from it.
struct ForwardingFailure: Sendable {
    enum Kind: Sendable {
        /// The server took longer than the timeout.
        case timedOut
        /// No connection to the server could be made.
        case unreachable
        /// The connection ended before anything of an answer was received.
        case connectionLost
        /// The server answered, but not with HTTP that can be passed on; or the answer broke off.
        case badAnswer
        /// The request cannot be sent to the server as it is.
        case unsendable(HTTPError?)
        /// There is no room for another request to this server, or it says so itself.
        case overloaded
        /// The server did not take the request, and has not executed it.
        case refused
        /// The client left before all of its request was here, or before it had all of the answer.
        case clientGone
        /// The client did not send its request, or take its answer, in time.
        case clientStalled
    }

    let kind: Kind
    /// Whether the server may have executed the request.
    let possiblyExecuted: Bool
    /// What happened, for the log. Never told to clients: it may name addresses.
    let cause: any Error

    /// Nobody is there: another server can be asked, since this one has not seen the request.
    var isUnreachable: Bool {
        if case .unreachable = self.kind { true } else { false }
    }

    /// It is the client that ended it.
    var isClients: Bool {
        switch self.kind {
        case .clientGone, .clientStalled: true
        default: false
        }
    }

    /// Whether the request may be sent once more: nothing of an answer was received, and the server cannot have executed
    /// it or executing it twice does no harm (defect D18 of the reference).
    func permitsRetry(of method: HTTPMethod) -> Bool {
        switch self.kind {
        case .connectionLost: !self.possiblyExecuted || method.isIdempotent
        case .refused: true
        default: false
        }
    }

    /// Whether it speaks against the server.
    var isServersFault: Bool {
        switch self.kind {
        case .timedOut, .unreachable, .connectionLost, .badAnswer: true
        case .unsendable, .overloaded, .refused, .clientGone, .clientStalled: false
        }
    }

    /// The kind in one word, for logs.
    var word: String {
        switch self.kind {
        case .timedOut: "timeout"
        case .unreachable: "unreachable"
        case .connectionLost: "connection_lost"
        case .badAnswer: "bad_answer"
        case .unsendable: "unsendable"
        case .overloaded: "overloaded"
        case .refused: "refused"
        case .clientGone: "client_gone"
        case .clientStalled: "client_stalled"
        }
    }

    /// What the client is told. It names no address (defect D14).
    var response: Response {
        switch self.kind {
        case .timedOut:
            .text("The server behind did not answer in time.\n", status: .gatewayTimeout)
        case .unreachable:
            .text("The server behind cannot be reached.\n", status: .badGateway)
        case .connectionLost:
            .text("The connection to the server behind was lost.\n", status: .badGateway)
        case .badAnswer:
            .brokenAnswer
        case .unsendable(let error):
            error.map { .refusal($0) } ?? .text("The request cannot be forwarded.\n", status: .badRequest)
        case .clientGone:
            .text("The request was not complete.\n", status: .badRequest)
        case .clientStalled:
            .text("The rest of the request did not come in time.\n", status: .requestTimeout)
        case .refused:
            .text("The server behind takes no requests now. Try again later.\n", status: .serviceUnavailable)
        case .overloaded:
            .text("Too many requests are pending. Try again later.\n", status: .serviceUnavailable)
        }
    }
}

extension Response {
    /// What the client is told if the server's answer cannot be passed on.
    static let brokenAnswer = Response.text("The server behind gave an invalid answer.\n", status: .badGateway)
}

extension ForwardingFailure {
    /// The server answered 101 although no request of ours asks for another protocol.
    static let switchedProtocols = ForwardingFailure(
        kind: .badAnswer, possiblyExecuted: true,
        cause: TransportError(.broken, "The server switched protocols without being asked to."))

    /// A link of protocol v0 carries no tunnels.
    static let tunnelOnV0 = ForwardingFailure.unsendable(
        HTTPError(
            .connectNotSupported, status: .notImplemented,
            message: "The way to the server behind is of an old kind that carries no tunnels."))

    /// The other end of the exchange wants no more.
    static let clientGone = ForwardingFailure(
        kind: .clientGone, possiblyExecuted: true,
        cause: TransportError(.closedByPeer, "The client left before the exchange was complete."))

    /// It stood still for longer than a client may.
    static let clientStalled = ForwardingFailure(
        kind: .clientStalled, possiblyExecuted: true,
        cause: TransportError(.timedOut, "The client let nothing of a body pass for too long."))

    /// The time of the request is over, or the server let nothing of a body pass for as long.
    static let timedOut = ForwardingFailure(
        kind: .timedOut, possiblyExecuted: true,
        cause: TransportError(.timedOut, "The server did not answer in time."))

    /// An answer that has to be whole is larger than the limit.
    static let answerTooLarge = ForwardingFailure(
        kind: .badAnswer, possiblyExecuted: true, cause: HTTPError(.bodyTooLarge))

    static func unsendable(_ error: HTTPError) -> ForwardingFailure {
        ForwardingFailure(kind: .unsendable(error), possiblyExecuted: false, cause: error)
    }

    /// What a failed Teleport call means to the client.
    init(_ error: RPCError, isSensitive: Bool = false) {
        let kind: Kind =
            switch error.code {
            case .timedOut: .timedOut
            case .connectFailed, .handshakeFailed: .unreachable
            case .connectionClosed, .shuttingDown, .cancelled: .connectionLost
            case .protocolViolation, .unacceptableAnswer, .serverFailed: .badAnswer
            case .refused: .refused
            case .tooManyPending, .outboundBufferFull, .overloaded: .overloaded
            case .unsendable: .unsendable(Self.reason(error, isSensitive: isSensitive))
            }
        self.init(kind: kind, possiblyExecuted: error.possiblyExecuted, cause: error)
    }

    private static func reason(_ error: RPCError, isSensitive: Bool) -> HTTPError? {
        if let cause = error.cause as? HTTPError { return cause }
        // What the server said on v1.
        if case .violation(.tooLarge)? = (error.cause as? WireError)?.code { return HTTPError(.bodyTooLarge) }
        guard isSensitive, error.cause == nil else { return nil }
        return HTTPError(
            .inexpressible, status: .badGateway,
            message: "The request is sensitive, and the way to the server behind cannot keep it so.")
    }

    /// What the end of a Teleport answer that is not its end means.
    init(answerBrokenOff error: RPCError) {
        // Left unread for too long (V1-42): it is not the server that is slow.
        let isClients = error.code == .timedOut || error.code == .cancelled
        self.init(kind: isClients ? .clientGone : .badAnswer, possiblyExecuted: true, cause: error)
    }
}
