internal import NIOCore
internal import Teleport

/// One request on its way through the proxy: what is asked, who waits for the answer, and how far it got.
///
/// The only object that a request costs. Immutable, so any loop may hold it; a second attempt is a second exchange.
final class Exchange: Sendable {
    let request: Request
    let replyTo: ReplyTarget
    /// When the client is told 504, attempts and waiting included.
    let deadline: NIODeadline
    /// The server it was given to.
    let upstream: Upstream
    let forwarder: Forwarder
    /// 0, or 1 for the only retry there is.
    let attempt: Int

    init(
        request: Request, replyTo: ReplyTarget, deadline: NIODeadline, upstream: Upstream, forwarder: Forwarder,
        attempt: Int
    ) {
        self.request = request
        self.replyTo = replyTo
        self.deadline = deadline
        self.upstream = upstream
        self.forwarder = forwarder
        self.attempt = attempt
    }

    /// The server answered.
    func succeeded(_ response: Response) {
        guard !response.status.isInformational else {
            // 101: the server switched to a protocol that nobody asked for.
            return self.failed(.switchedProtocols)
        }
        self.upstream.finished()
        self.forwarder.finished()
        self.replyTo.respond(response)
    }

    /// The server did not answer: it is asked again, or another is, or the client is told.
    func failed(_ failure: ForwardingFailure) {
        self.upstream.finished()
        if self.attempt == 0, failure.permitsRetry(of: self.request.method),
            self.forwarder.retry(self, after: failure)
        {
            return
        }
        self.forwarder.finished()
        self.forwarder.logFailure(failure, upstream: self.upstream)
        self.replyTo.respond(failure.response)
    }
}

/// Who waits for an answer.
enum ReplyTarget: Sendable {
    /// A request on an HTTP connection, known there by its number.
    case http(HTTPFront, UInt64)
    case teleport(Responder<Response>)

    func respond(_ response: Response) {
        switch self {
        case .http(let front, let number): front.answer(number, with: response)
        case .teleport(let responder): responder.respond(response)
        }
    }
}
