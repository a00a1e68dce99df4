import NIOCore
import TeleportHTTP
import TeleportTestKit

/// Messages to try heads of protocol v1 on: those of the v0 recordings and the seeds of the fuzzers, and random ones.
enum FramedFixtures {
    /// Every request that can be read from the recordings.
    static func requests() throws -> [Request] {
        var result: [Request] = []
        for bytes in try streams("client") {
            var buffer = bytes
            var decoder = RequestDecoder(profile: .teleport)
            while buffer.readInteger(as: UInt32.self) != nil {
                guard case .request(let request)? = try? decoder.nextMessage(from: &buffer) else { break }
                result.append(request)
            }
        }
        for text in PiecewiseTests.requestSamples { result += TeleportHTTPTests.requests(text).compactMap(\.request) }
        return result
    }

    /// Every response that can be read from the recordings.
    static func responses() throws -> [Response] {
        var result: [Response] = []
        for bytes in try streams("server") {
            var buffer = bytes
            var decoder = ResponseDecoder(profile: .teleport)
            while buffer.readInteger(as: UInt32.self) != nil {
                guard let response = try? decoder.nextMessage(from: &buffer) else { break }
                result.append(response)
            }
        }
        return result
    }

    private static func streams(_ side: String) throws -> [ByteBuffer] {
        try Vectors.names(prefix: "http_", suffix: ".\(side).bin").map { name in
            let plain = "\(name).\(side).plain.bin"
            if Vectors.exists(plain) { return ByteBuffer(bytes: try Vectors.bytes(plain)) }
            return ByteBuffer(bytes: try Vectors.bytes("\(name).\(side).bin").dropFirst(15))
        }
    }
}

/// Random heads in HTTP/1.1.
struct RandomHeads {
    var random: SeededRandom

    private static let names = [
        "Accept", "accept-encoding", "USER-AGENT", "Content-Type", "Cookie", "cookie", "Set-Cookie", "Authorization",
        "X-Api-Key", "x-api-key", "Via", "Date", "ETag", "Etag", "Traceparent", "Tracestate", "X-Request-ID",
        "Trailer", "Sec-WebSocket-Key", "X", "x", "Link", "Forwarded", "Content-Length", "Host-Like",
    ]
    private static let hopByHop = [
        "Connection: close", "Connection: X, accept", "Keep-Alive: 5", "TE: trailers", "Upgrade: w",
        "Expect: 100-continue",
        "Proxy-Connection: close", "connection: host, content-length",
    ]
    private static let values = [
        "", "0", "1", "*/*", "gzip", "gzip, deflate, br", "text/plain; charset=utf-8", "application/json", "nginx",
        "a", "é", "a\tb", "Sun, 22 Nov 2026 15:27:25 GMT", "close",
    ]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    private mutating func pick(_ choices: [String]) -> String {
        choices.randomElement(using: &random) ?? ""
    }

    private mutating func text(_ lengths: ClosedRange<Int>) -> String {
        let characters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'*+")
        return String(
            (0..<Int.random(in: lengths, using: &random)).map { _ in characters.randomElement(using: &random) ?? "a" })
    }

    private mutating func lines() -> [String] {
        var lines: [String] = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: lines.append(pick(Self.hopByHop))
            case 1, 2: lines.append(text(1...20) + ": " + text(0...300))
            case 3: lines.append(pick(Self.names) + ":" + text(0...5) + " \t")
            default: lines.append(pick(Self.names) + ": " + pick(Self.values))
            }
        }
        // A second expectation would be one that cannot be met.
        let expectation = lines.firstIndex { $0.hasPrefix("Expect:") }
        return lines.enumerated().filter { index, line in
            !line.lowercased().hasPrefix("content-length") && (!line.hasPrefix("Expect:") || index == expectation)
        }.map(\.element)
    }

    mutating func request() throws -> RequestHead {
        let method = Bool.random(using: &random) ? pick(["GET", "POST", "HEAD", "DELETE", "PATCH"]) : text(1...12)
        var lines = lines()
        let host = pick(["Host: a", "host:b.example:8080", "HOST: [::1]", "Host:"])
        lines.insert(host, at: Int.random(in: 0...lines.count, using: &random))
        let start = "\(method) /\(text(0...40)) HTTP/1.\(Bool.random(using: &random) ? 1 : 0)"
        return try requestHead(([start] + lines).joined(separator: "\r\n") + "\r\n\r\n")
    }

    mutating func response() throws -> ResponseHead {
        let status = Int.random(in: 200...599, using: &random)
        let reason = pick(["OK", "Not Found", "Fine", "é"])
        return try responseHead(
            (["HTTP/1.1 \(status) \(reason)"] + lines()).joined(separator: "\r\n") + "\r\n\r\n")
    }
}
