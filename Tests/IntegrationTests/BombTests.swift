import Foundation
import NIOCore
import NetworkTestSupport
import Teleport
import Testing

/// Peers that send little which is much, while others want their answers.
@Suite("httptp, with bombs", .timeLimit(.minutes(10)), .serialized)
struct BombTests {
    /// Zeros, compressed, a mebibyte at a time and always the same bytes: behind enough zeros nothing changes any more.
    private struct Bomb {
        static let size = 1 << 30
        let tag: UInt8
        let beginning: ByteBuffer
        let mebibyte: ByteBuffer

        /// - Parameter isChunked: in chunks of 64 KiB.
        init(_ codec: String, _ head: ByteBuffer, isChunked: Bool = false) throws {
            let codecs: [String: (CompressionCodec, UInt8)] = [
                "flate": (.flate, 0), "none": (.none, 1), "snappy": (.snappy, 2), "lz4": (.lz4, 3),
            ]
            let (kind, tag) = try #require(codecs[codec])
            self.tag = tag
            var compressor = Compressor(kind)
            var zeros = ByteBuffer()
            if isChunked {
                for _ in 0..<16 {
                    zeros.writeString("10000\r\n")
                    zeros.writeRepeatingByte(0, count: 0x10000)
                    zeros.writeString("\r\n")
                }
            } else {
                zeros.writeRepeatingByte(0, count: 1 << 20)
            }
            var beginning = ByteBuffer()
            try compressor.compress(head, into: &beginning)
            try compressor.compress(zeros, into: &beginning)
            self.beginning = beginning
            var mebibyte = ByteBuffer()
            try compressor.compress(zeros, into: &mebibyte)
            self.mebibyte = mebibyte
        }

        /// Throws it, until all of it is sent or the other end has had enough.
        func explode(to peer: RawPeer) async throws {
            try await peer.channel?.writeAndFlush(self.beginning).get()
            for _ in 1..<(Self.size >> 20) { try await peer.channel?.writeAndFlush(self.mebibyte).get() }
        }
    }

    private func head(id: UInt32, _ text: String) -> ByteBuffer {
        var head = ByteBuffer()
        head.writeInteger(id, endianness: .little)
        head.writeString(text)
        return head
    }

    /// The peak may be no higher: 64 MB.
    private static let mostMemory = 65_536

    @Test(
        "a gibibyte of zeros as a request: refused, and nobody else's trouble", arguments: ["flate", "snappy", "lz4"],
        ["Content-Length: 1073741824", "Content-Length: 16000000", "Transfer-Encoding: chunked"])
    func bombAsRequest(codec: String, framing: String) async throws {
        let nginx = try await Nginx()
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-inCompress", "none", "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let near = try await HTTPTPProcess(["-out", "127.0.0.1:\(far.port)", "-outCompress", codec])
        let bomb = try Bomb(
            codec, self.head(id: 1, "POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n"),
            isChunked: framing.contains("chunked"))
        let outcome = try await LoadClient.innocent(near.port, 100) { _ in
            for _ in 0..<3 {
                let peer = try await RawPeer.connect(to: .tcp(host: "127.0.0.1", port: far.port))
                peer.write(Array("httpteleport".utf8) + [0, bomb.tag, 0])
                #expect(await peer.read(15) != nil)
                let sending = Task { try? await bomb.explode(to: peer) }
                // It is refused and has the connection closed.
                let answer = String(buffer: await peer.readToEnd())
                #expect(answer.dropFirst(4).hasPrefix("HTTP/1.1 413 "), "\(answer)")
                await peer.close()
                _ = await sending.value
            }
        }
        report("bomb as request, \(codec), \(framing): peak RSS \(far.process.peakResidentSize) KiB; \(outcome)")
        #expect(outcome.answered == [200: outcome.total], "\(outcome)")
        #expect(far.process.peakResidentSize < Self.mostMemory, "KiB: \(far.process.peakResidentSize)")
        #expect(try await near.stop() == 0)
        #expect(try await far.stop() == 0)
        try await nginx.stop()
    }

    @Test(
        "a gibibyte of zeros as an answer: 502, and nobody else's trouble", arguments: ["flate", "snappy", "lz4"],
        ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
    func bombAsAnswer(codec: String, framing: String) async throws {
        let nginx = try await Nginx()
        let preface = Array("httpteleport".utf8)
        let tag = try Bomb(codec, ByteBuffer()).tag
        // It answers everything with a bomb. What is asked here over and over, the other server answers.
        let hostile = try await RawServer { peer in
            guard await peer.read(15) != nil else { return }
            peer.write(preface + [0, tag, 0])
            guard let request = await peer.readSome() else { return }
            let id = request.getInteger(at: request.readerIndex, endianness: .little, as: UInt32.self) ?? 0
            let bomb = try Bomb(
                codec, self.head(id: id, "HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n"),
                isChunked: framing.contains("chunked"))
            try await bomb.explode(to: peer)
        }
        guard case .tcp(_, let hostilePort) = hostile.address else { return }
        let far = try await HTTPTPProcess([
            "-inType", "teleport", "-inCompress", codec, "-out", "127.0.0.1:\(nginx.port)", "-outType", "http",
        ])
        let scratch = try Scratch()
        let near = try await HTTPTPProcess([
            "-out", "127.0.0.1:\(hostilePort),127.0.0.1:\(far.port)", "-outCompress", "none",
            "-outMaxBodySize", "4194304", "-accessLog", "\(scratch.path)/log",
        ])
        let outcome = try await LoadClient.innocent(near.port, 500) { _ in }
        report("bomb as answer, \(codec), \(framing): peak RSS \(near.process.peakResidentSize) KiB; \(outcome)")
        #expect(near.process.peakResidentSize < Self.mostMemory, "KiB: \(near.process.peakResidentSize)")
        #expect(try await near.stop() == 0)
        // Who was given the bomb is told so; the server is set aside, and everybody else answered.
        #expect(hostile.connectionCount > 0)
        let log = try AccessLines("\(scratch.path)/log")
        #expect(Set(outcome.answered.keys).isSubset(of: [200, 502]), "\(outcome) \(log.failures)")
        #expect(outcome.lost == 0, "\(outcome)")
        #expect(outcome.answered[502] ?? 0 == log.count(failure: "bad_answer"), "\(outcome) \(log.failures)")
        #expect((outcome.answered[200] ?? 0) > outcome.total / 2, "\(outcome)")
        #expect(try await far.stop() == 0)
        await hostile.kill()
        try await nginx.stop()
    }
}
