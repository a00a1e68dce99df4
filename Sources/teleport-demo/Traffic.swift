import NIOCore
import TeleportHTTP

/// What the clients send and what they must get for it.
struct Traffic: Sendable {
    /// One request and its answer.
    struct Exchange: Sendable {
        let method: HTTPMethod
        /// The request as it goes to the socket.
        let request: ByteBuffer
        let status: Status
        /// The body of the answer; `nil` if it is another every time.
        let answer: ByteBuffer?
    }

    /// Never empty.
    let exchanges: [Exchange]
    /// The requests, for an error message: `POST /bid`.
    let name: String

    /// The bid requests of the corpus, and the responses that belong to them.
    init(_ corpus: Corpus) throws {
        self.name = "POST \(Corpus.target)"
        self.exchanges = try corpus.bids.map { bid in
            let head = RequestHead(
                method: .post, target: Corpus.target,
                fields: [
                    "Host": "bidder.example", "User-Agent": "teleport-demo", "Accept": "application/json",
                    "Content-Type": "application/json", "X-OpenRTB-Version": "2.5",
                ])
            var bytes = ByteBuffer()
            try RequestEncoder.encode(head, framing: .length(bid.request.readableBytes), into: &bytes)
            bytes.writeImmutableBuffer(bid.request)
            return Exchange(method: .post, request: bytes, status: .ok, answer: bid.response)
        }
    }

    /// The same GET again and again; `answers` are what the origin says to it when asked directly.
    init(_ url: OriginURL, answers: [Response]) throws {
        self.name = "GET \(url.target)"
        guard let first = answers.first else { throw DemoError("The origin was not asked.") }
        let isStable = answers.allSatisfy { $0.body.buffer == first.body.buffer }
        self.exchanges = [
            Exchange(
                method: .get, request: try Self.get(url, connection: .unsaid), status: first.status,
                answer: isStable ? first.body.buffer : nil)
        ]
    }

    /// Whether all answers can be compared, bodies included.
    var isStable: Bool { self.exchanges.allSatisfy { $0.answer != nil } }

    /// The bytes of a GET.
    static func get(_ url: OriginURL, connection: ConnectionDirective) throws -> ByteBuffer {
        var fields: Fields = ["User-Agent": "teleport-demo", "Accept": "*/*"]
        try fields.append("Host", url.authority)
        var bytes = ByteBuffer()
        try RequestEncoder.encode(
            RequestHead(method: .get, target: url.target, fields: fields), framing: .none, connection: connection,
            into: &bytes)
        return bytes
    }
}

extension Traffic.Exchange {
    /// What is wrong with an answer; `nil` if nothing is.
    func complaint(about response: Response) -> String? {
        guard response.status == self.status else {
            let body = response.body.buffer.map { String(buffer: $0).prefix(200).filter { !$0.isNewline } } ?? ""
            let said = body.isEmpty ? "" : ", saying \"\(body)\""
            return "was answered \(response.status) instead of \(self.status)\(said)"
        }
        guard let answer = self.answer, response.body.buffer != answer else { return nil }
        return "was answered with another body than the origin's"
    }
}

extension Status {
    static let ok: Status = 200
}
