import NIOCore
import TeleportTestKit
import TeleportWire
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `Specs/Vectors/v1/wire.json`: bytes written from the rules by a script that knows nothing of this implementation.
@Suite("v1 golden bytes")
struct WireVectorTests {
    struct Vectors: Decodable {
        let prefaces: [PrefaceVector]
        let block_headers: [BlockVector]
        let frames: [FrameVector]
    }

    struct PrefaceVector: Decodable, Sendable {
        let bytes: String
        let decodes: [String]?
        let wrong_at: Int?
    }

    struct BlockVector: Decodable, Sendable {
        let bytes: String
        let codec: String?
        let resets: Bool?
        let releases: Bool?
        let encoded: Int?
        let decoded: Int?
        let error: String?
    }

    struct FrameVector: Decodable, Sendable {
        let rule: String
        let bytes: String
        let type: String?
        let flags: [String]?
        let stream: UInt32?
        let error: String?
        let settings: [String: Int]?
        let canonical: Bool?
        let head: String?
        let body: String?
        let deadline: UInt32?
        let code: String?
        let credit: UInt32?
        let last: UInt32?
        let text: String?
    }

    static let vectors: Vectors = {
        do {
            let path = VectorLoader.packageDirectory + "/Specs/Vectors/v1/wire.json"
            return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            preconditionFailure("wire.json: \(error)")
        }
    }()

    /// What a read comes to.
    enum Outcome<Value> {
        case value(Value)
        case failed(WireError, at: Int)
    }

    /// Offers more and more of `bytes` until `read` has something to say; nothing may be consumed before.
    private func read<Value>(
        _ bytes: ByteBuffer, _ read: (inout ByteBuffer) throws(WireError) -> Value?
    ) throws -> Outcome<Value> {
        for count in 0...bytes.readableBytes {
            var part = try #require(bytes.getSlice(at: bytes.readerIndex, length: count))
            do throws(WireError) {
                if let value = try read(&part) {
                    #expect(count == bytes.readableBytes, "not before the last byte")
                    #expect(part.readableBytes == 0)
                    return .value(value)
                }
                #expect(part.readableBytes == count)
            } catch {
                return .failed(error, at: count)
            }
        }
        throw VectorError(what: "nothing came of all bytes")
    }

    struct VectorError: Error {
        let what: String
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

    @Test("prefaces (V1-1, V1-2)", arguments: vectors.prefaces)
    func preface(vector: PrefaceVector) throws {
        let bytes = try self.buffer(vector.bytes)
        let outcome = try self.read(bytes) { buffer throws(WireError) in
            try PrefaceV1.decode(identity: .httpV1, from: &buffer)
        }
        switch outcome {
        case .value(let preface):
            let named: [(String, BlockCodecSet)] = [
                ("flate", .flate), ("snappy", .snappy), ("lz4", .lz4), ("zstd", .zstd),
            ]
            #expect(named.filter { preface.decodes.contains($0.1) }.map(\.0) == vector.decodes)
        case .failed(_, let count):
            #expect(vector.wrong_at == count - 1, "at the first byte that differs")
        }
    }

    @Test("block headers (V1-10 to V1-14)", arguments: vectors.block_headers)
    func block(vector: BlockVector) throws {
        let bytes = try self.buffer(vector.bytes)
        let outcome = try self.read(bytes) { buffer throws(WireError) in
            try BlockHeader.decode(offered: .all, from: &buffer)
        }
        switch outcome {
        case .value(let header):
            #expect("\(header.codec)" == vector.codec)
            #expect(header.resets == (vector.resets ?? false))
            #expect(header.releases == (vector.releases ?? false))
            #expect(header.encodedLength == vector.encoded)
            #expect(header.decodedLength == vector.decoded)
            var again = ByteBuffer()
            header.encode(into: &again)
            #expect(again == bytes)
        case .failed(let error, _):
            #expect(vector.error == "BLOCK")
            #expect(error.code == .violation(.block))
        }
    }

