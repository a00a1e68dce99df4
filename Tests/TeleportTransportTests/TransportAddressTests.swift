import TeleportTransport
import Testing

@Suite("Addresses as people write them")
struct TransportAddressTests {
    static let readable: [(String, TransportAddress)] = [
        ("127.0.0.1:80", .tcp(host: "127.0.0.1", port: 80)),
        ("example.org:65535", .tcp(host: "example.org", port: 65535)),
        ("[::1]:80", .tcp(host: "::1", port: 80)),
        ("[fe80::1%eth0]:0", .tcp(host: "fe80::1%eth0", port: 0)),
        (":8080", .tcp(host: "", port: 8080)),
        ("unix:/run/x.sock", .unix(path: "/run/x.sock")),
        ("unix:x", .unix(path: "x")),
        ("/run/x.sock", .unix(path: "/run/x.sock")),
        ("./x.sock", .unix(path: "./x.sock")),
        ("/" + String(repeating: "x", count: 106), .unix(path: "/" + String(repeating: "x", count: 106))),
    ]

    @Test("are read", arguments: readable)
    func reads(text: String, address: TransportAddress) throws {
        #expect(try TransportAddress(parsing: text) == address)
    }

    @Test(
        "are refused with a sentence that quotes them",
        arguments: [
            "", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1", "::1:80", "[::1]",
            "[::1:80", "::1]:80", "http://localhost:80", "a b:80", "unix:", "1.2.3.4:80/x",
            "/" + String(repeating: "x", count: 107),
        ])
    func refuses(text: String) {
        let error = #expect(throws: TransportError.self) { try TransportAddress(parsing: text) }
        #expect(error?.code == .invalidAddress)
        #expect(error?.message.contains("\"\(text)\"") == true)
    }

    @Test("are written the way they are read", arguments: ["1.2.3.4:80", "[::1]:80", ":80", "unix:/x", "unix:y"])
    func describes(text: String) throws {
        #expect(try TransportAddress(parsing: text).description == text)
    }
}
