import NIOCore
import TeleportWire
import Testing

@Suite("v1 block header")
struct BlockHeaderTests {
    private func decode(_ bytes: [UInt8], offered: BlockCodecSet = .all) throws(WireError) -> BlockHeader? {
        var buffer = ByteBuffer(bytes: bytes)
        return try BlockHeader.decode(offered: offered, from: &buffer)
    }

    /// Bytes of a header, lengths little-endian.
    private func bytes(_ tag: UInt8, _ encoded: Int, _ decoded: Int) -> [UInt8] {
        var bytes = [tag]
        for length in [encoded, decoded] {
            for shift in [0, 8, 16] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        }
        return bytes
    }

    private func isRefused(_ bytes: [UInt8], offered: BlockCodecSet = .all) -> Bool {
        do throws(WireError) {
            _ = try self.decode(bytes, offered: offered)
            return false
        } catch {
            return error.code == .violation(.block)
        }
    }

    @Test("is codec and flags, encoded length, decoded length (V1-10)")
    func layout() {
        var buffer = ByteBuffer()
        BlockHeader(codec: .zstd, resets: true, encodedLength: 0x1234, decodedLength: 0x10000).encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [0x14, 0x34, 0x12, 0, 0, 0, 1])
        buffer.clear()
        BlockHeader.release.encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [0x20, 0, 0, 0, 0, 0, 0])
    }

    @Test("comes back from its bytes, in pieces and at once")
    func roundTrip() throws {
        let headers = [
            BlockHeader(codec: .stored, encodedLength: 1, decodedLength: 1),
            BlockHeader(codec: .stored, encodedLength: 65536, decodedLength: 65536),
            BlockHeader(codec: .flate, resets: true, encodedLength: 1, decodedLength: 2),
            BlockHeader(codec: .lz4, encodedLength: 65535, decodedLength: 65536), .release,
        ]
        for header in headers {
            var whole = ByteBuffer()
            header.encode(into: &whole)
            for length in 0..<BlockHeader.length {
                var part = ByteBuffer(bytes: whole.readableBytesView.prefix(length))
                #expect(try BlockHeader.decode(offered: .all, from: &part) == nil)
                #expect(part.readableBytes == length)
            }
            whole.writeString("rest")
            #expect(try BlockHeader.decode(offered: .all, from: &whole) == header)
            #expect(String(buffer: whole) == "rest")
        }
    }

    @Test("lengths that cannot be are refused before a byte is decoded (V1-11)")
    func lengths() {
        for codec: UInt8 in 1...4 {
            #expect(self.isRefused(self.bytes(codec, 0, 10)), "empty")
            #expect(self.isRefused(self.bytes(codec, 10, 10)), "did not shrink")
            #expect(self.isRefused(self.bytes(codec, 11, 10)))
            #expect(self.isRefused(self.bytes(codec, 10, 0)))
            #expect(self.isRefused(self.bytes(codec, 10, 65537)), "a bomb")
            #expect(self.isRefused(self.bytes(codec, 10, 0xFFFFFF)), "a bomb")
        }
        #expect(self.isRefused(self.bytes(0, 0, 0)), "empty without RELEASE")
        #expect(self.isRefused(self.bytes(0, 5, 6)))
        #expect(self.isRefused(self.bytes(0, 65537, 65537)))
    }

    @Test("unknown codecs and flags, and codecs that were not offered, are refused at the first byte (V1-11)")
    func codecs() {
        for codec: UInt8 in 5...15 { #expect(self.isRefused([codec])) }
        #expect(self.isRefused([0x40]))
        #expect(self.isRefused([0x80]))
        #expect(self.isRefused([4], offered: [.flate, .snappy, .lz4]))
        #expect(!self.isRefused([0], offered: []))
    }

    @Test("RESET stands on coded blocks only, RELEASE on empty ones only (V1-13, V1-14)")
    func flags() {
        #expect(self.isRefused(self.bytes(0x10, 5, 5)))
        #expect(self.isRefused(self.bytes(0x20, 1, 1)))
        #expect(self.isRefused(self.bytes(0x30, 0, 0)))
        #expect(self.isRefused(self.bytes(0x21, 0, 0)))
        #expect(!self.isRefused(self.bytes(0x20, 0, 0)))
    }
}
