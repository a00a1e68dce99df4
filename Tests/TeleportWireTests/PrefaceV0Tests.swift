import NIOCore
import TeleportTestKit
import TeleportWire
import Testing

@Suite("v0 preface")
struct PrefaceV0Tests {
    @Test("is 15 bytes under the HTTP identity: magic, version, compression, TLS flag")
    func layout() {
        var buffer = ByteBuffer()
        PrefaceV0(compression: .snappy, tls: true).encode(identity: .http, into: &buffer)
        #expect(Array(buffer.readableBytesView) == Array("httpteleport".utf8) + [0, 2, 1])
        #expect(PrefaceV0.encodedLength(identity: .http) == 15)
    }

    @Test("comes back from its bytes, whatever follows", arguments: CompressionTag.allCases, [false, true])
    func roundTrip(compression: CompressionTag, tls: Bool) throws {
        var buffer = ByteBuffer()
        PrefaceV0(compression: compression, tls: tls).encode(identity: .http, into: &buffer)
        buffer.writeString("rest")
        #expect(try PrefaceV0.decode(identity: .http, from: &buffer) == PrefaceV0(compression: compression, tls: tls))
        #expect(String(buffer: buffer) == "rest")
    }

    @Test("needs every byte, and leaves the buffer alone until then")
    func incomplete() throws {
        var whole = ByteBuffer()
        PrefaceV0(compression: .none, tls: false).encode(identity: .http, into: &whole)
        for length in 0..<15 {
            var part = ByteBuffer(bytes: whole.readableBytesView.prefix(length))
            #expect(try PrefaceV0.decode(identity: .http, from: &part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test("any non-zero TLS byte means TLS")
    func tlsFlag() throws {
        var buffer = ByteBuffer(bytes: Array("httpteleport".utf8) + [0, 1, 2])
        #expect(try PrefaceV0.decode(identity: .http, from: &buffer)?.tls == true)
    }

    @Test("refuses a wrong byte as soon as it is there")
    func refusals() {
        func refusal(_ bytes: [UInt8]) -> WireError.Code? {
            var buffer = ByteBuffer(bytes: bytes)
            do throws(WireError) {
                _ = try PrefaceV0.decode(identity: .http, from: &buffer)
                return nil
            } catch {
                #expect(buffer.readableBytes == bytes.count)
                return error.code
            }
        }
        let magic = Array("httpteleport".utf8)
        #expect(refusal(Array("GET".utf8)) == .wrongMagic)
        #expect(refusal(Array("httptelepirt".utf8)) == .wrongMagic)
        #expect(refusal(Array("httptelepirt".utf8) + [0, 1, 0]) == .wrongMagic)
        #expect(refusal([0x16]) == .wrongMagic)
        #expect(refusal(magic + [7]) == .wrongVersion(7))
        #expect(refusal(magic + [0, 4]) == .unknownCompression(4))
        #expect(refusal(magic + [0, 255, 0]) == .unknownCompression(255))
    }

    @Test("opens every recorded reference transcript that has one")
    func transcripts() throws {
        for transcript in try VectorLoader().loadAll() where transcript.rawKind == nil {
            let identity = try ProtocolIdentity(
                magic: transcript.sniffHeader, version: transcript.protocolVersion)
            for (bytes, codec) in [
                (transcript.client, transcript.clientCodec), (transcript.server, transcript.serverCodec),
            ] {
                var rest = bytes
                let preface = try #require(try PrefaceV0.decode(identity: identity, from: &rest), "\(transcript.name)")
                #expect("\(preface.compression)" == codec, "\(transcript.name)")
                #expect(rest.readableBytes == bytes.readableBytes - transcript.prefaceLength)
            }
        }
    }
}

@Suite("Protocol identity")
struct ProtocolIdentityTests {
    @Test("an identity of one's own takes 1 to 64 bytes that do not begin TLS")
    func limits() throws {
        #expect(try ProtocolIdentity(magic: "x", version: 9).magic == [0x78])
        #expect(try ProtocolIdentity(magic: [UInt8](repeating: 1, count: 64), version: 0).magic.count == 64)
        for magic: [UInt8] in [[], [0x16, 3, 1], [UInt8](repeating: 1, count: 65)] {
            #expect(throws: WireError.self) { try ProtocolIdentity(magic: magic, version: 0) }
        }
    }
}
