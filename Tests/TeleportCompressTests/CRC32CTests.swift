import Testing

import struct NIOCore.ByteBuffer

@testable import TeleportCompress
import TeleportTestKit

@Suite struct CRC32CTests {
    /// RFC 3720, appendix B.4, and the check value of the catalogues.
    static let knownAnswers: [([UInt8], UInt32)] = [
        ([], 0),
        (Array("123456789".utf8), 0xe306_9283),
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        (Array(0..<32), 0x46dd_794e),
        ((0..<32).reversed(), 0x113f_db5c),
    ]

    @Test("known answers, with the processor's instruction and by tables", arguments: knownAnswers)
    func knownAnswer(bytes: [UInt8], answer: UInt32) {
        bytes.withUnsafeBytes {
            #expect(CRC32C.checksum($0) == answer)
            #expect(CRC32C.portableChecksum($0) == answer)
        }
    }

    @Test("both ways agree at every length and alignment")
    func agreement() {
        let bytes = Array(noise(300).readableBytesView)
        bytes.withUnsafeBytes { bytes in
            for start in 0..<9 {
                for end in start..<bytes.count {
                    let slice = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                    #expect(CRC32C.checksum(slice) == CRC32C.portableChecksum(slice))
                }
            }
        }
    }

    @Test("the mask of the framing format")
    func mask() {
        Array("123456789".utf8).withUnsafeBytes {
            let checksum: UInt32 = 0xe306_9283
            #expect(CRC32C.maskedChecksum($0) == (checksum >> 15 | checksum << 17) &+ 0xa282_ead8)
        }
    }
}
