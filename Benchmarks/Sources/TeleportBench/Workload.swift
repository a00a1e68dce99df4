import NIOCore
import Teleport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is sent and what comes back: pairs of a request and the answer that the server must give to it.
struct Workload: Sendable {
    var requests: [Request]
    var answers: [Response]

    /// A small GET and an answer with a body of 260 bytes.
    static func hello() -> Workload {
        let body = Body(String(repeating: "Hello, world! 0123456789. ", count: 10))
        return Workload(
            requests: [Request(.get, "/", host: "localhost")],
            answers: [Response(fields: ["Content-Type": "text/plain"], body: body)])
    }

    /// Requests and responses of real-time bidding, one body a line in each file.
    static func corpus(directory: String) throws -> Workload {
        let requests = try self.lines(directory + "/rtb-requests.jsonl")
        let responses = try self.lines(directory + "/rtb-responses.jsonl")
        guard !requests.isEmpty, requests.count == responses.count else {
            throw BenchError("\(directory): as many requests as responses are expected, and at least one.")
        }
        return Workload(
            // The target says which answer belongs to the request.
            requests: requests.enumerated().map { index, body in
                Request(
                    method: .post, target: "/\(index)",
                    fields: ["Host": "bidder.example", "Content-Type": "application/json"], body: Body(body))
            },
            answers: responses.map { Response(fields: ["Content-Type": "application/json"], body: Body($0)) })
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

    private static func lines(_ path: String) throws -> [ByteBuffer] {
        guard let file = fopen(path, "r") else {
            throw BenchError("\(path) cannot be read. Name the folder of the corpus with --corpus.")
        }
        defer { fclose(file) }
        var lines: [ByteBuffer] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while true {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { return lines }
            let bytes = UnsafeRawBufferPointer(start: line, count: length)
            lines.append(ByteBuffer(bytes: bytes.last == 0x0A ? bytes.dropLast() : bytes[...]))
        }
    }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
