import Foundation
import NIOCore
import TeleportCompress
import TeleportHTTP
import Testing

@testable import TeleportEstimate

/// Reads `text` as a file.
private func read(_ text: String, answers: String? = nil) throws -> RecordedTraffic {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("file")
    try Data(text.utf8).write(to: file)
    guard let answers else { return try RecordedTraffic.read(file.path) }
    let others = folder.appendingPathComponent("answers")
    try Data(answers.utf8).write(to: others)
    return try RecordedTraffic.read(file.path, answers: others.path)
}

/// What is said of `text`, behind the path of the file.
private func fault(_ text: String, answers: String? = nil) -> String? {
    do {
        _ = try read(text, answers: answers)
        return nil
    } catch {
        return "\(error)".replacing(/^\S*\/(file|answers)/) { "\($0.1)" }
    }
}

private func har(_ entries: String...) -> String { #"{"log": {"entries": ["# + entries.joined(separator: ",") + "]}}" }

private func recorded(
    _ method: String = "GET", _ url: String = "https://a.example/x?y=1", headers: String = "", post: String? = nil,
    status: Int = 200, answered: String = "", content: String = #"{"size": 2, "text": "hi"}"#
) -> String {
    """
    {"request": {"method": "\(method)", "url": "\(url)", "httpVersion": "HTTP/2", "headers": [\(headers)]\
    \(post.map { #", "postData": {"mimeType": "a/b", "text": "\#($0)"}"# } ?? "")}, "time": 1.5,
     "response": {"status": \(status), "headers": [\(answered)], "content": \(content)}}
    """
}

@Suite("Files of recorded traffic")
struct TrafficFileTests {
    @Test("a HAR file gives requests and answers as they would travel")
    func archive() throws {
        let traffic = try read(
            "\u{FEFF} \n"
                + har(
                    recorded(
                        "POST",
                        headers: #"{"name": ":path", "value": "/x"}, {"name": "content-length", "value": "9"}, "#
                            + #"{"name": "Cookie", "value": "a=b"}"#, post: "sent", status: 201,
                        answered: #"{"name": "Transfer-Encoding", "value": "chunked"}, {"name": "X", "value": "1"}"#,
                        content: #"{"size": 3, "text": "AQID", "encoding": "base64"}"#),
                    recorded("GET", "http://b.example:81", content: "{}")))
        #expect(traffic.remarks.isEmpty)
        #expect(traffic.exchanges.count == 2)
        let (first, second) = (traffic.exchanges[0], traffic.exchanges[1])
        #expect(first.request.method == HTTPMethod.post && first.request.target == "/x?y=1" && first.request.isSecure)
        #expect(first.request.fields.map { "\($0.name): \($0.value)" } == ["Host: a.example", "Cookie: a=b"])
        #expect(first.request.body.buffer.map { String(buffer: $0) } == "sent")
        #expect(first.response.status.code == 201)
        #expect(first.response.fields.map { "\($0.name): \($0.value)" } == ["X: 1"])
        #expect(first.response.body.buffer == ByteBuffer(bytes: [1, 2, 3]))
        #expect(second.request.target == "/" && !second.request.isSecure)
        #expect(second.request.fields.first(FieldName.host).map { "\($0)" } == "b.example:81")
        let plain = "GET / HTTP/1.1\r\nHost: b.example:81\r\n\r\n".utf8.count
        let posted =
            "POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\nContent-Length: 4\r\n\r\nsent".utf8.count
        #expect(traffic.plain.requests == plain + posted)
        let created = "HTTP/1.1 201 Created\r\nX: 1\r\nContent-Length: 3\r\n\r\n123".utf8.count
        #expect(traffic.plain.responses == created + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8.count)
    }

    @Test("what cannot go through a link, or was not recorded as it was sent, is told")
    func remarks() throws {
        let traffic = try read(
            har(
                recorded(), recorded("GET", "data:text/plain,x"), recorded("CONNECT", "https://a.example/"),
                recorded(status: 0),
                recorded(status: 101), recorded(status: 304, content: #"{"size": 5, "text": "never"}"#),
                recorded("HEAD", content: #"{"size": 7}"#), recorded(content: #"{"size": 7}"#),
                recorded(answered: #"{"name": "content-encoding", "value": "br"}"#),
                recorded(headers: #"{"name": "bad name", "value": "x"}"#)))
        #expect(traffic.exchanges.count == 6)
        #expect(traffic.exchanges[1].response.body.buffer?.readableBytes ?? 0 == 0, "a 304 has no body")
        #expect(traffic.exchanges.allSatisfy { $0.response.fields.first("Content-Encoding") == nil })
        #expect(
            traffic.remarks.map { "\($0.count) \($0.text.prefix(30))" } == [
                "2 left out: not a request of HTT", "2 left out: there was no answer,",
                "1 the body of the answer was not", "1 the answer was compressed by i",
                "1 a field was left out: A field ",
            ])
    }

    @Test("one that a link would refuse is left out, and the others are replayed")
    func refused() async throws {
        let traffic = try read(
            har(
                recorded(), recorded("HEAD", content: "{}"), recorded(headers: #"{"name": "Host", "value": "a b"}"#),
                recorded(headers: #"{"name": "Cookie", "value": "\#(String(repeating: "c", count: 1 << 21))"}"#),
                recorded(status: 304)))
        #expect(traffic.exchanges.count == 3)
        #expect(
            traffic.remarks.map(\.count) == [1, 1] && traffic.remarks.allSatisfy { $0.text.hasPrefix("left out: ") })
        let outcome = try await LinkReplay(codec: .zstd, batch: 2).run(traffic)
        #expect(outcome.link.total > 0)
    }

    @Test("JSON lines are bodies of requests, and of answers if there is a second file")
    func lines() throws {
        let alone = try read("{\"a\": 1}\r\n\n[2]")
        #expect(alone.exchanges.map { $0.request.body.buffer.map { String(buffer: $0) } } == ["{\"a\": 1}", "[2]"])
        #expect(
            alone.exchanges.allSatisfy {
                $0.request.method == HTTPMethod.post && $0.response.status == Status.noContent
            })
        let both = try read("1\n2\n", answers: "\"x\"\n\"y\"\n")
        #expect(both.exchanges.map { $0.response.body.buffer.map { String(buffer: $0) } } == ["\"x\"", "\"y\""])
    }

    @Test("mistakes are told with their place, and what was expected")
    func mistakes() {
        #expect(
            fault("{}\nnonsense\n")?.hasPrefix("file:2: expected a JSON text in each line, or a HAR file: ") == true)
        #expect(fault("\n \n") == "file: it is empty: expected a JSON text in each line.")
        #expect(fault("1\n2", answers: "3")?.hasPrefix("answers: has 1 lines, and ") == true)
        #expect(fault("1", answers: "3\nx")?.hasPrefix("answers:2: expected a JSON text") == true)
        #expect(
            fault(#"{"log": {"entries": [{"request": {"url": "x"}}]}}"#)
                == "file: not a HAR file: log.entries[0].request has no \"method\".")
        #expect(
            fault(#"{"log": {"entries": {}}}"#)?.hasPrefix("file: not a HAR file: log.entries should be of the type ")
                == true)
        #expect(fault(#"{"log": {"#)?.hasPrefix("file: not a HAR file: it: ") == true)
        #expect(fault(har())?.hasSuffix("there is no HTTP exchange in it that a link could carry.") == true)
        #expect(fault(har(recorded()), answers: "1")?.hasSuffix("leave --answers out.") == true)
        #expect(
            (try? RecordedTraffic.read("/nowhere/at/all")) == nil
                && fault("") == "file: it is empty: expected a JSON text in each line.")
    }
}
