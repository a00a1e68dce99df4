internal import Teleport
internal import TeleportRPC

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
        /// There is no room for another request to this server.
        case overloaded
        /// The client left before all of its request was here, or before it had all of the answer.
        case clientGone
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
    var isClientGone: Bool {
        if case .clientGone = self.kind { true } else { false }
    }

    /// Whether the request may be sent once more: nothing of an answer was received, and the server cannot have seen it
    /// or seeing it twice does no harm (defect D18 of the reference).
    func permitsRetry(of method: HTTPMethod) -> Bool {
        guard case .connectionLost = self.kind else { return false }
        return !self.possiblyExecuted || method.isIdempotent
    }

    /// Whether it speaks against the server.
    var isServersFault: Bool {
        switch self.kind {
        case .timedOut, .unreachable, .connectionLost, .badAnswer: true
        case .unsendable, .overloaded, .clientGone: false
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
        case .clientGone: "client_gone"
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

    /// The other end of the exchange wants no more.
    static let clientGone = ForwardingFailure(
        kind: .clientGone, possiblyExecuted: true,
        cause: TransportError(.closedByPeer, "The client left before the exchange was complete."))

    /// What a failed Teleport call means to the client.
    init(_ error: RPCError) {
        let kind: Kind =
            switch error.code {
            case .timedOut: .timedOut
            case .connectFailed, .handshakeFailed: .unreachable
            case .connectionClosed, .shuttingDown, .cancelled: .connectionLost
            case .protocolViolation, .unacceptableAnswer: .badAnswer
            case .unsendable: .unsendable(error.cause as? HTTPError)
            case .tooManyPending, .outboundBufferFull: .overloaded
            }
        self.init(kind: kind, possiblyExecuted: error.possiblyExecuted, cause: error)
    }
}
