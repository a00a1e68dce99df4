import NIOCore
import NIOEmbedded
import TeleportTransport
import Testing

@Suite("Connections that flush together")
struct FlushRoundTests {
    /// Two connections on one loop.
    private struct Pair {
        let loop = EmbeddedEventLoop()
        let streams = [RecordingStream(), RecordingStream()]
        let channels: [EmbeddedChannel]

        init() throws {
            let loop = self.loop
            self.channels = try self.streams.map { stream in
                let driver = ConnectionDriver(stream: stream)
                driver.flushRound = .of(loop)
                let channel = EmbeddedChannel(handler: driver, loop: loop)
                try channel.connect(to: .init(unixDomainSocketPath: "/nowhere")).wait()
                return channel
            }
        }

        func written(_ index: Int) throws -> String? {
            try self.channels[index].readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        }
    }

    @Test("each of them is flushed once, behind the turn in which it asked, with all that was said till then")
    func together() throws {
        let pair = try Pair()
        pair.streams[0].send("a")
        pair.streams[1].send("b")
        pair.streams[0].send("c")
        #expect(try pair.written(0) == nil)
        pair.loop.run()
        #expect(try pair.written(0) == "ac")
        #expect(try pair.written(1) == "b")
        pair.loop.run()
        #expect(try pair.written(0) == nil)
        // And again.
        pair.streams[1].send("d")
        pair.loop.run()
        #expect(try pair.written(1) == "d")
    }

    @Test("a loop has one round, two loops have two")
    func identity() {
        let (loop, other) = (EmbeddedEventLoop(), EmbeddedEventLoop())
        let round = FlushRound.of(loop)
        #expect(FlushRound.of(loop) === round)
        #expect(FlushRound.of(other) !== round)
    }

    @Test("who is closed before its turn is left out, and the others are not")
    func closed() throws {
        let pair = try Pair()
        pair.streams[0].send("a")
        pair.streams[1].send("b")
        pair.streams[0].driver?.closeNow(TransportError(.closedLocally, "test"))
        pair.loop.run()
        #expect(try pair.written(0) == nil)
        #expect(try pair.written(1) == "b")
    }

    @Test("what another has to send because of a flush leaves in the next round")
    func meanwhile() throws {
        let pair = try Pair()
        let probe = SocketProbe()
        probe.onFlush = { [second = pair.streams[1]] _ in
            if second.events.count == 1 { second.send("late") }
            second.events.append("told")
        }
        try pair.channels[0].pipeline.syncOperations.addHandler(probe, position: .first)
        pair.streams[0].send("a")
        pair.loop.run()
        #expect(try pair.written(0) == "a")
        #expect(try pair.written(1) == "late")
    }
}
