internal import Synchronization
internal import Teleport
internal import TeleportEndpoint

/// What new requests are forwarded by: replaced by each reload, while those under way end where they began.
final class CurrentForwarder: RequestService {
    private let forwarder: Mutex<Forwarder>

    init(_ forwarder: Forwarder) { self.forwarder = Mutex(forwarder) }

    var current: Forwarder { self.forwarder.withLock { $0 } }
    func replace(with forwarder: Forwarder) { self.forwarder.withLock { $0 = forwarder } }

    func takesStream(after bytes: Int) -> Bool { self.current.takesStream(after: bytes) }
    @discardableResult
    func accept(_ inbound: consuming InboundRequest) -> Exchange? { self.current.accept(inbound) }
    func acceptOneWay(_ inbound: InboundRequest, _ responder: Responder<Response>) {
        self.current.acceptOneWay(inbound, responder)
    }
}
