internal import NIOCore
internal import Teleport

/// One request on its way through the proxy: what is asked, who waits for the answer, and how far it got.
///
/// The only object that a request costs. Immutable, so any loop may hold it; a second attempt is a second exchange.
///
/// The server's side reports exactly one end: ``succeeded(_:)``, ``failed(_:)``, or ``began(_:_:)`` and then
/// ``ended(_:bytes:)`` or ``brokeOff(_:bytes:after:)``.
final class Exchange: Sendable {
    /// The request; its body is empty while ``upload`` has it.
    let request: Request
    /// The body, if it is still coming.
    let upload: BodyPipe?
    let replyTo: ReplyTarget
    /// When the client is told 504, attempts and waiting included.
    let deadline: NIODeadline
    /// The server it was given to, and when.
    let upstream: Upstream
    let givenAt: NIODeadline
    let forwarder: Forwarder
    let attempts: Attempts
    let note: RequestNote?

    /// Which servers were asked.
    struct Attempts: Sendable {
        /// Servers by their place, one bit each.
        var tried: UInt64 = 0
        var count = 0
        /// Sent again although the server may have seen it: allowed once.
        var isRetry = false
    }

    init(
        request: Request, upload: BodyPipe?, replyTo: ReplyTarget, deadline: NIODeadline, upstream: Upstream,
        forwarder: Forwarder, attempts: Attempts, note: RequestNote?
    ) {
        self.request = request
        self.upload = upload
        self.replyTo = replyTo
        self.deadline = deadline
        self.upstream = upstream
        self.givenAt = .now()
        self.forwarder = forwarder
        self.attempts = attempts
        self.note = note
    }

    /// Whether the answer has to be whole before it is told: a v0 Teleport client cannot take it in pieces.
    var wantsWholeAnswer: Bool { self.replyTo.wantsWholeAnswers }

    /// An informational answer came; the final one follows.
    func informed(_ head: ResponseHead) {
        // 100 was given by this proxy itself, where it was asked for.
        guard head.status != .continue, case .http(let front, let number) = self.replyTo else { return }
        front.inform(number, head)
    }

    /// The server answered.
    func succeeded(_ response: Response) {
        guard !response.status.isInformational else {
            // 101: the server switched to a protocol that nobody asked for.
            return self.failed(.switchedProtocols)
        }
        self.upstream.answered(self)
        self.forwarder.succeeded(self, response.status, bytes: response.body.count ?? 0)
        self.replyTo.respond(.whole(response))
    }

    /// The server began to answer; the body comes through the pipe.
    func began(_ head: ResponseHead, _ body: BodyPipe) {
        self.upstream.beganToAnswer(self)
        self.replyTo.respond(.stream(head, body))
    }

    /// The answer that began is complete.
    func ended(_ status: Status, bytes: Int) {
        self.upstream.endedWell()
        self.forwarder.succeeded(self, status, bytes: bytes)
    }

    /// The answer that began will not be completed.
    func brokeOff(_ status: Status, bytes: Int, after failure: ForwardingFailure) {
        self.upstream.failed(self, failure)
        self.forwarder.failed(self, status, bytes: bytes, failure)
    }

    /// The server did not answer: it is asked again, or another is, or the client is told.
    func failed(_ failure: ForwardingFailure) {
        self.upstream.failed(self, failure)
        if self.forwarder.tryAgain(self, after: failure) { return }
        self.upload?.cancel()
        let response = failure.response
        self.forwarder.failed(self, response.status, bytes: response.body.count ?? 0, failure)
        self.replyTo.respond(.whole(response))
    }
}

/// An answer, whole or beginning.
enum Answer: Sendable {
    case whole(Response)
    case stream(ResponseHead, BodyPipe)
}

/// Who waits for an answer.
enum ReplyTarget: Sendable {
    /// A request on an HTTP connection, known there by its number.
    case http(HTTPFront, UInt64)
    case teleport(Responder<Response>)

    var wantsWholeAnswers: Bool {
        if case .teleport = self { true } else { false }
    }

    func respond(_ answer: Answer) {
        switch (self, answer) {
        case (.http(let front, let number), _): front.answer(number, with: answer)
        case (.teleport(let responder), .whole(let response)): responder.respond(response)
        case (.teleport(let responder), .stream(_, let body)):
            // Never offered: ``wantsWholeAnswers``.
            body.cancel()
            responder.respond(Response(status: .badGateway))
        }
    }
}
