import NIOCore
import NetworkTestSupport
import Teleport
import TeleportProxy
import TeleportTestKit
import Testing

/// Innocents among attackers, on the same proxies and where possible on the same link: never a wrong byte, always an
/// answer.
@Suite("Innocents beside attackers (D17)", .serialized, .timeLimit(.minutes(10)))
struct InnocentTests {
    enum Attack: CaseIterable {
        case oddHTTP, oddLink, oddOnSameLink, oddPipelined, halfHTTP, halfLink, flood, floodLink, bomb, slowBody,
            garbage
    }

    /// A request that can be told from all others by target, body and a field; and what answers it.
    struct Innocent {
        let token: String
        var body: String { String(repeating: "<\(self.token)>", count: 1 + self.token.utf8.count % 7 * 40) }
        var request: String {
            "POST /\(self.token) HTTP/1.1\r\nHost: a\r\nX-Token: \(self.token)\r\n"
                + "Content-Length: \(self.body.utf8.count)\r\n\r\n\(self.body)"
        }

        func isAnswered(by response: Response?) -> Bool {
            response?.status == 200 && response?.fields.all("X-Token") == [self.token]
                && response?.fields.all("X-Target") == ["/" + self.token] && response?.text == self.body
        }
    }

    /// Rows after which a connection goes on.
    private static func goesOn(_ verdict: VerdictTests.Verdict) -> Bool {
        switch verdict {
        case .refused, .accepted: true
        case .closes, .acceptedAndCloses: false
        }
    }

    @Test("600 rounds of anything hostile beside and between them, in random order")
    func rounds() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("InnocentTests: seed \(seed)")
        var random = SeededRandom(seed: seed)
        let origin = try await Origin { request in
            Response(
                fields: [
                    "X-Token": request.fields.first("X-Token") ?? "none", "X-Target": "\(request.target)",
                ], body: request.body)
        }
        func configure(_ configuration: inout ProxyConfiguration) {
            configuration.outTimeout = .seconds(60)
            configuration.front.limits = HTTPLimits(
                maxHeadSize: 8 << 10, maxBodySize: 64 << 10, maxDiscardedBody: 128 << 10)
        }
        try await withProxy(
            to: [origin.address],
            {
                $0.front.kind = .teleport
                configure(&$0)
            }
        ) { far, _ in
            try await withProxy(
                to: [far],
                {
                    $0.outKind = .teleport
                    configure(&$0)
                }
            ) { near, _ in
                var http = try await RawClient(to: near)
                var link = try await LinkClient(to: far)
                var lingering: [RawPeer] = []
                var nextID: UInt32 = 0
                for round in 0..<600 {
                    let attack = Attack.allCases.randomElement(using: &random) ?? .garbage
                    let before = Innocent(token: "b\(round)-\(random.next())")
                    let behind = Innocent(token: "c\(round)-\(random.next())")
                    let onLink = (0..<3).map { Innocent(token: "l\(round)-\($0)-\(random.next())") }
                    http.send(before.request)
                    nextID += 10
                    try link.send(nextID, onLink[0].request)

                    var oddAnswers = 0
                    switch attack {
                    case .oddOnSameLink:
                        let rows = VerdictTests.rows.filter { Self.goesOn($0.teleport) }
                        let row = try #require(rows.randomElement(using: &random))
                        let bytes = try row.bytes()
                        try link.send(LinkClient.framed(nextID + 5, ByteBuffer(bytes: bytes)))
                        oddAnswers = 1
                    case .oddPipelined:
                        let rows = VerdictTests.rows.filter { Self.goesOn($0.http) }
                        let row = try #require(rows.randomElement(using: &random))
                        http.peer.write(try row.bytes())
                        oddAnswers = 1
                    default:
                        if let peer = try await Self.attack(attack, near, far, &random) { lingering.append(peer) }
                    }

                    try link.send(nextID + 1, onLink[1].request)
                    http.send(behind.request)
                    try link.send(nextID + 2, onLink[2].request)

                    #expect(
                        before.isAnswered(by: try await http.answer(to: .post)), "seed \(seed), \(round): \(attack)")
                    if attack == .oddPipelined { _ = try await http.answer() }
                    #expect(
                        behind.isAnswered(by: try await http.answer(to: .post)), "seed \(seed), \(round): \(attack)")
                    let answers = try await link.answers(3 + (attack == .oddOnSameLink ? oddAnswers : 0))
                    for (index, innocent) in onLink.enumerated() {
                        #expect(
                            innocent.isAnswered(by: answers[nextID + UInt32(index)]),
                            "seed \(seed), \(round): \(attack)")
                    }
                }
                for peer in lingering { await peer.close() }
                await http.peer.close()
                await link.peer.close()
            }
        }
        await origin.server.kill()
    }

    /// Returns the attacker's connection if it stays.
    private static func attack(
        _ attack: Attack, _ near: TransportAddress, _ far: TransportAddress, _ random: inout SeededRandom
    ) async throws -> RawPeer? {
        let row = try #require(VerdictTests.rows.randomElement(using: &random))
        let smuggled = "POST /smuggled HTTP/1.1\r\nHost: evil\r\nX-Token: evil\r\nContent-Length: 4\r\n\r\nevil"
        let isReset = Bool.random(using: &random)
        let peer: RawPeer
        switch attack {
        case .oddHTTP:
            peer = try await RawPeer.connect(to: near)
            peer.write(try row.bytes() + Array(smuggled.utf8), byteByByte: Bool.random(using: &random))
        case .oddLink:
            peer = try await LinkClient(to: far).peer
            peer.write([1, 0, 0, 0] + (try row.bytes()) + [2, 0, 0, 0] + Array(smuggled.utf8))
        case .halfHTTP, .halfLink:
            let cut = Int.random(in: 1..<smuggled.utf8.count, using: &random)
            if attack == .halfHTTP {
                peer = try await RawPeer.connect(to: near)
            } else {
                peer = try await LinkClient(to: far).peer
                peer.write([1, 0, 0, 0])
            }
            peer.write(Array(smuggled.utf8.prefix(cut)))
        case .flood:
            peer = try await RawPeer.connect(to: near)
            peer.write(String(repeating: smuggled, count: 100))
        case .floodLink:
            let client = try await LinkClient(to: far)
            peer = client.peer
            var flood = ByteBuffer()
            for id in 1...100 as ClosedRange<UInt32> {
                flood.writeImmutableBuffer(LinkClient.framed(id, ByteBuffer(string: smuggled)))
            }
            try client.send(flood)
        case .bomb:
            let shape = try #require(DefectBombTests.Shape.allCases.randomElement(using: &random))
            let client = try await LinkClient(
                to: far, codec: DefectBombTests.codecs.randomElement(using: &random) ?? .flate)
            peer = client.peer
            try client.send(LinkClient.framed(1, shape.request(zeros: 300_000)))
        case .slowBody:
            peer = try await RawPeer.connect(to: near)
            peer.write("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nslow")
            return peer
        case .garbage, .oddOnSameLink, .oddPipelined:
            peer = try await RawPeer.connect(to: Bool.random(using: &random) ? near : far)
            peer.write(
                (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        if isReset { try await peer.reset() } else { await peer.close() }
        return nil
    }
}
