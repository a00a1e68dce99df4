import Testing

@testable import TeleportConformance

@Suite("What the monitor of a connection notices")
struct MonitorTests {
    /// A monitor of a server that has sent its SETTINGS.
    private static func server(_ sent: Frame...) throws -> PeerMonitor {
        var monitor = PeerMonitor(side: .server, settings: [:])
        try monitor.received(.settings())
        for frame in sent { monitor.sent(frame) }
        return monitor
    }

    private static func client(settings: [SettingsKey: UInt32] = [:]) throws -> PeerMonitor {
        var monitor = PeerMonitor(side: .client, settings: settings)
        try monitor.received(.settings())
        return monitor
    }

    private static let get = Frame.request(1, RequestHead(target: "/", authority: "host"))
    private static let ok = Frame.response(1, ResponseHead())

    private static func request(_ id: UInt32, flags: FrameFlags = .end) -> Frame {
        .request(id, RequestHead(target: "/", authority: "host"), flags: flags)
    }

    /// The rule that the last of these frames breaks.
    private static func rule(_ monitor: PeerMonitor, _ frames: Frame...) -> String? {
        var monitor = monitor
        for frame in frames {
            do {
                try monitor.received(frame)
            } catch {
                return frame == frames.last ? error.rule : "too early: \(error.rule)"
            }
        }
        return nil
    }

    @Test("a good answer is none of its business")
    func good() throws {
        let monitor = try Self.server(Self.get)
        #expect(Self.rule(monitor, Self.ok) == nil)
        #expect(
            Self.rule(
                monitor, .response(1, ResponseHead(status: 103), flags: .interim),
                .response(1, ResponseHead(), flags: [], body: [1]), .data(1, [2]), .trailers(1, [])) == nil)
    }

    @Test("frames of servers that are out of place")
    func servers() throws {
        let monitor = try Self.server(Self.get)
        let begun = Frame.response(1, ResponseHead(), flags: [])
        #expect(Self.rule(monitor, Self.ok, Self.ok) == "V1-33")
        #expect(Self.rule(monitor, Self.ok, .cancel(1)) == "V1-33")
        #expect(Self.rule(monitor, Self.ok, .cancel(1, .noError)) == nil)
        #expect(Self.rule(monitor, .cancel(1, .noError)) == "V1-33")
        #expect(Self.rule(monitor, begun, begun) == "V1-32")
        #expect(Self.rule(monitor, .data(1, [1])) == "V1-32")
        #expect(Self.rule(monitor, .response(2, ResponseHead())) == "V1-34")
        #expect(Self.rule(monitor, .settings()) == "V1-25")
        #expect(Self.rule(monitor, .pong(.init(repeating: 0, count: 8))) == "V1-50")
        #expect(Self.rule(monitor, .credit(0, 1)) == "V1-41")
        #expect(Self.rule(monitor, Frame(.response, flags: .end, stream: 1, payload: [0, 0, 0])) == "V1-35")
        #expect(Self.rule(monitor, .response(1, ResponseHead(), flags: [.end, .sensitive])) == "V1-23")
        #expect(Self.rule(monitor, .response(1, ResponseHead(status: 103))) == "V1-62")
        #expect(Self.rule(monitor, .response(1, ResponseHead(fields: [Field(secret: "Cookie")]))) == "V1-65")
        #expect(Self.rule(monitor, .response(1, ResponseHead(fields: [Field("Content-Length", "9")]))) == "V1-64")
        #expect(Self.rule(monitor, Self.request(2)) == "V1-30")
    }

    @Test("DATA beyond the credit that was given, once the peer knows of it")
    func credit() throws {
        var monitor = PeerMonitor(side: .server, settings: [.streamCredit: 10])
        try monitor.received(.settings())
        monitor.sent(Self.get)
        let begun = Frame.response(1, ResponseHead(), flags: [])
        // Before that the default counts.
        #expect(Self.rule(monitor, begun, .data(1, count: 11)) == nil)
        monitor.sent(.ping(.init(repeating: 1, count: 8)))
        try monitor.received(.pong(.init(repeating: 1, count: 8)))
        #expect(Self.rule(monitor, begun, .data(1, count: 10)) == nil)
        #expect(Self.rule(monitor, begun, .data(1, count: 11)) == "V1-40")
        monitor.sent(.credit(1, 1))
        #expect(Self.rule(monitor, begun, .data(1, count: 11)) == nil)
    }

    @Test("credit that is given back twice")
    func creditBack() throws {
        var monitor = try Self.server(Self.request(1, flags: []))
        monitor.sent(.data(1, count: 5000))
        #expect(Self.rule(monitor, .credit(1, 5000), .credit(0, 5000)) == nil)
        #expect(Self.rule(monitor, .credit(1, 5000), .credit(1, 1)) == "V1-41")
        #expect(Self.rule(monitor, .credit(0, 5001)) == "V1-41")
    }

    @Test("frames of clients that are out of place")
    func clients() throws {
        let monitor = try Self.client()
        #expect(Self.rule(monitor, Self.request(1), Self.request(2)) == nil)
        #expect(Self.rule(monitor, Self.request(2)) == "V1-30")
        #expect(Self.rule(monitor, Self.request(1), Self.request(1)) == "V1-30")
        #expect(Self.rule(monitor, Self.request(1), .data(1, [1])) == "V1-34")
        #expect(Self.rule(monitor, Self.request(1, flags: []), .cancel(1), .data(1, [1])) == "V1-36")
        #expect(Self.rule(monitor, Self.request(1), Self.ok) == "V1-34")
        #expect(Self.rule(monitor, .secrets(1, ["a"]), Self.request(1)) == "V1-65")
        #expect(Self.rule(monitor, .secrets(1, ["a"]), .secrets(1, ["a"])) == "V1-65")
    }

    @Test("more requests than may be, once the client knows")
    func places() throws {
        var monitor = try Self.client(settings: [.streams: 1])
        #expect(Self.rule(monitor, Self.request(1), Self.request(2)) == nil)
        monitor.sent(.ping(.init(repeating: 1, count: 8)))
        try monitor.received(.pong(.init(repeating: 1, count: 8)))
        #expect(Self.rule(monitor, Self.request(1), Self.request(2)) == "V1-43")
        try monitor.received(Self.request(1))
        monitor.sent(Self.ok)
        #expect(Self.rule(monitor, Self.request(2)) == nil)
    }
}
