internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// The side of the proxy that Teleport clients connect to.
struct TeleportFront: RequestHandler {
    let forwarder: CurrentForwarder
    let gate: RequestGate
    let accessLog: AccessLog?

    func handle(_ request: consuming Request, _ responder: Responder<Response>) {
        let client = self.needsClient ? responder.remoteAddress : nil
        let note = self.note(request.head, client, responder)
        let upload = request.body.isStream || request.opensTunnel ? Self.takeUpload(of: &request) : nil
        let refusal = self.adapt(&request, client: client, isOneWay: responder.isOneWay)
        let inbound = InboundRequest(
            request: consume request, upload: upload, replyTo: .teleport(responder), note: note)
        if let refusal { return self.refuse(inbound, refusal.response, because: refusal.reason) }
        guard !responder.isOneWay else { return self.forwarder.acceptOneWay(inbound, responder) }
        guard let exchange = self.forwarder.accept(consume inbound), !exchange.isOver else { return }
        responder.onCancel {
            // It is the client's deadline that ends it then, which is the server's business.
            exchange.giveUp(exchange.deadline <= .now() ? .timedOut : .clientGone)
        }
    }

    /// The body, if it is still coming.
    private static func takeUpload(of request: inout Request) -> BodyPipe? {
        let upload =
            (request.body.source as? PipeSource)?.handOn()
            // A client that has ended its half already.
            ?? (request.opensTunnel ? BodyPipe(whole: request.body.buffer ?? ByteBuffer()) : nil)
        if upload != nil { request.body = .empty }
        return upload
    }

    private func note(
        _ head: borrowing RequestHead, _ client: SocketAddress?, _ responder: borrowing Responder<Response>
    ) -> RequestNote? {
        guard let log = self.accessLog else { return nil }
        return RequestNote(
            log, copy head, client: client?.clientIP ?? "unix",
            version: responder.wire == .v0 ? "teleport/0" : "teleport/1")
    }

    /// Changes what an intermediary has to change; or says what is answered instead of forwarding it, and why.
    private func adapt(
        _ request: inout Request, client: SocketAddress?, isOneWay: Bool
    ) -> (response: Response, reason: String)? {
        do throws(HTTPError) {
            let refusal =
                request.opensTunnel
                ? self.gate.tunnelRefusal(of: request.head, hasBody: isOneWay)
                : self.gate.refusal(of: request.head, isUpgradeIgnored: true)
            if let refusal { return (refusal, "refused") }
            if request.opensTunnel { try self.gate.adaptTunnel(&request.head) }
            try self.gate.adapt(&request.head, client: client)
            return nil
        } catch {
            return (.refusal(error), "\(error.code)")
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
