import NIOCore
import NIOEmbedded
import Synchronization
import TeleportCompress
import TeleportRPC
import TeleportTestKit
import TeleportTransport
import TeleportWire
import TestTraits
import Testing

@testable import TeleportEndpoint

/// Replays the TLV recordings of the reference against both ends.
@Suite("The reference's TLV conversations", .computing)
struct TranscriptTests {
    static let names: [String] = {
        let names = (try? VectorLoader().names()) ?? []
        return names.filter { $0.hasPrefix("tlv_") }
    }()

    @Test("are all there")
    func found() {
        #expect(Self.names.count == 16)
    }

    /// Pieces to feed a connection with: the preface and the first kilobytes byte by byte, what follows in odd pieces.
    static func pieces(_ bytes: ByteBuffer, byteByByte: Bool) -> [ByteBuffer] {
        guard byteByByte else { return [bytes] }
        var bytes = bytes
        var pieces: [ByteBuffer] = []
        while bytes.readableBytes > 0 {
            let length = pieces.count < 20_000 ? 1 : 997
            guard let piece = bytes.readSlice(length: Swift.min(length, bytes.readableBytes)) else { break }
            pieces.append(piece)
        }
        return pieces
    }

    /// The answers of a recording by id, from its bytes, each checked against its description.
    static func answers(of transcript: Transcript) throws -> [UInt32: ByteBuffer] {
        var values: [UInt32: ByteBuffer] = [:]
        for answer in try TLVBytes.answers(in: try #require(transcript.serverPlain)) {
            values[answer.id] = answer.value
        }
        for response in transcript.responses {
            let value = try #require(values[response.id])
            #expect(response.body.matches(value))
        }
        return values
    }

    static func identity(of transcript: Transcript) throws -> ProtocolIdentity {
        try ProtocolIdentity(magic: transcript.sniffHeader, version: transcript.protocolVersion)
    }

