import NIOCore
import Teleport

/// What is sent and what comes back: pairs of a request and the answer that the server must give to it.
struct Workload: Sendable {
    /// What it is called in output.
    let name: String
    let requests: [Request]
    let answers: [Response]
    /// The bodies of ``answers``, to be compared.
    let bodies: [ByteBuffer]
    /// The greatest body, in bytes.
    let largestBody: Int

    init(_ name: String, _ requests: [Request], _ answers: [Response]) {
        self.name = name
        self.requests = requests
        self.answers = answers
        self.bodies = answers.map { $0.body.buffer ?? ByteBuffer() }
        self.largestBody = (requests.map(\.body) + answers.map(\.body)).compactMap(\.count).max() ?? 0
    }

    /// Bytes of an answer's body.
    var meanAnswer: Double {
        Double(self.answers.compactMap(\.body.count).reduce(0, +)) / Double(Swift.max(1, self.answers.count))
    }

    /// A small GET and an answer with a body of 260 bytes.
    static func hello() -> Workload {
        let body = Body(String(repeating: "Hello, world! 0123456789. ", count: 10))
        return Workload(
            "hello", [Request(.get, "/", host: "localhost")],
            [Response(fields: ["Content-Type": "text/plain"], body: body)])
    }

    /// The messages of the reference's benchmark: a GET for `/foo/bar`, answered with 261 bytes.
    static func reference() -> Workload {
        let words = String(repeating: "Some words that compress as words do, 0293 4u09u0 lksdjf. ", count: 5)
        return Workload(
            "get", [Request(.get, "/foo/bar", host: "foobar")],
            [Response(fields: ["Content-Type": "text/plain"], body: Body(bytes: words.utf8.prefix(261)))])
    }

    /// Requests and responses from files, for example of real-time bidding.
    static func corpus(directory: String) throws -> Workload {
        let files = try CorpusFiles(directory: directory)
        return Workload(
            "corpus",
            // The target says which answer belongs to the request.
            files.requests.enumerated().map { index, body in
                Request(
                    method: .post, target: "/\(index)",
                    fields: ["Host": "bidder.example", "Content-Type": "application/json"], body: Body(body))
            }, files.responses.map { Response(fields: ["Content-Type": "application/json"], body: Body($0)) })
    }

    /// A POST and an answer whose bodies have this many bytes.
    static func sized(_ size: Int) -> Workload {
        // No two lines alike, as in most data, but letters and digits.
        var text = ByteBuffer()
        var number: UInt64 = 1
        while text.readableBytes < size {
            number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            text.writeString(String(number >> 16, radix: 36) + " ")
        }
        let body = Body(text.getSlice(at: 0, length: size) ?? ByteBuffer())
        return Workload(
            "\(size) bytes",
            [Request(method: .post, target: "/", fields: ["Host": "localhost"], body: body)],
            [Response(fields: ["Content-Type": "text/plain"], body: body)])
    }

    /// The answer that belongs to a request.
    func answer(to request: Request) -> Response {
        guard self.answers.count > 1 else { return self.answers[0] }
        var index = 0
        for digit in request.head.targetBytes.readableBytesView.dropFirst() {
            index = index &* 10 &+ Int(digit &- 0x30)
        }
        guard self.answers.indices.contains(index) else { return .text("no such request\n", status: .notFound) }
        return self.answers[index]
    }
}
