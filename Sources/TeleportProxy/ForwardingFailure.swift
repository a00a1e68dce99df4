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
        /// The proxy has no room for another pending request to this server.
        case overloaded
    }

    let kind: Kind
    /// Whether the server may have executed the request.
    let possiblyExecuted: Bool
    /// What happened, for the log. Never told to clients: it may name addresses.
    let cause: any Error

    /// One more attempt is allowed if the server cannot have seen the request, or if seeing it twice does no harm and
    /// nothing of an answer was received (defect D18 of the reference).
    func permitsRetry(of method: HTTPMethod) -> Bool {
        switch self.kind {
        case .unreachable: true
        case .connectionLost: !self.possiblyExecuted || method.isIdempotent
        case .timedOut, .badAnswer, .unsendable, .overloaded: false
        }
    }

    /// Whether asking the same server again is pointless.
    var needsAnotherServer: Bool {
        if case .unreachable = self.kind { true } else { false }
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
            .text("The server behind gave an invalid answer.\n", status: .badGateway)
        case .unsendable(let error):
            error.map { .refusal($0) } ?? .text("The request cannot be forwarded.\n", status: .badRequest)
        case .overloaded:
            .text("Too many requests are pending. Try again later.\n", status: .serviceUnavailable)
        }
    }
}

extension ForwardingFailure {
    /// The server answered 101 although no request of ours asks for another protocol.
    static let switchedProtocols = ForwardingFailure(
        kind: .badAnswer, possiblyExecuted: true,
        cause: TransportError(.broken, "The server switched protocols without being asked to."))

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
