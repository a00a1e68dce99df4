import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("What a request has to get past")
struct RequestGateTests {
    private func gate(_ change: (inout FrontConfiguration) -> Void = { _ in }) -> RequestGate {
        var configuration = FrontConfiguration(.http, at: [])
        change(&configuration)
        return RequestGate(configuration)
    }

    private func head(_ method: HTTPMethod, _ target: String = "/", _ fields: Fields = [:]) throws -> RequestHead {
        var fields = fields
        if !fields.contains(.host) { try fields.append(.host, "a") }
        return RequestHead(method: method, target: target, fields: fields)
    }

    @Test("CONNECT and protocol switches are not implemented; an offer of h2c is passed over")
    func tunnels() throws {
        let gate = self.gate()
        #expect(gate.refusal(of: try self.head(.connect, "a:443"))?.status == .notImplemented)
        let websocket: Fields = ["Connection": "Upgrade", "Upgrade": "websocket"]
        #expect(gate.refusal(of: try self.head(.get, "/", websocket))?.status == .notImplemented)
        #expect(gate.refusal(of: try self.head(.get, "/", websocket), isUpgradeIgnored: true) == nil)
        #expect(gate.refusal(of: try self.head(.get, "/", ["Connection": "Upgrade", "Upgrade": "h2c"])) == nil)
        #expect(gate.refusal(of: try self.head(.get, "/", ["Upgrade": "websocket"])) == nil, "not for this connection")
    }

    @Test("-inGetOnly leaves GET and HEAD")
    func getOnly() throws {
        let gate = self.gate { $0.getOnly = true }
        #expect(gate.refusal(of: try self.head(.get)) == nil)
        #expect(gate.refusal(of: try self.head(.head)) == nil)
        let refusal = gate.refusal(of: try self.head(.post))
        #expect(refusal?.status == .methodNotAllowed)
        #expect(refusal?.fields.first(.allow) == "GET, HEAD")
    }

    @Test("a target is a path, a URI with a host, or * of OPTIONS")
    func targets() throws {
        let gate = self.gate()
        for target in ["/", "/a?b", "//", "http://h/p", "HTTPS://h:1?q", "foo+x://[::1]:8"] {
            #expect(gate.refusal(of: try self.head(.get, target)) == nil, "\(target)")
        }
        for target in ["a", "*", "http://", "http:/h", "http://u@h/", "http://u:p@h/", "://h", "1http://h", "?q"] {
            #expect(gate.refusal(of: try self.head(.get, target))?.status == .badRequest, "\(target)")
        }
        #expect(gate.refusal(of: try self.head(.options, "*")) == nil)
    }

    @Test("the host of an absolute target outranks Host (RFC 9112 §3.2.2)")
    func absoluteForm() throws {
        var head = try self.head(.get, "http://real:81/p", ["Host": "fake", "Accept": "*/*"])
        try self.gate().adapt(&head, client: nil)
        #expect(head.fields.all(.host) == ["real:81"])
        #expect(head.target == "http://real:81/p")
    }

    @Test("Max-Forwards is counted down, and its end is here")
    func maxForwards() throws {
        let gate = self.gate()
        var options = try self.head(.options, "/", ["Max-Forwards": "2"])
        #expect(gate.refusal(of: options) == nil)
        try gate.adapt(&options, client: nil)
        #expect(options.fields.first(.maxForwards) == "1")
        #expect(gate.refusal(of: try self.head(.options, "/", ["Max-Forwards": "0"]))?.status == .noContent)
        #expect(gate.refusal(of: try self.head(.trace, "/", ["Max-Forwards": "0"]))?.status == .methodNotAllowed)
        var get = try self.head(.get, "/", ["Max-Forwards": "0"])
        #expect(gate.refusal(of: get) == nil)
        try gate.adapt(&get, client: nil)
        #expect(get.fields.first(.maxForwards) == "0")
    }

    @Test("the client's address is appended to what the field says already, IPv6 too")
    func clientIP() throws {
        let gate = self.gate { $0.clientIPField = "X-Forwarded-For" }
        for (address, text) in [
            ("10.1.2.3", "10.1.2.3"), ("2001:db8::7", "2001:db8::7"), ("::ffff:10.1.2.3", "10.1.2.3"),
        ] {
            let client = try SocketAddress(ipAddress: address, port: 1)
            var first = try self.head(.get)
            try gate.adapt(&first, client: client)
            #expect(first.fields.all("X-Forwarded-For") == [text])
            var later = try self.head(.get, "/", ["X-Forwarded-For": "1.1.1.1, 2.2.2.2", "x-forwarded-for": "3.3.3.3"])
            try gate.adapt(&later, client: client)
            #expect(later.fields.all("X-Forwarded-For") == ["1.1.1.1, 2.2.2.2, 3.3.3.3, \(text)"])
        }
        var unix = try self.head(.get)
        try gate.adapt(&unix, client: try SocketAddress(unixDomainSocketPath: "/tmp/x"))
        #expect(!unix.fields.contains("X-Forwarded-For"))
    }
}
