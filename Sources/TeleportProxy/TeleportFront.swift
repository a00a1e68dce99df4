internal import NIOCore
internal import Teleport
internal import TeleportEndpoint

/// The side of the proxy that Teleport clients connect to.
struct TeleportFront: RequestHandler {
    let forwarder: Forwarder
    let gate: RequestGate
    let accessLog: AccessLog?

    func handle(_ request: Request, _ responder: Responder<Response>) {
        let client = self.needsClient ? responder.remoteAddress : nil
        let note = RequestNote(
            self.accessLog, request.head, client: client?.clientIP ?? "unix", version: "teleport/0")
        var inbound = InboundRequest(request: request, upload: nil, replyTo: .teleport(responder), note: note)
        do throws(HTTPError) {
            if let refusal = self.gate.refusal(of: request.head, isUpgradeIgnored: true) {
                return self.refuse(inbound, refusal, because: "refused")
            }
            try self.gate.adapt(&inbound.request.head, client: client)
        } catch {
            return self.refuse(inbound, .refusal(error), because: "\(error.code)")
        }
        if responder.isOneWay {
            self.forwarder.acceptOneWay(inbound, responder)
        } else {
            self.forwarder.accept(inbound)
        }
    }

    private var needsClient: Bool { self.accessLog != nil || self.gate.clientIPField != nil }

    private func refuse(_ inbound: InboundRequest, _ response: Response, because failure: String) {
        inbound.note?.ended(
            response.status, requestBytes: inbound.request.body.count ?? 0, responseBytes: response.body.count ?? 0,
            failure: failure)
        inbound.replyTo.respond(.whole(response))
    }
}
