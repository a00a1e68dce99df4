internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// An answer, whole or beginning.
enum Answer: Sendable {
    case whole(Response)
    case stream(ResponseHead, BodyPipe)
    /// A tunnel is granted; this is what the server sends through it.
    case tunnel(ResponseHead, BodyPipe)

    /// Whether it grants a tunnel.
    var isGrant: Bool {
        if case .tunnel = self { true } else { false }
    }

    /// As a Teleport link is given it.
    var linkResponse: Response {
        consuming get {
            switch consume self {
            case .whole(let response): response
            case .stream(let head, let body): Response(head: head, body: Body(source: PipeSource(body)))
            case .tunnel(let head, let body):
                Response(head: head, body: Body(source: PipeSource(body)), grantsTunnel: true)
            }
        }
    }

    /// The body, if it comes through a pipe.
    var pipe: BodyPipe? {
        switch self {
        case .whole: nil
        case .stream(_, let pipe), .tunnel(_, let pipe): pipe
        }
    }
}

/// Who waits for an answer.
enum ReplyTarget: Sendable {
    /// A request on an HTTP connection, known there by its number.
    case http(HTTPFront, UInt64)
    case teleport(Responder<Response>)
    /// Nobody: it is asked how the server is.
    case check(HealthChecker)

    /// Whether it cannot take answers in pieces.
    var wantsWholeAnswers: Bool {
        if case .teleport(let responder) = self { responder.wire == .v0 } else { false }
    }

    var isTeleport: Bool {
        if case .teleport = self { true } else { false }
    }

    var eventLoop: any EventLoop {
        switch self {
        case .http(let front, _): front.eventLoop
        case .teleport(let responder): responder.eventLoop
        case .check(let checker): checker.loop
        }
    }

    /// Until when the client waits for the head of the answer, if it said so.
    var deadline: NIODeadline? {
        if case .teleport(let responder) = self { responder.deadline } else { nil }
    }

    func inform(_ head: ResponseHead) {
        switch self {
        case .http(let front, let number): front.inform(number, head)
        case .teleport(let responder): responder.inform(Response(head: head))
        case .check: break
        }
    }

    func respond(_ answer: consuming Answer) {
        switch self {
        case .http(let front, let number): front.answer(number, with: consume answer)
        case .teleport(let responder): responder.respond((consume answer).linkResponse)
        case .check(let checker): checker.answered(answer)
        }
    }
}
