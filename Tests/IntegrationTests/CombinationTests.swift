import Foundation
import Testing

@testable import httptp

/// Every kind of client side with every kind of server side: what comes through is what nginx said.
///
/// ```
/// curl ─┬─────────────────────────────▶ httptp ─┬──────────────────────────▶ nginx
///       └─▶ httptp ═ teleport[s] ═════▶  under  └═ teleport[s] ═▶ httptp ─▶
///                                         test
/// ```
@Suite("httptp, any type to any type", .timeLimit(.minutes(10)), .serialized)
struct CombinationTests {
    static let codecs = ["none", "flate", "snappy", "lz4"]

    /// One way through, and how curl takes it.
    private struct Way {
        let processes: [HTTPTPProcess]
        let options: [String]
        let base: String

        func stop() async throws {
            // Near the client first: nobody is left to ask the next one.
            for process in self.processes {
                process.process.terminate()
                let code = try await process.process.ended()
                #expect(code == 0, "\(process.process.text)")
            }
        }
    }

    private func way(
        from inType: Kind, to outType: Kind, codec: String, _ nginx: Nginx, _ certificates: Certificates,
        _ scratch: Scratch
    ) async throws -> Way {
        let identity = ["-inTLSCert", certificates.localhost.chain, "-inTLSKey", certificates.localhost.key]
        let trust = ["-outTLSCA", certificates.authority]
        // Behind.
        var processes: [HTTPTPProcess] = []
        var out = ["-outType", outType.rawValue, "-outCompress", codec] + (outType.isEncrypted ? trust : [])
        switch outType {
        case .http: out += ["-out", "127.0.0.1:\(nginx.port)"]
        case .https: out += ["-out", "localhost:\(nginx.securePort)"]
        case .unix: out += ["-out", nginx.socketPath]
        case .teleport, .teleports:
            let far = try await HTTPTPProcess(
                ["-inType", outType.rawValue, "-inCompress", codec, "-out", "127.0.0.1:\(nginx.port)"]
                    + ["-outType", "http"] + (outType.isEncrypted ? identity : []))
            processes = [far]
            out += ["-out", "127.0.0.1:\(far.port)"]
        }
        // Under test.
        if inType == .unix {
            let path = "\(scratch.path)/\(outType.rawValue).sock"
            processes.insert(try await HTTPTPProcess(out, socketPath: path), at: 0)
            return Way(processes: processes, options: ["--unix-socket", path], base: "http://localhost")
        }
        let process = try await HTTPTPProcess(
            ["-inType", inType.rawValue, "-inCompress", codec] + (inType.isEncrypted ? identity : []) + out)
        processes.insert(process, at: 0)
        // Before it.
        switch inType {
        case .http, .unix:
            return Way(processes: processes, options: [], base: "http://127.0.0.1:\(process.port)")
        case .https:
            let options = ["--cacert", certificates.authority, "--resolve", "localhost:\(process.port):127.0.0.1"]
            return Way(processes: processes, options: options, base: "https://localhost:\(process.port)")
        case .teleport, .teleports:
            let near = try await HTTPTPProcess(
                ["-outType", inType.rawValue, "-outCompress", codec, "-out", "127.0.0.1:\(process.port)"]
                    + (inType.isEncrypted ? trust : []))
            processes.insert(near, at: 0)
            return Way(processes: processes, options: [], base: "http://127.0.0.1:\(near.port)")
        }
    }

    /// Status line and fields that do not vary from one answer to the next, nor from one way to delimit it to another.
    private func stable(_ head: String) -> [String] {
        let isChunked = head.contains("Transfer-Encoding: chunked") || head.contains("Content-Encoding")
        let unstable = ["date:", "connection:"] + (isChunked ? ["transfer-encoding:", "content-length:"] : [])
        return head.split(separator: "\r\n").map(String.init).filter { line in
            !unstable.contains { line.lowercased().hasPrefix($0) }
        }.sorted()
    }

    /// What curl is asked to do, the path last.
    private static let questions = [
        ["/small.txt"], ["/megabyte"], ["/empty"], ["-I", "/megabyte"], ["/absent"], ["-r", "10-19", "/megabyte"],
        ["-r", "-5", "/megabyte"], ["/nothing"], ["--compressed", "/text.html"],
        ["-X", "DELETE", "/up/absent"], ["-d", "a=b", "/up/absent"],
    ]

    private struct Answer: Equatable {
        let head: [String]
        let body: Data
    }

    private func ask(_ question: [String], _ options: [String], _ base: String, _ scratch: Scratch) async throws
        -> Answer
    {
        let path = "\(scratch.path)/body"
        try? FileManager.default.removeItem(atPath: path)
        let result = try await Curl.run(
            options + question.dropLast() + ["-o", path, "-D", "-", "\(base)\(question[question.count - 1])"])
        #expect(result.status == 0, "\(base) \(question): \(result.text)")
        // Of an answer to HEAD curl takes the head for the body.
        let body = question.contains("-I") ? nil : FileManager.default.contents(atPath: path)
        return Answer(head: self.stable(result.text), body: body ?? Data())
    }

    @Test("what comes through is what nginx says", arguments: Kind.allCases)
    func same(inType: Kind) async throws {
        let certificates = try await Certificates()
        let nginx = try await Nginx(certificates: certificates)
        let scratch = try Scratch()
        var expected: [Answer] = []
        for question in Self.questions {
            expected.append(try await self.ask(question, [], "http://127.0.0.1:\(nginx.port)", scratch))
        }
        #expect(expected[1].body == Nginx.files["megabyte"])
        for (index, outType) in Kind.allCases.enumerated() {
            let first = Kind.allCases.firstIndex(of: inType) ?? 0
            let codec = Self.codecs[(first + index) % Self.codecs.count]
            let name = "\(inType) to \(outType), \(codec)"
            let way = try await self.way(from: inType, to: outType, codec: codec, nginx, certificates, scratch)
            for (question, answer) in zip(Self.questions, expected) {
                let actual = try await self.ask(question, way.options, way.base, scratch)
                #expect(actual.head == answer.head, "\(name): \(question)")
                #expect(actual.body == answer.body, "\(name): \(question)")
            }
            // A megabyte up: with a length, chunked, and with a wait for 100 (Continue).
            let source = "\(nginx.scratch.path)/html/megabyte"
            for (file, options) in [
                ("length", ["-H", "Expect:"]), ("chunked", ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"]),
                ("waiting", ["-H", "Expect: 100-continue"]),
            ] {
                let target = "\(inType)-\(outType)-\(file)"
                let code = try await Curl.code(way.options + options + ["-T", source, "\(way.base)/up/\(target)"])
                #expect(code == "201", "\(name): \(file)")
                let arrived = FileManager.default.contents(atPath: "\(nginx.scratch.path)/html/up/\(target)")
                #expect(arrived == Nginx.files["megabyte"], "\(name): \(file)")
            }
            // A server that answers before it has the body, as nginx does with a method that it does not want.
            let code = try await Curl.code(
                way.options + ["-H", "Expect:", "-X", "POST", "--data-binary", "@\(source)", "\(way.base)/small.txt"])
            #expect(code == "405", "\(name): POST")
            try await way.stop()
        }
        try await nginx.stop()
    }
}
