import NIOCore
package import TeleportHTTP

/// One request and its answer, as they were recorded.
package struct RecordedExchange: Sendable {
    package var request: Request
    package var response: Response

    package init(request: Request, response: Response) {
        self.request = request
        self.response = response
    }
}

/// Traffic of somebody's own, to be sent through a link.
package struct RecordedTraffic: Sendable {
    package private(set) var exchanges: [RecordedExchange] = []
    /// Bytes of all requests, and of all answers, as HTTP/1.1.
    package private(set) var plain = Volume()
    /// What was left out or is not as it was, and how often, in the order in which it came up first.
    package private(set) var remarks: [(text: String, count: Int)] = []

    package init() {}

    /// Adds an exchange, unless it cannot go through a link: that becomes a remark.
    mutating func append(_ exchange: RecordedExchange) {
        do throws(HTTPError) {
            try exchange.check()
            let size = try exchange.plainSize()
            self.plain.requests += size.requests
            self.plain.responses += size.responses
            self.exchanges.append(exchange)
        } catch {
            self.remark("left out: \(error.message)")
        }
    }

    mutating func remark(_ text: String) {
        if let index = self.remarks.firstIndex(where: { $0.text == text }) {
            self.remarks[index].count += 1
        } else {
            self.remarks.append((text, 1))
        }
    }
}

/// Bytes each way.
package struct Volume: Sendable, Equatable {
    package var requests: Int
    package var responses: Int

    package init(requests: Int = 0, responses: Int = 0) {
        self.requests = requests
        self.responses = responses
    }

    package var total: Int { self.requests + self.responses }
}

extension RecordedExchange {
    /// Throws if a link would refuse it: one that is odd must not end the replay of all.
    func check() throws(HTTPError) {
        var (head, secrets) = (ByteBuffer(), ByteBuffer())
        try FramedEncoder.encode(
            self.request.head, content: .whole(self.request.body.count ?? 0), into: &head, secretValues: &secrets)
        try FramedEncoder.encode(
            self.response.head, content: .whole(self.response.body.count ?? 0), into: &head, secretValues: &secrets)
    }

    /// What it takes as HTTP/1.1.
    func plainSize() throws(HTTPError) -> Volume {
        var buffer = ByteBuffer()
        let content = self.request.body.buffer?.readableBytes ?? 0
        try RequestEncoder.encode(
            self.request.head, framing: content == 0 ? .none : .length(content), into: &buffer)
        let request = buffer.readableBytes + content
        buffer.clear()
        let answer = self.response.body.buffer?.readableBytes ?? 0
        try ResponseEncoder.encode(self.response.head, framing: .length(answer), into: &buffer)
        return Volume(requests: request, responses: buffer.readableBytes + answer)
    }
}

/// Why a file tells nothing: where, and what was expected.
package struct TrafficFileError: Error, CustomStringConvertible {
    package let description: String

    init(_ file: String, line: Int? = nil, _ message: String) {
        self.description = "\(file)\(line.map { ":\($0)" } ?? ""): \(message)"
    }
}
