import NIOCore
import TeleportHTTP
import TeleportTestKit
import TestTraits
import Testing

/// However a stream is cut, and through either face, a decoder gives the same: over samples and over random mutations.
@Suite(.computing) struct PiecewiseTests {
    static let limits = HTTPLimits(
        maxHeadSize: 300, maxTargetSize: 60, maxFieldCount: 8, maxBodySize: 64, maxChunkLineSize: 16,
        maxTrailerSize: 40,
        maxDiscardedBody: 128)

    static let requestSamples = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nhost:b\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.0\r\n\r\n",
        "\r\nPOST /b HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 70\r\n\r\n"
            + String(repeating: "z", count: 70),
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: close, x\r\nUpgrade: w\r\n\r\nabcdeGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n" + String(repeating: "q", count: 48)
            + "\r\n20\r\n" + String(repeating: "r", count: 32) + "\r\n0\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    static let responseSamples = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest",
        "HTTP/1.0 404 Not Found\r\nserver: x\r\n\r\nuntil the end",
    ]

    func checkRequests(_ bytes: [UInt8], _ comment: @autoclosure () -> Comment) {
        for profile in [HTTPProfile.http1, .teleport] {
            let expected = requests(bytes, profile, limits: Self.limits)
            for cut in Cut.allCases {
                let seen = requests(bytes, profile, limits: Self.limits, cut: cut)
                if seen != expected { Issue.record("\(comment()): events \(cut): \(seen) instead of \(expected)") }
                let whole = wholeRequests(bytes, profile, limits: Self.limits, cut: cut)
                if whole != expected { Issue.record("\(comment()): whole \(cut): \(whole) instead of \(expected)") }
            }
        }
    }

    func checkResponses(_ bytes: [UInt8], _ comment: @autoclosure () -> Comment) {
        for profile in [HTTPProfile.http1, .teleport] {
            func run(_ cut: Cut, _ whole: Bool) -> [Outcome] {
                responses(bytes, to: [.get, .get, .head, .get], profile, limits: Self.limits, cut: cut, whole: whole)
                    .filter { if case .informational = $0 { false } else { true } }
            }
            let expected = run(.whole, false)
            for cut in Cut.allCases {
                for whole in [true, false] where run(cut, whole) != expected {
                    Issue.record("\(comment()): \(cut) \(whole): \(run(cut, whole)) instead of \(expected)")
                }
            }
        }
    }

    @Test func samples() {
        for sample in Self.requestSamples { checkRequests(Array(sample.utf8), "\(sample)") }
        for sample in Self.responseSamples { checkResponses(Array(sample.utf8), "\(sample)") }
    }

    @Test func transcripts() throws {
        for name in try Vectors.names(prefix: "raw_", suffix: ".client.bin") {
            let bytes = try Vectors.bytes(name + ".client.bin")
            checkRequests(Array(bytes.dropFirst(19)), "\(name)")
        }
    }

    /// Whoever holds what a decoder has not consumed may show it less than before, or nothing, and then more.
    @Test(
        "a decoder that is shown less than before waits, and reads on where it was",
        arguments: PiecewiseTests.requestSamples)
    func shownLess(sample: String) throws {
        let bytes = Array(sample.utf8)
        func outcome(_ cut: Int?) -> String {
            var decoder = RequestDecoder(profile: .teleport)
            var (consumed, result) = (0, "")
            for end in cut.map({ [$0, 0, $0 / 2, bytes.count] }) ?? [bytes.count] {
                var buffer = ByteBuffer(bytes: bytes[consumed..<max(consumed, end)])
                let count = buffer.readableBytes
                do throws(HTTPError) {
                    while let message = try decoder.nextMessage(from: &buffer) {
                        // In buffers of their own: where a request stands in the one it came in is not the question.
                        if case .request(let request) = message { result += "\(request.detached())\n" }
                        if case .refused(let error) = message { result += "\(error)\n" }
                    }
                } catch {
                    return result + "\(error)"
                }
                consumed += count - buffer.readableBytes
            }
            return result + "\(consumed)"
        }
        let expected = outcome(nil)
        for cut in 0...bytes.count { #expect(outcome(cut) == expected, "cut at \(cut)") }
    }

    @Test func mutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for round in 0..<1500 {
            let isRequest = round % 2 == 0
            let samples = isRequest ? Self.requestSamples : Self.responseSamples
            let bytes = mutated(Array(samples[round / 2 % samples.count].utf8), &random)
            let text = String(decoding: bytes, as: UTF8.self)
            if isRequest {
                checkRequests(bytes, "seed \(seed) round \(round): \(text)")
            } else {
                checkResponses(bytes, "seed \(seed) round \(round): \(text)")
            }
        }
    }

    /// One to three small changes, drawn towards bytes that mean something.
    func mutated(_ sample: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        let telling = Array("\r\n \t:;,\0\u{1}0159aAfF/\u{7F}".utf8) + [0x80, 0xFF]
        var bytes = sample
        for _ in 0...Int.random(in: 0...2, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = telling[Int.random(in: 0..<telling.count, using: &random)]
            case 1: bytes.insert(telling[Int.random(in: 0..<telling.count, using: &random)], at: place)
            case 2: bytes.remove(at: place)
            default:
                let other = Int.random(in: 0..<bytes.count, using: &random)
                let range = min(place, other)..<min(max(place, other), min(place, other) + 40)
                bytes.insert(contentsOf: Array(bytes[range]), at: place)
            }
        }
        return bytes
    }
}
