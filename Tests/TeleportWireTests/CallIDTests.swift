import NIOCore
import TeleportWire
import Testing

@Suite("Call ids")
struct CallIDTests {
    @Test("rise by one and skip 0 when they wrap")
    func next() {
        #expect(CallID.first.rawValue == 1)
        #expect(CallID(rawValue: 41).next.rawValue == 42)
        #expect(CallID(rawValue: .max).next.rawValue == 1)
    }

    @Test("compare by serial-number arithmetic, also across the wrap")
    func order() {
        #expect(CallID(rawValue: 1).precedes(CallID(rawValue: 2)))
        #expect(!CallID(rawValue: 2).precedes(CallID(rawValue: 1)))
        #expect(!CallID(rawValue: 2).precedes(CallID(rawValue: 2)))
        #expect(CallID(rawValue: .max).precedes(CallID(rawValue: 1)))
        #expect(!CallID(rawValue: 1).precedes(CallID(rawValue: .max)))
    }

    @Test("are four little-endian bytes")
    func bytes() {
        var buffer = ByteBuffer()
        CallID(rawValue: 0x0403_0201).encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == [1, 2, 3, 4])
        #expect(CallID.decode(from: &buffer) == CallID(rawValue: 0x0403_0201))

        var short = ByteBuffer(bytes: [1, 2, 3])
        #expect(CallID.decode(from: &short) == nil)
        #expect(short.readableBytes == 3)
    }
}
