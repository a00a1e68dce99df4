import NIOCore
import Testing

@testable import TeleportProxy

@Suite("Ranges of IP addresses")
struct AddressRangeTests {
    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 4711) }

    @Test(
        "an address is in its range, whatever its port",
        arguments: [
            ("1.2.3.4", "1.2.3.4"), ("10.0.0.0/8", "10.0.0.0"), ("10.0.0.0/8", "10.255.255.255"),
            ("10.128.0.0/9", "10.128.0.1"), ("0.0.0.0/0", "203.0.113.9"), ("192.0.2.6/31", "192.0.2.7"),
            ("::1", "::1"), ("2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), ("::/0", "2001:db8::1"),
            ("fe80::/10", "febf::1"), ("2001:db8::2/127", "2001:db8::3"),
        ])
    func inside(range: String, peer: String) throws {
        #expect(try AddressRange(parsing: range).contains(self.address(peer)))
    }

    @Test(
        "its neighbours and the other family are not",
        arguments: [
            ("1.2.3.4", "1.2.3.5"), ("1.2.3.4", "1.2.3.3"), ("10.0.0.0/8", "11.0.0.0"), ("10.0.0.0/8", "9.255.255.255"),
            ("10.128.0.0/9", "10.127.255.255"), ("192.0.2.6/31", "192.0.2.8"), ("0.0.0.0/0", "::1"),
            ("::1", "::2"), ("2001:db8::/32", "2001:db9::"), ("::/0", "10.0.0.1"), ("fe80::/10", "fec0::1"),
            ("::/96", "1.2.3.4"), ("0.0.0.1", "::1"),
        ])
    func outside(range: String, peer: String) throws {
        #expect(try !AddressRange(parsing: range).contains(self.address(peer)))
    }

    @Test("IPv4 that an IPv6 socket reports is IPv4")
    func mapped() throws {
        let peer = try self.address("::ffff:10.1.2.3")
        #expect(try AddressRange(parsing: "10.0.0.0/8").contains(peer))
        #expect(try AddressRange(parsing: "10.1.2.3").contains(peer))
        #expect(try !AddressRange(parsing: "10.1.2.4").contains(peer))
        #expect(try !AddressRange(parsing: "::/0").contains(peer))
        #expect(try AddressRange(parsing: "::ffff:10.0.0.0/104") == AddressRange(parsing: "10.0.0.0/8"))
        #expect(try AddressRange(parsing: "::ffff:10.0.0.0/104").contains(self.address("10.9.9.9")))
    }

    @Test("unix sockets are in no range")
    func unix() throws {
        let peer = try SocketAddress(unixDomainSocketPath: "/tmp/socket")
        #expect(try !AddressRange(parsing: "0.0.0.0/0").contains(peer))
        #expect(try !AddressRange(parsing: "::/0").contains(peer))
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", " ", "/", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/", "1.2.3.4/33",
            "1.2.3.4/-1", "1.2.3.4/+8", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/8 ", "10.0.0.0/255.0.0.0",
            "10.0.0.0/99999999999999999999", "[::1]", "[::1]/128", "::1/129", ":::1", "1.2.3.4:80", "fe80::1%eth0",
            "1.2.3.4\u{0}", "0x7f.0.0.1", "::1\u{0}x", "10.0.0.0/٨", "unix:/tmp/socket",
        ])
    func refused(text: String) {
        #expect(throws: AddressRangeError.self) { try AddressRange(parsing: text) }
    }

    @Test("bits behind the prefix are told, with the range that was meant")
    func hostBits() {
        let error = #expect(throws: AddressRangeError.self) { try AddressRange(parsing: "10.1.2.3/8") }
        #expect(
            error?.description
                == "\"10.1.2.3/8\" is no range of IP addresses. Bits are set behind the first 8: expected 10.0.0.0/8.")
        #expect(throws: AddressRangeError.self) { try AddressRange(parsing: "2001:db8::1/64") }
        #expect(throws: AddressRangeError.self) { try AddressRange(parsing: "1.2.3.4/0") }
    }

    @Test("a list has commas between its ranges")
    func list() throws {
        let ranges = try AddressRange.list(" 10.0.0.0/8,::1 , 192.0.2.7")
        #expect(ranges.map(\.description) == ["10.0.0.0/8", "::1", "192.0.2.7"])
        #expect(try AddressRange.list("").isEmpty)
        #expect(try AddressRange.list("  ").isEmpty)
    }

    @Test(
        "a list names the piece that is wrong",
        arguments: [
            ("10.0.0.0/8, host ,::1", "host"), ("10.0.0.0/8,", ""), (",", ""), ("::1,,::2", ""), ("::1;::2", "::1;::2"),
        ])
    func wrongPiece(list: String, piece: String) {
        let error = #expect(throws: AddressRangeError.self) { try AddressRange.list(list) }
        #expect(error?.text == piece)
        #expect(error?.message.contains("Expected") == true)
    }

    @Test(
        "a range prints as it is read, in the shortest form",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("1.2.3.4/32", "1.2.3.4"), ("2001:DB8:0:0::/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"), ("::ffff:1.2.3.4", "1.2.3.4"),
        ])
    func description(text: String, expected: String) throws {
        let range = try AddressRange(parsing: text)
        #expect(range.description == expected)
        #expect(try AddressRange(parsing: range.description) == range)
    }
}
