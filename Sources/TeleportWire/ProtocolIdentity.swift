internal import struct NIOCore.ByteBuffer

/// How one protocol on top of this wire tells itself from another: the magic that opens a connection and a version byte.
///
/// HTTP peers use ``http``; another RPC project picks its own, and neither talks to the other by accident.
public struct ProtocolIdentity: Sendable, Hashable {
    /// The bytes that open a connection in each direction; 1 to ``maximumMagicLength`` of them.
    public let magic: [UInt8]
    /// The byte that follows the magic.
    public let version: UInt8

    /// The longest magic that is accepted, in bytes.
    public static let maximumMagicLength = 64

    /// What HTTP peers speak: `httpteleport`, version 0.
    public static let http = ProtocolIdentity(uncheckedMagic: Array("httpteleport".utf8), version: 0)

    /// What HTTP peers speak of the framed protocol: `httpteleport`, version 1.
    public static let httpV1 = ProtocolIdentity(uncheckedMagic: Array("httpteleport".utf8), version: 1)

    /// An identity of your own.
    ///
    /// - Throws: ``WireError`` `.unusableMagic` if the magic is empty, longer than ``maximumMagicLength``, or begins with
    ///   0x16: that byte begins a TLS handshake, and a listener that serves both could not tell them apart.
    public init(magic: [UInt8], version: UInt8) throws(WireError) {
        guard let first = magic.first, magic.count <= Self.maximumMagicLength, first != 0x16 else {
            throw WireError(
                .unusableMagic,
                "A magic has 1 to \(Self.maximumMagicLength) bytes and does not begin with 0x16, which begins TLS.")
        }
        self.init(uncheckedMagic: magic, version: version)
    }

    /// An identity of your own, its magic given as text.
    ///
    /// - Throws: ``WireError`` `.unusableMagic`, as ``init(magic:version:)-(Array<UInt8>,_)`` does.
    public init(magic: String, version: UInt8) throws(WireError) {
        try self.init(magic: Array(magic.utf8), version: version)
    }

    private init(uncheckedMagic magic: [UInt8], version: UInt8) {
        self.magic = magic
        self.version = version
    }

    /// Looks for magic and version at the front of `buffer`.
    ///
    /// - Returns: the index behind them, or `nil` if more bytes are needed.
    /// - Throws: ``WireError`` `.wrongMagic`, `.wrongVersion`, at the first byte that differs.
    func find(in buffer: ByteBuffer) throws(WireError) -> Int? {
        let bytes = buffer.readableBytesView
        guard bytes.elementsEqual(self.magic.prefix(bytes.count)) || bytes.starts(with: self.magic) else {
            throw WireError(.wrongMagic, "The peer does not speak this protocol: its first bytes are not the magic.")
        }
        guard bytes.count > self.magic.count else { return nil }
        let version = bytes[bytes.startIndex + self.magic.count]
        guard version == self.version else {
            throw WireError(
                .wrongVersion(version),
                "The peer speaks version \(version) of this protocol, this side version \(self.version).")
        }
        return bytes.startIndex + self.magic.count + 1
    }
}
