/// The first bytes of a v1 connection (rule V1-1).
enum FramedPreface {
    static let magic = Array("httpteleport".utf8)
    static let length = 15

    /// A preface, whatever it says.
    static func bytes(mask: UInt8 = 0, version: UInt8 = 1, last: UInt8 = 0) -> [UInt8] {
        self.magic + [version, mask, last]
    }

    /// - Returns: the codecs that the peer decodes.
    static func check(_ bytes: [UInt8]) throws(Fault) -> UInt8 {
        guard bytes.count == self.length, bytes.starts(with: self.magic) else {
            throw Fault("V1-1", "a preface of \(bytes.hex())")
        }
        guard bytes[12] == 1 else { throw Fault("V1-1", "version \(bytes[12]) in a preface") }
        guard bytes[14] == 0 else { throw Fault("V1-1", "\(bytes[14]) as the last byte of a preface") }
        guard bytes[13] & 0xF0 == 0 else { throw Fault("V1-1", "unknown bits in a preface: \(hex: bytes[13])") }
        return bytes[13]
    }
}
