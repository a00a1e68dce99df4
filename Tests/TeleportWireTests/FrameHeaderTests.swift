import NIOCore
import TeleportWire
import Testing

@Suite("v1 frame header")
struct FrameHeaderTests {
    private func bytes(_ length: Int, _ type: UInt8, _ flags: UInt8, _ stream: UInt32) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeBytes([UInt8(length & 255), UInt8(length >> 8 & 255), UInt8(length >> 16 & 255), type, flags])
        buffer.writeInteger(stream, endianness: .little)
        return buffer
    }

    private func isRefused(_ length: Int, _ type: UInt8, _ flags: UInt8 = 0, _ stream: UInt32 = 0) -> Bool {
        var buffer = self.bytes(length, type, flags, stream)
        do throws(WireError) {
            _ = try FrameHeader.decode(headLimit: 1000, from: &buffer)
            return false
        } catch {
            return error.code == .violation(.frame) && buffer.readableBytes == 9
        }
    }

    @Test("is length, type, flags, stream id (V1-21)")
    func layout() throws {
        var buffer = ByteBuffer()
        FrameHeader(.request, length: 0x0102, flags: [.end, .deadline], stream: CallID(rawValue: 0x04030201))
            .encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [2, 1, 0, 1, 0x21, 1, 2, 3, 4])
        let header = try FrameHeader.decode(headLimit: 1000, from: &buffer)
        #expect(header?.type == .request)
        #expect(header?.stream == CallID(rawValue: 0x04030201))
        #expect(buffer.readableBytes == 0)
    }

    @Test("needs nine bytes, and leaves the buffer alone until then")
    func incomplete() throws {
        let whole = self.bytes(8, 8, 0, 0)
        for length in 0..<9 {
            var part = ByteBuffer(bytes: whole.readableBytesView.prefix(length))
            #expect(try FrameHeader.decode(headLimit: 1000, from: &part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test("what is too long is known from the header (V1-22)")
    func lengths() {
        #expect(!self.isRefused(65536 + 1000 + 7, 1, 0, 1))
        #expect(self.isRefused(65536 + 1000 + 8, 1, 0, 1))
        #expect(!self.isRefused(65536, 3, 0, 1))
        #expect(self.isRefused(65537, 3, 0, 1))
        #expect(self.isRefused(1001, 4, 1, 1), "TRAILERS")
        #expect(self.isRefused(1001, 5, 0, 1), "SECRETS")
        #expect(self.isRefused(6 + 257, 10), "GOAWAY")
        #expect(self.isRefused(0xFFFFFF, 200, 0, 1), "an unknown type")
    }

    @Test("a fixed payload has its length (V1-22)")
    func fixed() {
        for (type, length, stream) in [(6, 2, 1), (7, 4, 1), (8, 8, 0), (9, 8, 0)] as [(UInt8, Int, UInt32)] {
            #expect(!self.isRefused(length, type, 0, stream))
            #expect(self.isRefused(length - 1, type, 0, stream))
            #expect(self.isRefused(length + 1, type, 0, stream))
        }
    }

    @Test("frames of the connection have no stream, those of a stream have one, CREDIT either (V1-22)")
    func places() {
        for type: UInt8 in [0, 10] { #expect(self.isRefused(6, type, 0, 1)) }
        for type: UInt8 in [8, 9] { #expect(self.isRefused(8, type, 0, 1)) }
        for type: UInt8 in [1, 2, 3, 4, 5] { #expect(self.isRefused(4, type, 0, 0)) }
        #expect(self.isRefused(2, 6, 0, 0))
        #expect(!self.isRefused(4, 7, 0, 0))
        #expect(!self.isRefused(4, 7, 0, 5))
    }

    @Test("a flag stands only where it means something (V1-22, V1-24)")
    func flags() {
        let allowed: [UInt8: UInt8] = [1: 0x37, 2: 0x1B, 3: 0x03, 4: 0x03, 5: 0x02]
        for type: UInt8 in 0...10 {
            let stream: UInt32 = [0, 8, 9, 10].contains(type) ? 0 : 1
            let length = type == 6 ? 2 : type == 7 ? 4 : [8, 9].contains(type) ? 8 : 6
            for bit in 0..<8 as Range<UInt8> {
                let isAllowed = (allowed[type] ?? 0) >> bit & 1 != 0
                #expect(self.isRefused(length, type, 1 << bit, stream) == !isAllowed, "type \(type), bit \(bit)")
            }
        }
    }

    @Test("unknown types are known to be unknown, with any flags, on any stream (V1-24)")
    func unknown() throws {
        for stream: UInt32 in [0, 7] {
            var buffer = self.bytes(3, 99, 0xFF, stream)
            let header = try FrameHeader.decode(headLimit: 1000, from: &buffer)
            #expect(header?.type == nil)
            #expect(header?.length == 3)
        }
    }
}

@Suite("v1 frames of the connection")
struct ConnectionFrameTests {
    @Test("SETTINGS hold what differs from the defaults (V1-25)")
    func settings() throws {
        var buffer = ByteBuffer()
        var settings = SettingsV1()
        settings.encodeFrame(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [0, 0, 0, 0, 0, 0, 0, 0, 0])
        buffer.clear()
        settings.maxStreams = 5
        settings.zstdWindowLog = 20
        settings.encodeFrame(into: &buffer)
        #expect(
            Array(buffer.readableBytesView) == [12, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5, 0, 0, 0, 5, 0, 20, 0, 0, 0])
        buffer.moveReaderIndex(forwardBy: 9)
        #expect(try SettingsV1(payload: buffer) == settings)
    }

    @Test("unknown settings mean nothing; ones twice, half ones and values out of range are refused (V1-25)")
    func oddSettings() throws {
        func refusal(_ bytes: [UInt8]) -> WireError.Code? {
            do throws(WireError) {
                _ = try SettingsV1(payload: ByteBuffer(bytes: bytes))
                return nil
            } catch {
                return error.code
            }
        }
        #expect(try SettingsV1(payload: ByteBuffer(bytes: [99, 0, 1, 2, 3, 4])) == SettingsV1())
        #expect(refusal([1, 0, 5, 0, 0, 0, 1, 0, 6, 0, 0, 0]) == .violation(.settings))
        #expect(refusal([99, 0, 5, 0, 0, 0, 99, 0, 6, 0, 0, 0]) == .violation(.settings))
        #expect(refusal([1, 0, 5, 0, 0]) == .violation(.settings))
        #expect(refusal([2, 0, 255, 0, 0, 0]) == .violation(.settings), "a head limit of 255")
        #expect(refusal([3, 0, 0, 0, 0, 0x80]) == .violation(.settings), "credit over 2³¹−1")
        #expect(refusal([4, 0, 0, 0, 0, 0]) == .violation(.settings), "a connection without credit")
        #expect(refusal([5, 0, 28, 0, 0, 0]) == .violation(.settings), "a window of 2²⁸")
        #expect(refusal([1, 0, 0, 0, 0, 0]) == nil, "no streams at all")
    }

    @Test("GOAWAY tells the last id, a code and a sentence of at most 256 bytes (V1-51)")
    func goAway() throws {
        var buffer = ByteBuffer()
        GoAway(lastID: CallID(rawValue: 7), code: .block, text: "why").encodeFrame(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [9, 0, 0, 10, 0, 0, 0, 0, 0, 7, 0, 0, 0, 16, 0] + Array("why".utf8))
        buffer.moveReaderIndex(forwardBy: 9)
        #expect(
            try GoAway(payload: buffer) == GoAway(lastID: CallID(rawValue: 7), code: .block, text: "why"))

        // Cut, but not within a character.
        buffer.clear()
        let text = String(repeating: "x", count: 255) + "é"
        GoAway(lastID: GoAway.everything, code: .noError, text: text).encodeFrame(into: &buffer)
        #expect(buffer.readableBytes == 9 + 6 + 255)
        #expect(throws: WireError.self) { try GoAway(payload: ByteBuffer(bytes: [1, 2, 3, 4, 5])) }
    }

    @Test("codes have the names of the specification (V1-80)")
    func codes() {
        #expect(ErrorCode.refused.description == "REFUSED")
        #expect(ErrorCode.secret.rawValue == 21)
        #expect(ErrorCode(rawValue: 999).description == "INTERNAL (999)")
    }
}
