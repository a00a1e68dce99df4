import NIOCore
import NIOEmbedded
import TeleportTransport
import Testing

@Suite("When what waits is written")
struct BatchingTests {
    @Test("everything of one turn of the loop goes in one write and one flush")
    func loopTurn() throws {
        let fixture = try DriverFixture()
        for index in 0..<5 { fixture.stream.send("\(index)") }
        #expect(fixture.written == nil)
        fixture.loop.run()
        #expect(fixture.allWritten == ["01234"])
        #expect(fixture.probe.flushes == 1)
    }

    @Test("what is sent while a read batch is worked on goes out at its end")
    func readBatch() throws {
        let fixture = try DriverFixture()
        fixture.stream.onEvent = { event in
            if event.hasPrefix("bytes") { fixture.stream.send("answer ") }
        }
        fixture.receive("a", "b", "c")
        #expect(fixture.allWritten == ["answer answer answer "])
        fixture.loop.run()
        #expect(fixture.probe.flushes == 1)
        fixture.stream.onEvent = { _ in }
    }

    @Test("a delay counts from the first message that waits, and is not prolonged by others")
    func delay() throws {
        let fixture = try DriverFixture(policy: .init(delay: .milliseconds(10)))
        fixture.stream.send("a")
        fixture.loop.advanceTime(by: .milliseconds(9))
        fixture.stream.send("b")
        #expect(fixture.written == nil)
        fixture.loop.advanceTime(by: .milliseconds(1))
        #expect(fixture.allWritten == ["ab"])
        fixture.stream.send("c")
        fixture.loop.advanceTime(by: .milliseconds(9))
        #expect(fixture.written == nil)
        fixture.loop.advanceTime(by: .milliseconds(1))
        #expect(fixture.allWritten == ["c"])
        #expect(fixture.probe.flushes == 2)
    }

    @Test("the end of a read batch does not cut a delay short")
    func delayOverReadBatch() throws {
        let fixture = try DriverFixture(policy: .init(delay: .milliseconds(10)))
        fixture.stream.send("a")
        fixture.receive("x")
        #expect(fixture.written == nil)
        fixture.loop.advanceTime(by: .milliseconds(10))
        #expect(fixture.allWritten == ["a"])
    }

    @Test("a full batch goes at once, and the delay of the next one begins anew")
    func byteCap() throws {
        let fixture = try DriverFixture(policy: .init(delay: .milliseconds(10)))
        fixture.stream.send("full")
        fixture.loop.advanceTime(by: .milliseconds(5))
        fixture.driver.flush()
        #expect(fixture.allWritten == ["full"])
        fixture.stream.send("next")
        // The time at which the first delay would have ended.
        fixture.loop.advanceTime(by: .milliseconds(5))
        #expect(fixture.written == nil)
        fixture.loop.advanceTime(by: .milliseconds(5))
        #expect(fixture.allWritten == ["next"])
    }

    @Test("a socket that takes nothing is waited for; then all that waits goes in one write")
    func unwritable() throws {
        let fixture = try DriverFixture()
        fixture.setWritable(false)
        fixture.stream.send("a")
        fixture.loop.run()
        fixture.stream.send("b")
        fixture.loop.run()
        #expect(fixture.written == nil)
        #expect(!fixture.driver.isWritable)
        fixture.setWritable(true)
        #expect(fixture.allWritten == ["ab"])
        #expect(fixture.stream.events.suffix(2) == ["writable false", "writable true"])
    }

    @Test("with nothing to send nothing is written")
    func nothing() throws {
        let fixture = try DriverFixture()
        fixture.driver.scheduleFlush()
        fixture.loop.run()
        fixture.driver.flush()
        #expect(fixture.probe.flushes == 0)
    }

    @Test("a flush that was asked for before the connection ended does not happen after it")
    func closedInBetween() throws {
        let fixture = try DriverFixture(policy: .init(delay: .milliseconds(1)))
        fixture.stream.send("a")
        fixture.driver.closeNow(TransportError(.closedLocally, "Enough."))
        fixture.loop.advanceTime(by: .seconds(1))
        #expect(fixture.written == nil)
        #expect(fixture.stream.events == ["opened", "closed"])
    }

    @Test("turning to TLS ends the read batch: what is sent later does not wait for the peer's next bytes")
    func startingTLS() throws {
        let fixture = try DriverFixture()
        let tls = try ClientTLS()
        fixture.stream.consume = { [stream = fixture.stream] bytes in
            bytes.clear()
            stream.driver?.startTLS(tls, host: "localhost", received: ByteBuffer())
        }
        fixture.receive("STARTTLS")
        #expect(fixture.stream.events == ["opened", "bytes STARTTLS", "batch ended"])
        fixture.stream.send("late")
        fixture.loop.run()
        #expect(fixture.stream.outbound == [], "it was asked for it")
    }
}