    @Test(
        "as server: every request reaches the handler as recorded, every answer leaves as recorded", arguments: names,
        [false, true])
    func asServer(name: String, byteByByte: Bool) throws {
        let transcript = try VectorLoader().load(name)
        let answers = try Self.answers(of: transcript)
        let received = Mutex<[TLVRequest]>([])
        var configuration = ServerConfiguration(addresses: [], identity: try Self.identity(of: transcript))
        configuration.compression = try CompressionCodec(name: transcript.codec(from: .server))
        let recorded = transcript.requests
        let server = try MemoryServer(
            TLVCodec(), configuration: configuration,
            handler: InlineHandler { (request: TLVRequest, responder: Responder<TLVResponse>) in
                let index = received.withLock { received in
                    received.append(request)
                    return received.count - 1
                }
                guard index < recorded.count, let value = answers[recorded[index].id] else { return }
                responder.respond(TLVResponse(value: value))
            })
        for piece in Self.pieces(transcript.client, byteByByte: byteByByte) { server.receive(piece) }
        let requests = received.withLock { $0 }
        #expect(requests.count == recorded.count)
        for (request, expected) in zip(requests, recorded) {
            #expect(String(buffer: request.name) == expected.name)
            #expect(expected.body.matches(request.value))
        }
        var sent = server.sent()
        let preface = sent.readSlice(length: transcript.prefaceLength)
        #expect(preface == transcript.server.getSlice(at: 0, length: transcript.prefaceLength))
        let plain = try TLVBytes.expanded(sent, CodecKind.named(transcript.codec(from: .server)))
        let replies = try TLVBytes.answers(in: plain)
        #expect(Set(replies.map(\.id)) == Set(transcript.responses.map(\.id)))
        for reply in replies { #expect(reply.value == answers[reply.id]) }
    }

    @Test("as client: the same calls get the recorded answers", arguments: names, [false, true])
    func asClient(name: String, byteByByte: Bool) throws {
        let transcript = try VectorLoader().load(name)
        let answers = try Self.answers(of: transcript)
        let client = try Self.callingClient(transcript)
        for piece in Self.pieces(transcript.server, byteByByte: byteByByte) { client.receive(piece) }
        for request in transcript.requests where request.id != 0 {
            let answer = try #require(client.outcomes.only("\(request.id)"))
            #expect(try answer.get().value == answers[request.id])
        }
        #expect(client.channel.isActive)
        // What was sent says the same as what the reference's client sent.
        var sent = client.sent()
        let preface = sent.readSlice(length: transcript.prefaceLength)
        #expect(preface == transcript.client.getSlice(at: 0, length: transcript.prefaceLength))
        let plain = try TLVBytes.expanded(sent, CodecKind.named(transcript.codec(from: .client)))
        #expect(plain == transcript.clientPlain)
    }

    /// A client in memory that has made the calls of a recording, each named by its id, and has sent nothing yet.
    static func callingClient(_ transcript: Transcript) throws -> MemoryClient<TLVCodec> {
        var configuration = ClientConfiguration(
            address: .unix(path: "/nowhere"), identity: try Self.identity(of: transcript))
        configuration.compression = try CompressionCodec(name: transcript.codec(from: .client))
        let client = try MemoryClient(TLVCodec(), configuration: configuration)
        try client.open()
        var plain = try #require(transcript.clientPlain)
        var decoder = TLVCodec().makeRequestDecoder()
        for expected in transcript.requests {
            _ = CallID.decode(from: &plain)
            guard case .request(let request)? = try decoder.decode(from: &plain) else { throw TLVBytes.CutShort() }
            if expected.id == 0 {
                #expect(try client.connection.sendOneWay(request))
            } else {
                let id = try client.call("\(expected.id)", request)
                #expect(id?.rawValue == expected.id)
            }
        }
        return client
    }

    @Test(
        "cut at every byte: each call gets its own answer or the reason why not, at once",
        arguments: [
            "tlv_mix_none-none", "tlv_mix_none-flate", "tlv_mix_none-snappy", "tlv_ooo_none", "tlv_ooo_snappy",
            "tlv_nowait_flate", "tlv_limit_none",
        ])
    func cut(name: String) throws {
        let transcript = try VectorLoader().load(name)
        let answers = try Self.answers(of: transcript)
        let whole = transcript.server
        for length in 0...whole.readableBytes {
            let client = try Self.callingClient(transcript)
            if let part = whole.getSlice(at: 0, length: length), length > 0 { client.receive(part) }
            client.receiveEnd()
            var answered = 0
            for request in transcript.requests where request.id != 0 {
                switch try #require(client.outcomes.only("\(request.id)"), "cut at \(length)") {
                case .success(let answer):
                    #expect(answer.value == answers[request.id], "cut at \(length)")
                    answered += 1
                case .failure(let error):
                    let code: RPCError.Code = length < transcript.prefaceLength ? .handshakeFailed : .connectionClosed
                    #expect(error.code == code, "cut at \(length): \(error)")
                    #expect(error.cause is TransportError)
                }
            }
            #expect(length < whole.readableBytes || answered == answers.count)
            #expect(client.closed == 1)
        }
    }

    @Test(
        "a client's stream cut at every byte harms no server: what was whole is answered, then it ends",
        arguments: ["tlv_mix_none-none", "tlv_mix_flate-flate", "tlv_mix_snappy-snappy"])
    func cutAtServer(name: String) throws {
        let transcript = try VectorLoader().load(name)
        let answers = try Self.answers(of: transcript)
        for length in 0...transcript.client.readableBytes {
            var configuration = ServerConfiguration(addresses: [], identity: try Self.identity(of: transcript))
            configuration.compression = .none
            let handled = Mutex(0)
            let recorded = transcript.requests
            let server = try MemoryServer(
                TLVCodec(), configuration: configuration,
                handler: InlineHandler { (_: TLVRequest, responder: Responder<TLVResponse>) in
                    let index = handled.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    if let value = answers[recorded[index].id] { responder.respond(TLVResponse(value: value)) }
                })
            if length > 0, let part = transcript.client.getSlice(at: 0, length: length) { server.receive(part) }
            server.receiveEnd()
            var sent = server.sent()
            #expect(!server.channel.isActive, "cut at \(length)")
            #expect(server.server.connectionCount == 0)
            guard length >= transcript.prefaceLength else {
                #expect(sent.readableBytes == 0)
                continue
            }
            sent.moveReaderIndex(forwardBy: transcript.prefaceLength)
            #expect(try TLVBytes.answers(in: sent).count == handled.withLock { $0 })
        }
    }
}

extension CodecKind {
    static func named(_ name: String) throws -> CodecKind { try CompressionCodec(name: name).kind }
}
