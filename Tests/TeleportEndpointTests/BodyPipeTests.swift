import NIOCore
import NIOEmbedded
import Synchronization
@testable import TeleportEndpoint
import TeleportRPC
import TestTraits
import Testing

@Suite("A body between two connections", .computing)
struct BodyPipeTests {
    private final class Ends {
        let loop = EmbeddedEventLoop()
        var producerCalls = 0
        var consumerCalls = 0
        private(set) var pipe: BodyPipe!

        init() {
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.pipe = BodyPipe(
                size: nil, producer: .producer(on: self.loop) { bound.value.producerCalls += 1 })
            self.pipe.attach(.consumer(on: self.loop) { bound.value.consumerCalls += 1 })
        }

        /// All that can be taken now.
        func take() -> (text: String, end: BodyPipe.Event?) {
            var text = ""
            while let event = self.pipe.next() {
                guard case .piece(let piece) = event else { return (text, event) }
                text += String(buffer: piece)
            }
            return (text, nil)
        }
    }

    @Test("what goes in comes out, in order, and then the end")
    func order() {
        let ends = Ends()
        var expected = ""
        for index in 0..<1000 {
            let piece = String(repeating: "\(index);", count: index % 7 + 1)
            expected += piece
            _ = ends.pipe.append(ByteBuffer(string: piece))
        }
        ends.pipe.finish(trailers: "A: 1")
        let (text, end) = ends.take()
        #expect(text == expected)
        guard case .end(let trailers)? = end else { return #expect(Bool(false), "no end") }
        #expect(trailers as? String == "A: 1")
        #expect(ends.pipe.total == expected.utf8.count)
    }

    @Test("a consumer that found nothing is called, once, when there is something")
    func wakesConsumer() {
        let ends = Ends()
        #expect(ends.pipe.next() == nil)
        _ = ends.pipe.append(ByteBuffer(string: "a"))
        _ = ends.pipe.append(ByteBuffer(string: "b"))
        #expect(ends.consumerCalls == 1)
        #expect(ends.take().text == "ab")
        ends.pipe.fail()
        #expect(ends.consumerCalls == 2)
        guard case .failed? = ends.take().end else { return #expect(Bool(false), "not failed") }
    }

    @Test("a producer is told to stop at the high mark and to go on at the low one, not in place")
    func backPressure() {
        let ends = Ends()
        let piece = ByteBuffer(repeating: 0x78, count: 16 << 10)
        var count = 0
        repeat { count += piece.readableBytes } while ends.pipe.append(piece)
        #expect(count == BodyPipe.highMark)
        var left = count
        while left > BodyPipe.lowMark {
            #expect(ends.producerCalls == 0)
            guard case .piece(let piece)? = ends.pipe.next() else { break }
            left -= piece.readableBytes
        }
        #expect(ends.producerCalls == 0, "the producer may be further up the stack")
        ends.loop.run()
        #expect(ends.producerCalls == 1)
        #expect(ends.pipe.append(piece))
    }

    @Test("tiny pieces take the memory of their bytes")
    func tinyPieces() {
        let ends = Ends()
        let block = ByteBuffer(repeating: 0x78, count: 64 << 10)
        for _ in 0..<10_000 { _ = ends.pipe.append(block.getSlice(at: 0, length: 1)!) }
        var pieces = 0
        while case .piece(let piece)? = ends.pipe.next() {
            pieces += 1
            #expect(piece.storageCapacity <= 32 << 10)
        }
        #expect(pieces == 1)
    }

    @Test("a cancelled pipe drops what comes, tells the producer once, and never stops it")
    func cancelled() {
        let ends = Ends()
        _ = ends.pipe.append(ByteBuffer(string: "a"))
        ends.pipe.cancel()
        ends.pipe.cancel()
        ends.loop.run()
        #expect(ends.producerCalls == 1)
        #expect(ends.pipe.append(ByteBuffer(repeating: 0x78, count: 2 * BodyPipe.highMark)))
        ends.pipe.finish(trailers: nil)
        guard case .failed(let error) = ends.pipe.next() else {
            Issue.record("what was given up goes on")
            return
        }
        #expect(error.code == .cancelled)
        #expect(ends.consumerCalls == 0)
    }

    @Test("a body that was complete when its reader gave it up does not look complete to it")
    func cancelledBehindTheEnd() {
        let ends = Ends()
        _ = ends.pipe.append(ByteBuffer(string: "a"))
        ends.pipe.finish(trailers: nil)
        ends.pipe.cancel()
        guard case .failed(let error) = ends.pipe.next() else {
            Issue.record("the end without the piece before it")
            return
        }
        #expect(error.code == .cancelled)
    }

    // MARK: Tasks at its ends

    @Test("a task gets what comes while it waits, and the end")
    func waitingReader() async throws {
        let pipe = BodyPipe()
        let reader = Task {
            var pieces: [String] = []
            while let piece = try await pipe.nextPiece() { pieces.append(String(buffer: piece)) }
            return pieces.joined()
        }
        for text in ["a", "b", "c"] {
            _ = pipe.append(ByteBuffer(string: text))
            await Task.yield()
        }
        pipe.finish()
        #expect(try await reader.value == "abc")
    }

    @Test("a task that waits for a piece fails when somebody cancels the body, or the task", arguments: [false, true])
    func cancelledReader(byTask: Bool) async throws {
        let pipe = BodyPipe()
        let reader = Task { try await pipe.nextPiece() }
        while pipe.state.withLock({ $0.reader == nil }) { await Task.yield() }
        if byTask { reader.cancel() } else { pipe.cancel() }
        let error = await #expect(throws: RPCError.self) { try await reader.value }
        #expect(error?.code == .cancelled)
        #expect(pipe.isCancelled)
    }

    @Test("a task that writes waits while there is too much, and goes on when that was taken")
    func waitingWriter() async throws {
        let pipe = BodyPipe()
        let piece = ByteBuffer(repeating: 1, count: BodyPipe.highMark)
        let writer = Task {
            try await pipe.write(piece)
            try await pipe.write(ByteBuffer(string: "last"))
            pipe.finish()
        }
        while pipe.state.withLock({ $0.writer == nil }) { await Task.yield() }
        #expect(pipe.total == BodyPipe.highMark)
        #expect(try await pipe.nextPiece() == piece)
        #expect(try await pipe.nextPiece() == ByteBuffer(string: "last"))
        #expect(try await pipe.nextPiece() == nil)
        try await writer.value
    }

    @Test("a task that waits for room fails when nobody wants the body, or it is cancelled", arguments: [false, true])
    func cancelledWriter(byTask: Bool) async throws {
        let pipe = BodyPipe()
        let writer = Task { try await pipe.write(ByteBuffer(repeating: 1, count: BodyPipe.highMark)) }
        while pipe.state.withLock({ $0.writer == nil }) { await Task.yield() }
        if byTask { writer.cancel() } else { pipe.cancel() }
        let error = await #expect(throws: RPCError.self) { try await writer.value }
        #expect(error?.code == .cancelled)
    }
}
