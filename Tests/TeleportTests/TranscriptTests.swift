import NIOCore
import NetworkTestSupport
import Synchronization
import Teleport
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportWire
import TestTraits
import Testing

/// Replays the HTTP recordings of the reference against both ends, over real sockets.
///
/// The recordings of TLS cannot be replayed, their keys are gone: what they show is checked on live connections by the
/// tests of TeleportEndpoint.
@Suite("The reference's HTTP conversations", .computing, .timeLimit(.minutes(10)))
struct TranscriptTests {
    static func names(_ prefix: String) -> [String] {
        ((try? VectorLoader().names()) ?? []).filter { $0.hasPrefix(prefix) }
    }

    /// Desynchronised by the reference itself, on purpose: what they say is not what anybody should do.
    static let exempt: Set = ["http_head_skipbody_desync", "http_expect_100_desync"]
    static let replayable = names("http_").filter { !$0.hasPrefix("http_tls") && !exempt.contains($0) }

    @Test("are all there")
    func found() {
        #expect(Self.replayable.count == 37)
        #expect(Self.names("raw_").count == 29)
        #expect(Self.names("rawsrv_").count == 7)
    }

    /// The responses of a recording by id, from its bytes, each checked against its description.
    static func responses(of transcript: Transcript) throws -> [UInt32: Response] {
        let plain = try #require(transcript.serverPlain)
        var all: [UInt32: Response] = [:]
        for (id, response) in try WireBytes.responses(in: plain) { all[id] = response }
        for expected in transcript.responses {
            Self.check(try #require(all[expected.id]), against: expected, "\(transcript.name) \(expected.id)")
        }
        return all
    }

    /// The requests of a recording in their order, from its bytes.
    static func requests(of transcript: Transcript) throws -> [(id: UInt32, request: Request)] {
        let plain = try #require(transcript.clientPlain)
        return try transcript.requests.map { expected in
            let range = try #require(expected.plainRange)
            var bytes = try #require(plain.getSlice(at: plain.readerIndex + range.lowerBound, length: range.count))
            let id = CallID.decode(from: &bytes)
            #expect(id?.rawValue == expected.id)
            var decoder = RequestDecoder(profile: .teleport)
            guard case .request(let request)? = try decoder.nextMessage(from: &bytes) else {
                throw HTTPError(.truncated)
            }
            return (expected.id, request)
        }
    }

    /// Fields that belong to one hop, or that the reference invents.
    static let ownFields: Set = ["Content-Length", "Content-Type", "Connection"]

    static func check(_ response: Response, against expected: TranscriptResponse, _ comment: Comment) {
        #expect(Int(response.status.code) == expected.status, comment)
        #expect(expected.body.matches(response.body.buffer ?? ByteBuffer()), comment)
        let fields = response.fields.map { "\($0.name): \($0.value)" }
        for field in expected.fields where !Self.ownFields.contains(field.name) {
            #expect(fields.contains("\(field.name): \(field.value)"), comment)
        }
    }

    @Test(
        "as server: requests reach the handler as recorded, in order, and the recorded answers leave",
        arguments: replayable, [false, true])
    func asServer(name: String, byteByByte: Bool) async throws {
        let transcript = try VectorLoader().load(name)
        let answers = try Self.responses(of: transcript)
        let recorded = transcript.requests
        let received = Mutex<[Request]>([])
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.wire = .v0
        configuration.handshakeTimeout = .seconds(60)
        configuration.compression = try CompressionCodec(name: transcript.codec(from: .server))
        let server = TeleportServer(
            configuration: configuration,
            handler: InlineHandler { request, responder in
                let index = received.withLock { received in
                    received.append(request.detached())
                    return received.count - 1
                }
                let answer = index < recorded.count ? answers[recorded[index].id] : nil
                responder.respond(answer ?? .text("not recorded", status: 500))
            })
        let address = try #require(try await server.start().first)
        let peer = try await RawPeer.connect(to: address)
        WireBytes.write(transcript.client, to: peer, byteByByte: byteByByte)
        peer.endOutput()
        var sent = await peer.readToEnd()
        await server.shutDown()

        let requests = received.withLock { $0 }
        #expect(requests.count == recorded.count)
        for (request, expected) in zip(requests, recorded) {
            #expect(request.method.rawValue == expected.method)
            #expect(request.target == expected.target)
            #expect(expected.body.matches(request.body.buffer ?? ByteBuffer()))
            let fields = request.fields.map { "\($0.name): \($0.value)" }
            #expect(fields == expected.fields.filter { $0.name != "Upgrade" }.map { "\($0.name): \($0.value)" })
        }
        let preface = sent.readSlice(length: 15)
        #expect(preface == transcript.server.getSlice(at: 0, length: 15))
        let plain = try WireBytes.expanded(sent, transcript.codec(from: .server))
        let replies = try WireBytes.responses(in: plain)
        #expect(Set(replies.map(\.id)) == Set(transcript.responses.map(\.id)))
        for reply in replies {
            let expected = try #require(transcript.responses.first { $0.id == reply.id })
            Self.check(reply.response, against: expected, "\(reply.id)")
        }
    }

    @Test("as client: the same calls get the recorded answers", arguments: replayable, [false, true])
    func asClient(name: String, byteByByte: Bool) async throws {
        let transcript = try VectorLoader().load(name)
        _ = try Self.responses(of: transcript)
        let requests = try Self.requests(of: transcript)
        try await Self.replay(transcript, byteByByte: byteByByte) { client, begin in
            await withTaskGroup(of: (UInt32, Result<Response, RPCError>).self) { group in
                for (id, request) in requests {
                    // Immediate: each call is made before the next one, so that ids are those of the recording.
                    group.addImmediateTask {
                        do throws(RPCError) {
                            return (id, .success(try await client.execute(request)))
                        } catch {
                            return (id, .failure(error))
                        }
                    }
                }
                await begin.open()
                for await (id, outcome) in group {
                    guard case .success(let response) = outcome,
                        let expected = transcript.responses.first(where: { $0.id == id })
                    else {
                        Issue.record("\(id): \(outcome)")
                        continue
                    }
                    guard !requests.contains(where: { $0.id == id && $0.request.method == .head }) else {
                        // The body that the reference sends behind the answer to a HEAD is not the caller's.
                        #expect(response.body.count == 0)
                        #expect(Int(response.status.code) == expected.status)
                        continue
                    }
                    Self.check(response, against: expected, "\(id)")
                }
            }
        }
    }

    /// A client of a raw server that says what the recording's server said, once `begin` is opened.
    static func replay(
        _ transcript: Transcript, byteByByte: Bool,
        _ body: (TeleportClient, Gate) async throws -> Void
    ) async throws {
        let begin = Gate()
        let bytes = transcript.server
        let server = try await RawServer { peer in
            _ = await peer.read(15)
            await begin.wait()
            WireBytes.write(bytes, to: peer, byteByByte: byteByByte)
            _ = await peer.readToEnd()
        }
        var configuration = ClientConfiguration(address: server.address)
        // Servers of other tests may have had its port.
        configuration.memory = WireMemory()
        configuration.wire = .v0
        configuration.timeout = .seconds(30)
        configuration.handshakeTimeout = .seconds(60)
        configuration.compression = try CompressionCodec(name: transcript.codec(from: .client))
        let client = TeleportClient(configuration: configuration)
        try await body(client, begin)
        await client.shutDown()
        await server.kill()
    }

    @Test(
        "what the reference misread behind Expect is a body, and nothing in it is executed (D1)",
        arguments: [false, true])
    func expectedBody(byteByByte: Bool) async throws {
        let transcript = try VectorLoader().load("http_expect_100_desync")
        let received = Mutex<[String]>([])
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.wire = .v0
        configuration.handshakeTimeout = .seconds(60)
        let server = TeleportServer(
            configuration: configuration,
            handler: InlineHandler { request, responder in
                let line =
                    "\(request.method) \(request.target) \(request.body.count ?? -1) \(request.fields.contains(.expect))"
                received.withLock { $0.append(line) }
                responder.respond(.text("fine"))
            })
        let address = try #require(try await server.start().first)
        let peer = try await RawPeer.connect(to: address)
        WireBytes.write(transcript.client, to: peer, byteByByte: byteByByte)
        peer.endOutput()
        var sent = await peer.readToEnd()
        #expect(sent.readBytes(length: 15) == WireBytes.preface)
        #expect(try WireBytes.responses(in: sent).map(\.id) == [1, 2])
        #expect(received.withLock { $0 } == ["POST /echo 42 false", "GET /get 0 false"])
        await server.shutDown()

        // The answer to the smuggled request, 99, reaches nobody.
        try await Self.replay(transcript, byteByByte: byteByByte) { client, begin in
            await withTaskGroup(of: Int?.self) { group in
                for target in ["/echo", "/get"] {
                    group.addImmediateTask {
                        try? await client.execute(Request(.get, target, host: "foobar")).body.count
                    }
                }
                await begin.open()
                let counts = await group.reduce(into: Set<Int?>()) { $0.insert($1) }
                #expect(counts == [0, 33])
            }
        }
    }

    @Test(
        "every other recorded server stream ends or answers a call, and hangs nobody",
        arguments: names("rawsrv_") + names("http_tls") + names("raw_") + ["http_head_skipbody_desync"], [false, true])
    func anyServerStream(name: String, byteByByte: Bool) async throws {
        let bytes = try VectorLoader().load(name).server
        let server = try await RawServer { peer in
            _ = await peer.read(15)
            WireBytes.write(bytes, to: peer, byteByByte: byteByByte)
            peer.endOutput()
            _ = await peer.readToEnd()
        }
        var configuration = ClientConfiguration(address: server.address)
        // Servers of other tests may have had its port.
        configuration.memory = WireMemory()
        configuration.wire = .v0
        configuration.handshakeTimeout = .seconds(60)
        let client = TeleportClient(configuration: configuration)
        do throws(RPCError) {
            // A recorded answer with id 1, to whatever was asked then.
            _ = try await client.execute(Request(.get, "/", host: "a"), timeout: .seconds(60))
        } catch {
            #expect(error.code != .timedOut)
        }
        await client.shutDown(limit: .zero)
        await server.kill()
    }
}
