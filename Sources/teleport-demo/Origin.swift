import NIOCore
import Synchronization
import TeleportHTTP
import TeleportTransport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The embedded origin: an HTTP/1.1 server on loopback that answers the bid requests of the corpus.
final class Origin: Sendable {
    private let bids: [ByteBuffer: Corpus.Bid]
    /// Bytes of the answers so far, heads included.
    let answeredBytes = Atomic<Int>(0)

    init(_ corpus: Corpus) {
        var bids: [ByteBuffer: Corpus.Bid] = [:]
        for bid in corpus.bids {
            if let key = Corpus.key(of: bid.request) { bids[key] = bid }
        }
        self.bids = bids
    }

    /// Listens on a free port.
    func start() async throws -> Listener {
        try await Listener.bind(.tcp(host: "127.0.0.1", port: 0), group: EventLoops.shared) { _ in
            OriginConnection(self)
        }
    }

    /// The response in the corpus, if the request is there too, byte for byte.
    func answer(to request: Request) -> Response {
        guard request.method == .post, request.target == Corpus.target else {
            return .text("Only POST \(Corpus.target).\n", status: 404)
        }
        guard let body = request.body.buffer, let key = Corpus.key(of: body), let bid = self.bids[key],
            bid.request == body
        else { return .text("This bid request is not in the corpus.\n", status: 400) }
        return Response(fields: Self.fields, body: Body(bid.response))
    }

    private static let fields: Fields = ["Content-Type": "application/json"]
}

/// One connection to the embedded origin. Confined to its loop.
private final class OriginConnection: ByteStream {
    private let origin: Origin
    private var decoder = RequestDecoder(profile: .http1)
    private var date = HTTPDate()
    private var outbound = ByteBuffer()
    private var driver: ConnectionDriver?

    init(_ origin: Origin) { self.origin = origin }

    func connectionOpened(_ driver: ConnectionDriver) { self.driver = driver }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        let before = self.outbound.readableBytes
        self.date.update(to: Int64(time(nil)))
        var isLast = false
        do throws(HTTPError) {
            while !isLast, let message = try self.decoder.nextMessage(from: &bytes) {
                switch message {
                case .request(let request):
                    isLast = !request.head.keepsAlive
                    try self.write(self.origin.answer(to: request), closing: isLast)
                case .refused(let error):
                    try self.write(.text("\(error)\n", status: error.status), closing: false)
                }
            }
        } catch {
            isLast = true
            // A text with a length can be said with every status of an error.
            try? self.write(.text("\(error)\n", status: error.status), closing: true)
        }
        self.origin.answeredBytes.wrappingAdd(self.outbound.readableBytes - before, ordering: .relaxed)
        if isLast { self.driver?.closeGracefully() } else { self.driver?.scheduleFlush() }
    }

    private func write(_ response: Response, closing: Bool) throws(HTTPError) {
        let body = response.body.buffer ?? ByteBuffer()
        try ResponseEncoder.encode(
            response.head, framing: .length(body.readableBytes), connection: closing ? .close : .unsaid,
            date: self.date, into: &self.outbound)
        self.outbound.writeImmutableBuffer(body)
    }

    func bytesToSend() -> ByteBuffer? {
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        return bytes
    }

    func inputClosed() { self.driver?.closeGracefully() }

    func connectionClosed(_ cause: TransportError) { self.driver = nil }
}
