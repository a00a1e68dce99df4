import NIOCore
import NetworkTestSupport
import Teleport
import TeleportTestKit
import TeleportWire
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The whole exchanges of `Specs/Vectors/v1/wire.json`, with a running server.
@Suite("v1 golden exchanges", .timeLimit(.minutes(10)))
struct ExchangeVectorTests {
    struct Vectors: Decodable {
        let exchanges: [Exchange]
    }

    struct Exchange: Decodable, Sendable {
        struct Part: Decodable, Sendable {
            let what: String
            let bytes: String
        }

        let name: String
        let client: [Part]
        let server_answers: [Part]
    }

    static let exchanges: [Exchange] = {
        do {
            let path = VectorLoader.packageDirectory + "/Specs/Vectors/v1/wire.json"
            return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: URL(fileURLWithPath: path))).exchanges
        } catch {
            preconditionFailure("wire.json: \(error)")
        }
    }()

    @Test(
        "a client that was written from the specification alone is answered as it says", arguments: exchanges,
        [false, true])
    func exchange(exchange: Exchange, byteByByte: Bool) async throws {
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.handshakeTimeout = .seconds(60)
        let server = TeleportServer(configuration: configuration, addsDate: false) { request, _ in
            request.target == "/echo"
                ? Response(body: request.body) : Response(body: Body("\(request.method) \(request.target)"))
        }
        let peer = try await RawPeer.connect(to: try #require(try await server.start().first))
        for part in exchange.client {
            let bytes = try self.buffer(part.bytes)
            WireBytes.write(bytes, to: peer, byteByByte: byteByByte)
        }
        peer.endOutput()
        var received = await peer.readToEnd()
        #expect(received.readBytes(length: 15) == Array("httpteleport".utf8) + [1, 15, 0])

        // All blocks are stored: nothing else was offered.
        var frames = ByteBuffer()
        while let header = try BlockHeader.decode(offered: [], from: &received) {
            let slice = received.readSlice(length: header.encodedLength)
            var block = try #require(slice)
            frames.writeBuffer(&block)
        }
        var answers = ByteBuffer()
        var data = ByteBuffer()
        while let frame = try Frame.decode(headLimit: 65536, from: &frames) {
            switch frame.header.type {
            case .response:
                frame.header.encode(into: &answers)
                answers.writeImmutableBuffer(frame.payload)
            case .data:
                data.writeImmutableBuffer(frame.payload)
            default:
                break
            }
        }
        var expected: [ByteBuffer] = []
        for answer in exchange.server_answers { expected.append(try self.buffer(answer.bytes)) }
        #expect(answers == expected[0])
        #expect(data == (expected.count > 1 ? expected[1] : ByteBuffer()))
        await peer.close()
        await server.shutDown()
    }

    private func buffer(_ hex: String) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        var rest = hex[...]
        while !rest.isEmpty {
            buffer.writeInteger(try #require(UInt8(rest.prefix(2), radix: 16)))
            rest = rest.dropFirst(2)
        }
        return buffer
    }
}
