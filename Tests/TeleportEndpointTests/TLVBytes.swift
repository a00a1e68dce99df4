import NIOCore
import TeleportCompress
import TeleportEndpoint
import TeleportTestKit
import TeleportWire
import Testing

/// TLV messages and prefaces as bytes, for tests that play a peer by hand.
enum TLVBytes {
    static let identity: ProtocolIdentity = {
        do { return try ProtocolIdentity(magic: "teleport-test", version: 7) } catch { fatalError("\(error)") }
    }()

    static func preface(_ tag: UInt8 = 1, tls: UInt8 = 0, version: UInt8 = 7) -> [UInt8] {
        Array("teleport-test".utf8) + [version, tag, tls]
    }

    static let prefaceLength = 16

    static func request(_ id: UInt32, name: String = "", value: String = "") -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(id, endianness: .little)
        for text in [name, value] {
            bytes.writeInteger(UInt32(text.utf8.count), endianness: .little)
            bytes.writeString(text)
        }
        return bytes
    }

    static func answer(_ id: UInt32, _ value: String) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(id, endianness: .little)
        bytes.writeInteger(UInt32(value.utf8.count), endianness: .little)
        bytes.writeString(value)
        return bytes
    }

    struct CutShort: Error {}

    /// The answers in plain bytes, in their order.
    ///
    /// - Throws: ``CutShort`` if the last one is not complete.
    static func answers(in bytes: ByteBuffer) throws -> [(id: UInt32, value: ByteBuffer)] {
        var bytes = bytes
        var answers: [(id: UInt32, value: ByteBuffer)] = []
        while bytes.readableBytes > 0 {
            guard let id = bytes.readInteger(endianness: .little, as: UInt32.self),
                let length = bytes.readInteger(endianness: .little, as: UInt32.self),
                let value = bytes.readSlice(length: Int(length))
            else { throw CutShort() }
            answers.append((id, value))
        }
        return answers
    }

    /// What a compressed stream holds.
    static func expanded(_ bytes: ByteBuffer, _ kind: CodecKind) throws -> ByteBuffer {
        var decompressor = Decompressor(kind)
        var bytes = bytes
        var plain = ByteBuffer()
        while try decompressor.decompress(&bytes, into: &plain, limit: 1 << 16) == .outputFull {}
        return plain
    }
}

extension ByteBuffer {
    init(joining pieces: [ByteBuffer]) {
        self.init()
        for piece in pieces { self.writeImmutableBuffer(piece) }
    }
}