    @Test("frames (V1-21 to V1-25, V1-35, V1-38, V1-41, V1-50 to V1-53)", arguments: vectors.frames)
    func frame(vector: FrameVector) throws {
        let bytes = try self.buffer(vector.bytes)
        let outcome = try self.read(bytes) { buffer throws(WireError) in
            try Frame.decode(headLimit: 65536, from: &buffer)
        }
        do throws(WireError) {
            guard case .value(let frame) = outcome else {
                guard case .failed(let error, _) = outcome else { return }
                throw error
            }
            try self.check(frame, vector, bytes)
            #expect(vector.error == nil)
        } catch {
            #expect(error.code == .violation(vector.error == "SETTINGS" ? .settings : .frame))
            #expect(vector.error != nil)
        }
    }

    private func check(_ frame: Frame, _ vector: FrameVector, _ bytes: ByteBuffer) throws(WireError) {
        #expect(
            frame.header.type.map { "\($0)" } == vector.type
                ?? (vector.error == nil ? nil : frame.header.type.map { "\($0)" }))
        var again = ByteBuffer()
        switch frame.header.type {
        case .settings:
            let settings = try SettingsV1(payload: frame.payload)
            let values = [
                "1": settings.maxStreams, "2": settings.maxHeadSize, "3": settings.streamCredit,
                "4": settings.connectionCredit, "5": settings.zstdWindowLog,
            ]
            let defaults = SettingsV1()
            let usual = [
                "1": defaults.maxStreams, "2": defaults.maxHeadSize, "3": defaults.streamCredit,
                "4": defaults.connectionCredit, "5": defaults.zstdWindowLog,
            ]
            #expect(values == usual.merging(vector.settings ?? [:]) { $1 })
            settings.encodeFrame(into: &again)
            #expect((again == bytes) == (vector.canonical ?? true))
        case .request, .response:
            let message = try MessagePayload(frame.payload, flags: frame.header.flags, headLimit: 65536)
            #expect(self.hex(message.head) == vector.head)
            #expect(self.hex(message.body) == vector.body)
            #expect(message.deadline == vector.deadline)
            // Of a frame whose first bytes were read with its header it comes to the same.
            let fused = try MessagePayload(frame, headLimit: 65536)
            #expect(fused.head == message.head && fused.deadline == message.deadline)
            let parts = fused.split()
            #expect(parts.head == message.head)
            #expect(parts.body ?? ByteBuffer() == message.body)
            var flags = frame.header.flags
            flags.remove(.deadline)
            try FrameHeader.writeMessage(
                frame.header.type ?? .request, flags: flags, stream: frame.header.stream ?? .oneWay,
                deadline: message.deadline, body: message.body, into: &again
            ) { (buffer) throws(WireError) in buffer.writeImmutableBuffer(message.head) }
            #expect(again == bytes)
        case .goAway:
            let goAway = try GoAway(payload: frame.payload)
            #expect(goAway.lastID.rawValue == vector.last)
            #expect("\(goAway.code)" == vector.code)
            #expect(goAway.text == vector.text)
            goAway.encodeFrame(into: &again)
            #expect(again == bytes)
        case .cancel:
            let code = frame.payload.getInteger(at: frame.payload.readerIndex, endianness: .little, as: UInt16.self)
            #expect(code.map { "\(ErrorCode(rawValue: $0))" } == vector.code)
        case .credit:
            #expect(
                frame.payload.getInteger(at: frame.payload.readerIndex, endianness: .little, as: UInt32.self)
                    == vector.credit)
        case .data, .trailers, .secrets, .ping, .pong, nil:
            break
        }
        if let flags = vector.flags, vector.error == nil {
            let named: [(String, FrameFlags)] = [("end", .end), ("deadline", .deadline)]
            #expect(named.filter { frame.header.flags.contains($0.1) }.map(\.0) == flags)
            #expect(frame.header.stream?.rawValue == vector.stream)
        }
    }

    private func hex(_ buffer: ByteBuffer) -> String {
        buffer.readableBytesView.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
