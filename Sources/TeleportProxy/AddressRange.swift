public import NIOCore

/// A block of IP addresses: one address, `10.1.2.3`, or all that share a prefix, `10.0.0.0/8` (RFC 4632 §3.1, RFC 4291
/// §2.3).
///
/// Addresses of IPv4 that an IPv6 socket reports, `::ffff:10.1.2.3` (RFC 4291 §2.5.5.2), are IPv4 addresses here: they
/// are in `10.0.0.0/8` and not in `::/0`. So a list means the same whichever way a listener was opened.
public struct AddressRange: Sendable, Hashable {
    private enum Family: Hashable {
        case v4, v6

        /// Bits of an address.
        var width: Int { self == .v4 ? 32 : 128 }
    }

    private let family: Family
    /// The first address, in the low ``Family/width`` bits.
    private let first: UInt128
    /// How many leading bits all addresses share.
    private let prefixLength: Int

    /// The block that `::ffff:0:0/96` is kept for.
    private static let mappedBits = 96
    private static let mappedStart: UInt128 = 0xFFFF << 32

    private init(family: Family, first: UInt128, prefixLength: Int) {
        self.family = family
        self.first = first
        self.prefixLength = prefixLength
    }

    /// Reads `1.2.3.4`, `10.0.0.0/8`, `::1` or `2001:db8::/32`.
    ///
    /// - Throws: ``AddressRangeError`` for anything else: names, ports, brackets, zones, a prefix longer than the
    ///   address, and an address with bits set behind its prefix, which is more often a slip than what was meant.
    public init(parsing text: some StringProtocol) throws(AddressRangeError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, let (family, address) = Self.parseAddress(String(name)) else {
            throw AddressRangeError(text, "Expected an IP address such as 10.1.2.3 or a range such as 10.0.0.0/8.")
        }
        var prefixLength = family.width
        if parts.count == 2 {
            guard let number = Self.parseNumber(parts[1]), number <= family.width else {
                throw AddressRangeError(text, "Expected 0 to \(family.width) bits behind the slash.")
            }
            prefixLength = number
        }
        let range = AddressRange(family: family, first: address, prefixLength: prefixLength).masked
        guard range.first == address else {
            throw AddressRangeError(text, "Bits are set behind the first \(prefixLength): expected \(range).")
        }
        self = range.unmapped
    }

    /// Reads ranges with commas between them; blanks around each are left out. An empty text is no range.
    ///
    /// - Throws: ``AddressRangeError`` with the first piece that cannot be understood, an empty one included.
    public static func list(_ text: some StringProtocol) throws(AddressRangeError) -> [AddressRange] {
        guard text.contains(where: { !$0.isWhitespace }) else { return [] }
        var ranges: [AddressRange] = []
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            let head = piece.drop(while: \.isWhitespace)
            let end = head.lastIndex { !$0.isWhitespace }.map { head.index(after: $0) } ?? head.startIndex
            ranges.append(try AddressRange(parsing: head[..<end]))
        }
        return ranges
    }

    /// Whether the address is one of the range. Ports do not matter; unix sockets are in no range.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let (family, bits) = Self.normalized(address) else { return false }
        return family == self.family && (bits ^ self.first) & self.mask == 0
    }

    // MARK: Bits

    /// The bits that all addresses share.
    private var mask: UInt128 {
        // A smart shift: by the whole width it gives zero.
        let all = UInt128.max >> (128 - self.family.width)
        return all & ~(all >> self.prefixLength)
    }

    private var masked: AddressRange {
        AddressRange(family: self.family, first: self.first & self.mask, prefixLength: self.prefixLength)
    }

    /// A range of mapped addresses as the range of IPv4 that it means.
    private var unmapped: AddressRange {
        guard self.family == .v6, self.prefixLength >= Self.mappedBits, self.first >> 32 == Self.mappedStart >> 32
        else {
            return self
        }
        return AddressRange(
            family: .v4, first: self.first & 0xFFFF_FFFF, prefixLength: self.prefixLength - Self.mappedBits)
    }

    private static func normalized(_ address: SocketAddress) -> (Family, UInt128)? {
        guard let (family, bits) = self.bits(of: address) else { return nil }
        let single = AddressRange(family: family, first: bits, prefixLength: family.width).unmapped
        return (single.family, single.first)
    }

    private static func bits(of address: SocketAddress) -> (Family, UInt128)? {
        // Where the address stands in `sockaddr_in` and `sockaddr_in6`: the same on all systems.
        switch address {
        case .v4: (.v4, self.number(in: address, at: 4, count: 4))
        case .v6: (.v6, self.number(in: address, at: 8, count: 16))
        case .unixDomainSocket: nil
        }
    }

    /// Bytes of an address, which are in network order, as a number.
    private static func number(in address: SocketAddress, at start: Int, count: Int) -> UInt128 {
        address.withSockAddr { pointer, size in
            let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
            return bytes[start..<start + count].reduce(0) { $0 << 8 | UInt128($1) }
        }
    }

    // MARK: Text

    private static func parseAddress(_ text: String) -> (Family, UInt128)? {
        // No zones, and no NUL that would end the text early.
        guard text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit || $0 == 0x2E || $0 == 0x3A }),
            let address = try? SocketAddress(ipAddress: text, port: 0)
        else { return nil }
        return self.bits(of: address)
    }

    /// One to three digits without a leading zero.
    private static func parseNumber(_ text: some StringProtocol) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text == "0" || !text.hasPrefix("0")
        else { return nil }
        return Int(text)
    }
}

extension AddressRange: CustomStringConvertible {
    /// The range as ``init(parsing:)`` reads it; a single address without a prefix.
    public var description: String {
        let bytes = (0..<self.family.width / 8).reversed().map { UInt8(truncatingIfNeeded: self.first >> ($0 * 8)) }
        let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress
        let name = address ?? "?"
        return self.prefixLength == self.family.width ? name : "\(name)/\(self.prefixLength)"
    }
}

/// A text that is no ``AddressRange``.
public struct AddressRangeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The piece that cannot be understood.
    public let text: String
    /// What was expected instead.
    public let message: String

    init(_ text: some StringProtocol, _ message: String) {
        self.text = String(text)
        self.message = message
    }

    public var description: String { "\"\(self.text)\" is no range of IP addresses. \(self.message)" }
}
