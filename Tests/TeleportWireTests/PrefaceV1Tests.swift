import NIOCore
import TeleportWire
import Testing

@Suite("v1 preface")
struct PrefaceV1Tests {
    private let magic = Array("httpteleport".utf8)

    private func decode(_ bytes: [UInt8]) throws(WireError) -> PrefaceV1? {
        var buffer = ByteBuffer(bytes: bytes)
        return try PrefaceV1.decode(identity: .httpV1, from: &buffer)
    }

    @Test("is 15 bytes: magic, version 1, what the sender decodes, 0 (V1-1)")
    func layout() {
        var buffer = ByteBuffer()
        PrefaceV1(decodes: [.flate, .zstd]).encode(identity: .httpV1, into: &buffer)
        #expect(Array(buffer.readableBytesView) == self.magic + [1, 0b1001, 0])
        #expect(PrefaceV1.encodedLength(identity: .httpV1) == 15)
    }

    @Test("comes back from its bytes, whatever follows; unknown bits mean nothing (V1-1)")
    func roundTrip() throws {
        var buffer = ByteBuffer(bytes: self.magic + [1, 0xF5, 0] + Array("rest".utf8))
        #expect(try PrefaceV1.decode(identity: .httpV1, from: &buffer) == PrefaceV1(decodes: [.flate, .lz4]))
        #expect(String(buffer: buffer) == "rest")
    }

    @Test("needs every byte, and leaves the buffer alone until then")
    func incomplete() throws {
        let whole = self.magic + [1, 15, 0]
        for length in 0..<15 {
            var part = ByteBuffer(bytes: whole.prefix(length))
            #expect(try PrefaceV1.decode(identity: .httpV1, from: &part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test("refuses a wrong byte as soon as it is there (V1-2)")
    func refusals() {
        func refusal(_ bytes: [UInt8]) -> WireError.Code? {
            do throws(WireError) {
                _ = try self.decode(bytes)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(refusal(Array("GET".utf8)) == .wrongMagic)
        #expect(refusal([0x16]) == .wrongMagic)
        #expect(refusal(self.magic + [0]) == .wrongVersion(0))
        #expect(refusal(self.magic + [1, 15, 1]) == .unusablePreface)
    }
}
