internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// The side of the proxy that Teleport clients connect to.
struct TeleportFront: RequestHandler {
    let forwarder: CurrentForwarder
    let gate: RequestGate
    let accessLog: AccessLog?

    func handle(_ request: Request, _ responder: Responder<Response>) {
        let client = self.needsClient ? responder.remoteAddress : nil
        let note = self.accessLog.flatMap {
            RequestNote(
                $0, request.head, client: client?.clientIP ?? "unix",
                version: responder.wire == .v0 ? "teleport/0" : "teleport/1")
        }
        let upload =
            (request.body.source as? PipeSource)?.handOn()
            // A client that has ended its half already.
            ?? (request.opensTunnel ? BodyPipe(whole: request.body.buffer ?? ByteBuffer()) : nil)
        var inbound = InboundRequest(request: request, upload: upload, replyTo: .teleport(responder), note: note)
        if upload != nil { inbound.request.body = .empty }
        do throws(HTTPError) {
            let refusal =
                request.opensTunnel
                ? self.gate.tunnelRefusal(of: request.head, hasBody: responder.isOneWay)
                : self.gate.refusal(of: request.head, isUpgradeIgnored: true)
            if let refusal { return self.refuse(inbound, refusal, because: "refused") }
            if request.opensTunnel { try self.gate.adaptTunnel(&inbound.request.head) }
            try self.gate.adapt(&inbound.request.head, client: client)
        } catch {
            return self.refuse(inbound, .refusal(error), because: "\(error.code)")
        }
        guard !responder.isOneWay else { return self.forwarder.acceptOneWay(inbound, responder) }
        guard let exchange = self.forwarder.accept(inbound), !exchange.isOver else { return }
        responder.onCancel {
            // It is the client's deadline that ends it then, which is the server's business.
            exchange.giveUp(exchange.deadline <= .now() ? .timedOut : .clientGone)
        }
    }

    private var needsClient: Bool { self.accessLog != nil || self.gate.clientIPField != nil }

    private func refuse(_ inbound: InboundRequest, _ response: Response, because failure: String) {
        inbound.upload?.cancel()
        inbound.note?.ended(
            response.status, requestBytes: inbound.request.body.count ?? 0, responseBytes: response.body.count ?? 0,
            failure: failure)
        inbound.replyTo.respond(.whole(response))
    }
}
