import Foundation
import NIOCore
import NIOEmbedded
import TeleportTransport
import Testing

@Suite("How a connection ends")
struct ClosingTests {
    @Test("what waits is flushed before the output is closed")
    func flushesFirst() throws {
        let fixture = try DriverFixture(policy: .init(delay: .seconds(10)))
        fixture.stream.send("last words")
        fixture.driver.closeGracefully()
        #expect(fixture.allWritten == ["last words"])
        #expect(fixture.probe.outputCloses == 1)
        #expect(fixture.channel.isActive)
    }

    @Test("after a half-close the peer's end closes the connection at once")
    func peerEnds() throws {
        let fixture = try DriverFixture()
        fixture.driver.closeGracefully()
        fixture.probe.outputClose?.succeed()
        #expect(fixture.channel.isActive)
        fixture.closeInput()
        #expect(!fixture.channel.isActive)
        #expect(fixture.stream.events == ["opened", "closed"])
        #expect(fixture.stream.cause?.code == .closedLocally)
    }

    @Test("a peer that does not end is waited for as long as said, no longer")
    func lingers() throws {
        let fixture = try DriverFixture()
        fixture.driver.closeGracefully(linger: .seconds(1))
        fixture.loop.advanceTime(by: .milliseconds(500))
        // Only now has the socket taken the last byte: the wait for the peer begins here.
        fixture.probe.outputClose?.succeed()
        fixture.loop.advanceTime(by: .milliseconds(999))
        #expect(fixture.channel.isActive)
        fixture.loop.advanceTime(by: .milliseconds(1))
        #expect(!fixture.channel.isActive)
    }

    @Test("what arrives while lingering is thrown away, so that the peer's end is seen")
    func discards() throws {
        let fixture = try DriverFixture()
        fixture.driver.pauseReading()
        fixture.channel.read()
        let reads = fixture.probe.reads
        fixture.driver.closeGracefully()
        #expect(fixture.probe.reads == reads + 1)
        fixture.receive("too late")
        #expect(fixture.stream.events == ["opened"])
    }

    @Test("the peer's end, while the last bytes are still on their way, does not cut them off")
    func halfClosedPeerGetsTheRest() throws {
        let fixture = try DriverFixture()
        fixture.stream.send("the answer")
        fixture.driver.closeGracefully()
        fixture.closeInput()
        #expect(fixture.channel.isActive)
        fixture.probe.outputClose?.succeed()
        #expect(!fixture.channel.isActive)
    }

    @Test("a peer that ended first still gets everything; then the connection is closed")
    func inputClosedFirst() throws {
        let fixture = try DriverFixture()
        fixture.stream.send("the answer")
        fixture.closeInput()
        fixture.driver.closeGracefully()
        #expect(fixture.allWritten.joined() == "the answer")
        #expect(!fixture.channel.isActive)
        // A half-close now would close everything at once, with bytes that the socket has not taken.
        #expect(fixture.probe.outputCloses == 0)
    }

    @Test("what a peer sent before its end is kept for a stream that pauses, though this side has sent its last")
    func pausedBeforeTheEnd() throws {
        let fixture = try DriverFixture()
        fixture.driver.pauseReading()
        fixture.receive("said before")
        fixture.closeInput()
        fixture.stream.send("the answer")
        fixture.driver.finishOutput()
        #expect(fixture.allWritten.joined() == "the answer")
        #expect(fixture.channel.isActive)
        fixture.driver.resumeReading()
        #expect(!fixture.channel.isActive)
        #expect(fixture.stream.events == ["opened", "batch ended", "bytes said before", "input closed", "closed"])
        #expect(fixture.stream.cause?.code == .closedByPeer)
    }

    @Test("it is kept, too, while the socket has not taken the last bytes, and when the channel ends before it has")
    func pausedBeforeTheEndWhileWriting() throws {
        let slow = try DriverFixture()
        slow.driver.pauseReading()
        slow.receive("said before")
        slow.closeInput()
        slow.setWritable(false)
        slow.stream.send("the answer")
        slow.driver.finishOutput()
        slow.driver.resumeReading()
        #expect(slow.channel.isActive)
        slow.setWritable(true)
        #expect(slow.allWritten.joined() == "the answer")
        #expect(!slow.channel.isActive)
        #expect(slow.stream.events.filter { $0.hasPrefix("bytes") || $0.hasPrefix("input") }.count == 2)

        let ended = try DriverFixture()
        ended.driver.pauseReading()
        ended.receive("said before")
        ended.closeInput()
        ended.driver.finishOutput()
        ended.channel.close(promise: nil)
        #expect(ended.stream.events == ["opened", "batch ended", "bytes said before", "input closed", "closed"])
    }

