internal import Teleport
internal import TeleportEndpoint

/// The side of the proxy that Teleport clients connect to.
struct TeleportFront: RequestHandler {
    let forwarder: Forwarder

    func handle(_ request: Request, _ responder: Responder<Response>) {
        if responder.isOneWay {
            self.forwarder.forwardOneWay(request, responder)
        } else {
            self.forwarder.forward(request, replyTo: .teleport(responder))
        }
    }
}
