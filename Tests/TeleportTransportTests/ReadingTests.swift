import NIOCore
import NIOEmbedded
import TeleportTransport
import Testing

@Suite("How received bytes reach the stream")
struct ReadingTests {
    @Test("what the stream leaves is offered again, joined with what follows")
    func leftovers() throws {
        let fixture = try DriverFixture()
        // Takes words; leaves the beginning of one.
        fixture.stream.consume = { bytes in
            while let space = bytes.readableBytesView.firstIndex(of: UInt8(ascii: " ")) {
                bytes.moveReaderIndex(to: space + 1)
            }
        }
        fixture.receive("one tw", "o th", "ree")
        fixture.receive(" ")
        #expect(
            fixture.stream.events == [
                "opened", "bytes one tw", "bytes two th", "bytes three", "batch ended", "bytes three ", "batch ended",
            ])
    }

    @Test("slices that the stream keeps stay what they are")
    func slices() throws {
        let fixture = try DriverFixture()
        var kept: [ByteBuffer] = []
        fixture.stream.consume = { bytes in
            if bytes.readableBytes >= 4, let slice = bytes.readSlice(length: 4) { kept.append(slice) }
        }
        fixture.receive("aaaab", "bbbc", "ccc")
        #expect(kept.map { String(buffer: $0) } == ["aaaa", "bbbb", "cccc"])
    }

    /// Has the socket hand over `late` when the stream flushes while it takes what it received.
    private func flushWhileReceiving(
        late: String, consume: @escaping (inout ByteBuffer) -> Void, then end: @escaping (ChannelHandlerContext) -> Void
    ) throws -> [String] {
        let fixture = try DriverFixture()
        var depth = 0
        fixture.stream.consume = { bytes in
            depth += 1
            #expect(depth == 1)
            if bytes == ByteBuffer(string: "first") {
                fixture.stream.outbound = ["answer"]
                fixture.driver.flush()
            }
            consume(&bytes)
            depth -= 1
        }
        fixture.probe.onFlush = { context in
            fixture.probe.onFlush = { _ in }
            context.fireChannelRead(NIOAny(ByteBuffer(string: late)))
            context.fireChannelReadComplete()
            #expect(depth == 1)
            end(context)
        }
        fixture.receive("first")
        #expect(fixture.allWritten == ["answer"])
        return fixture.stream.events
    }

    @Test("bytes that come while the stream takes others, as a write that fails brings them, wait until it is done")
    func writeWhileReceiving() throws {
        let taken = try self.flushWhileReceiving(
            late: "late", consume: { $0.moveReaderIndex(to: $0.writerIndex) }, then: { _ in })
        #expect(taken == ["opened", "bytes first", "bytes late", "batch ended"])
        let left = try self.flushWhileReceiving(
            late: "late", consume: { if $0.readableBytes == 5 { $0.moveReaderIndex(forwardBy: 2) } }, then: { _ in })
        #expect(left == ["opened", "bytes first", "bytes rstlate", "batch ended"])
        let closed = try self.flushWhileReceiving(
            late: "late", consume: { $0.moveReaderIndex(to: $0.writerIndex) },
            then: { $0.close(promise: nil) })
        #expect(closed == ["opened", "bytes first", "closed"])
    }

    @Test("paused, the socket is not read; resumed, it is, once")
    func pause() throws {
        let fixture = try DriverFixture()
        fixture.driver.pauseReading()
        let reads = fixture.probe.reads
        fixture.channel.read()
        fixture.channel.read()
        #expect(fixture.probe.reads == reads)
        #expect(fixture.driver.isPaused)
        fixture.driver.resumeReading()
        #expect(fixture.probe.reads == reads + 1)
        fixture.driver.resumeReading()
        #expect(fixture.probe.reads == reads + 1)
    }

    @Test("what waited while paused is offered before anything new is read")
    func leftoversFirst() throws {
        let fixture = try DriverFixture()
        fixture.stream.consume = { bytes in
            bytes.moveReaderIndex(forwardBy: 1)
            fixture.driver.pauseReading()
        }
        fixture.receive("ab")
        fixture.receive("c")
        #expect(fixture.stream.events == ["opened", "bytes ab", "batch ended", "batch ended"])
        fixture.driver.resumeReading()
        fixture.driver.resumeReading()
        fixture.driver.resumeReading()
        #expect(fixture.stream.events.filter { $0.hasPrefix("bytes") } == ["bytes ab", "bytes bc", "bytes c"])
        fixture.stream.consume = { _ in }
    }

    @Test("resuming from within a delivery recurses into nothing")
    func resumeWithin() throws {
        let fixture = try DriverFixture()
        var depth = 0
        fixture.stream.consume = { bytes in
            depth += 1
            #expect(depth == 1)
            fixture.driver.pauseReading()
            fixture.driver.resumeReading()
            bytes.moveReaderIndex(to: bytes.writerIndex)
            depth -= 1
        }
        fixture.receive("a", "b")
        #expect(!fixture.driver.isPaused)
        fixture.stream.consume = { _ in }
    }

    @Test("the peer's end is told only after what waited has been offered")
    func inputClosedDeferred() throws {
        let fixture = try DriverFixture()
        fixture.driver.pauseReading()
        fixture.receive("still to be read")
        fixture.closeInput()
        #expect(fixture.stream.events == ["opened", "batch ended"])
        fixture.driver.resumeReading()
        #expect(fixture.stream.events.suffix(2) == ["bytes still to be read", "input closed"])
    }

    @Test("the peer's end is told once")
    func inputClosedOnce() throws {
        let fixture = try DriverFixture()
        fixture.closeInput()
        fixture.driver.pauseReading()
        fixture.driver.resumeReading()
        #expect(fixture.stream.events == ["opened", "input closed"])
    }

    @Test("a deadline is told at its time, moved earlier or later, and never early")
    func deadline() throws {
        let fixture = try DriverFixture()
        let start = fixture.loop.now
        fixture.driver.setDeadline(start + .milliseconds(10))
        fixture.driver.setDeadline(start + .milliseconds(30))
        fixture.loop.advanceTime(by: .milliseconds(29))
        #expect(fixture.stream.events == ["opened"])
        fixture.driver.setDeadline(start + .milliseconds(30))
        fixture.loop.advanceTime(by: .milliseconds(1))
        #expect(fixture.stream.events == ["opened", "deadline 30 ms"])
        fixture.driver.setDeadline(start + .seconds(60))
        fixture.driver.setDeadline(start + .milliseconds(40))
        fixture.loop.advanceTime(by: .milliseconds(10))
        #expect(fixture.stream.events.last == "deadline 40 ms")
        fixture.driver.setDeadline(start + .milliseconds(50))
        fixture.driver.setDeadline(nil)
        fixture.loop.advanceTime(by: .hours(1))
        #expect(fixture.stream.events.count == 3)
    }

    @Test("a deadline does not outlive its connection")
    func deadlineAfterEnd() throws {
        let fixture = try DriverFixture()
        fixture.driver.setDeadline(fixture.loop.now + .milliseconds(10))
        fixture.driver.closeNow(TransportError(.closedLocally, "Enough."))
        fixture.loop.advanceTime(by: .seconds(1))
        #expect(fixture.stream.events == ["opened", "closed"])
    }

    @Test(
        "what is to be done behind the reading is done in front of the flush that ends it, and only what was added before"
    )
    func behindTheReading() throws {
        let fixture = try DriverFixture()
        let executor = EventLoopExecutor(eventLoop: fixture.loop)
        let stream = UncheckedSend(fixture.stream)
        fixture.stream.onEvent = { event in
            guard event.hasPrefix("bytes") else { return }
            executor.perform {
                stream.value.send("first")
                executor.perform { stream.value.send("second") }
            }
            #expect(stream.value.outbound.isEmpty)
        }
        fixture.receive("a")
        #expect(fixture.allWritten == ["first"])
        fixture.loop.run()
        #expect(fixture.allWritten == ["second"])
    }

    @Test("what is to be done behind the reading is not lost with a connection that closes in the middle of it")
    func behindTheReadingOfTheClosed() throws {
        let fixture = try DriverFixture()
        let executor = EventLoopExecutor(eventLoop: fixture.loop)
        let done = Counter()
        fixture.stream.onEvent = { event in
            guard event.hasPrefix("bytes") else { return }
            executor.perform { done.increment() }
            fixture.driver.closeNow(TransportError(.closedLocally, "Enough."))
        }
        fixture.channel.pipeline.fireChannelRead(ByteBuffer(string: "a"))
        #expect(done.value == 0)
        fixture.loop.run()
        #expect(done.value == 1)
        // Nothing waits for a reading that will not end.
        executor.perform { done.increment() }
        fixture.loop.run()
        #expect(done.value == 2)
    }
}

/// For a test in which there is one thread.
private struct UncheckedSend<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