    @Test("closing once the last was sent waits for the peer's end, reads nothing more, and not for ever")
    func closesAfterFinishing() throws {
        for isFlushed in [true, false] {
            let fixture = try DriverFixture()
            fixture.driver.finishOutput()
            if isFlushed { fixture.probe.outputClose?.succeed() }
            fixture.driver.closeGracefully(linger: .seconds(1))
            fixture.receive("too late")
            if !isFlushed { fixture.probe.outputClose?.succeed() }
            fixture.loop.advanceTime(by: .milliseconds(999))
            #expect(fixture.channel.isActive)
            fixture.loop.advanceTime(by: .milliseconds(1))
            #expect(!fixture.channel.isActive)
            #expect(fixture.stream.events == ["opened", "closed"])
            #expect(fixture.stream.cause?.code == .closedLocally)
        }
    }

    @Test("with the socket full, closing waits for it; a peer that takes nothing for too long is given up")
    func stuckPeer() throws {
        let fixture = try DriverFixture()
        fixture.setWritable(false)
        fixture.stream.send("never read")
        fixture.driver.closeGracefully(linger: .seconds(1), stall: .seconds(10))
        #expect(fixture.probe.outputCloses == 0)
        fixture.loop.advanceTime(by: .milliseconds(9999))
        #expect(fixture.channel.isActive)
        fixture.loop.advanceTime(by: .milliseconds(1))
        #expect(!fixture.channel.isActive)
    }

    @Test("with the socket full, closing happens once it takes bytes again")
    func slowPeer() throws {
        let fixture = try DriverFixture()
        fixture.setWritable(false)
        fixture.stream.send("read late")
        fixture.driver.closeGracefully(linger: .seconds(1))
        fixture.setWritable(true)
        #expect(fixture.allWritten == ["read late"])
        #expect(fixture.probe.outputCloses == 1)
    }

    @Test("closing twice, gracefully or at once, tells the stream once")
    func once() throws {
        let fixture = try DriverFixture()
        fixture.driver.closeGracefully()
        fixture.driver.closeGracefully()
        fixture.driver.closeNow(TransportError(.broken, "Second thoughts."))
        fixture.driver.closeNow(TransportError(.broken, "Third thoughts."))
        fixture.loop.advanceTime(by: .seconds(10))
        #expect(fixture.stream.events.filter { $0 == "closed" }.count == 1)
    }

    @Test("after the end nothing happens any more, and nothing crashes")
    func afterwards() throws {
        let fixture = try DriverFixture()
        let waker = try #require(fixture.driver.waker)
        fixture.driver.closeNow(TransportError(.closedLocally, "Enough."))
        fixture.loop.run()
        waker.flush()
        waker.scheduleFlush()
        fixture.driver.resumeReading()
        fixture.driver.setDeadline(.now() + .seconds(1))
        fixture.driver.closeGracefully()
        fixture.loop.advanceTime(by: .hours(1))
        #expect(fixture.stream.events == ["opened", "closed"])
        #expect(fixture.driver.waker == nil)
    }

    @Test("the stream is told why: what the peer, the system or this side did")
    func causes() throws {
        let closed = try DriverFixture()
        closed.closeInput()
        closed.channel.close(promise: nil)
        #expect(closed.stream.cause?.code == .closedByPeer)

        let reset = try DriverFixture()
        reset.channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
        #expect(reset.stream.cause?.code == .broken)
        #expect(reset.stream.cause?.message == "The peer reset the connection.")
        #expect(reset.stream.cause?.cause is IOError)

        let other = try DriverFixture()
        other.channel.pipeline.fireErrorCaught(IOError(errnoCode: EHOSTUNREACH, reason: "read"))
        #expect(other.stream.cause?.code == .broken)

        let own = try DriverFixture()
        own.driver.closeNow(TransportError(.closedLocally, "Because."))
        #expect(own.stream.cause?.message == "Because.")
    }

    @Test("nothing holds a connection that is over, also if its timer was set")
    func freed() throws {
        weak var driver: ConnectionDriver?
        weak var stream: RecordingStream?
        do {
            let fixture = try DriverFixture()
            (driver, stream) = (fixture.driver, fixture.stream)
            fixture.driver.setDeadline(fixture.loop.now + .hours(1))
            fixture.driver.closeNow(TransportError(.closedLocally, "test"))
            fixture.loop.run()
        }
        #expect(driver == nil)
        #expect(stream == nil)
    }
}
