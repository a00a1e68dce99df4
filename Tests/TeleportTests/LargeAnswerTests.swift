import NIOCore
import TeleportHTTP
import Testing

@Suite("Answers that are too large, on a shared stream")
struct LargeAnswerTests {
    static let stream = """
        HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world\
        HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello you!\
        HTTP/1.1 204 No Content\r\n\r\n
        """

    /// What becomes of the stream: sizes of bodies, and codes of errors.
    static func outcomes(_ profile: HTTPProfile, pieces: Int) -> [String] {
        let limits = HTTPLimits(maxBodySize: 10, maxDiscardedBody: 11)
        var decoder = ResponseDecoder(profile: profile, limits: limits)
        for _ in 0..<3 { decoder.expect(.get) }
        var outcomes: [String] = []
        var buffer = ByteBuffer()
        let bytes = Array(Self.stream.utf8)
        do throws(HTTPError) {
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                buffer.writeBytes(bytes[start..<Swift.min(start + pieces, bytes.count)])
                while let outcome = try decoder.nextOutcome(from: &buffer) {
                    switch outcome {
                    case .response(let response): outcomes.append("\(response.body.count ?? -1)")
                    case .refused(let error): outcomes.append("refused \(error.code) \(error.status.code)")
                    }
                }
            }
        } catch {
            outcomes.append("failed \(error.code)")
        }
        return outcomes
    }

    @Test("are read over, however they arrive; those behind them are read", arguments: [1, 2, 7, 50, 1000])
    func teleport(pieces: Int) {
        #expect(Self.outcomes(.teleport, pieces: pieces) == ["refused bodyTooLarge 502", "10", "0"])
    }

    @Test("end a connection of HTTP/1.1, which nobody shares", arguments: [1, 1000])
    func http1(pieces: Int) {
        #expect(Self.outcomes(.http1, pieces: pieces) == ["failed bodyTooLarge"])
    }
}
