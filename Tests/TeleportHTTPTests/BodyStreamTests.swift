import NIOCore
import Synchronization
import TeleportHTTP
import Testing

@Suite struct BodyStreamTests {
    @Test func givesItsPiecesInOrderAndNoEmptyOne() async throws {
        let source = RecordingSource(["ab", "", "c", ""], length: 3)
        let body = Body(source: source)
        #expect(body.count == 3)
        #expect(body.buffer == nil)
        #expect(body.source === source)
        #expect(body.trailers == nil)
        #expect("\(body)" == "a stream of 3 bytes")
        #expect(body.isStream && !Body("x").isStream && !Body.empty.isStream)
        #expect(!body.isConsumed)
        #expect(try await pieces(of: body) == ["ab", "c"])
        #expect(body.isConsumed)
        #expect(body.trailers == ["X-Sum": "1"])
        #expect(source.cancels == 0)
    }

    @Test func isReadOnce() async throws {
        func read(_ body: Body, _ way: Int) async throws {
            switch way {
            case 0: _ = try await pieces(of: body)
            case 1: _ = try await body.collect(upTo: 10)
            default: _ = try body.takeSource()
            }
        }
        for first in 0..<3 {
            for second in 0..<3 {
                let body = Body(source: RecordingSource(["a"]))
                // Copies are the same stream.
                let copy = body.detached()
                try await read(body, first)
                await #expect { try await read(copy, second) } throws: { ($0 as? BodyError)?.code == .alreadyConsumed }
            }
        }
    }

    @Test func lookingAtItDoesNotConsumeIt() async throws {
        let body = Body(source: RecordingSource(["a"]))
        _ = (body.source, body.count, body.buffer, body.trailers, body.detached(), "\(body)", body.makeAsyncIterator())
        #expect(!body.isConsumed)
        #expect(try await body.collect(upTo: 1).text == "a")
    }

    @Test func isCollectedUpToTheLimit() async throws {
        #expect(try await Body(source: RecordingSource(["ab", "c", "d"])).collect(upTo: 4).text == "abcd")
        #expect(try await Body(source: RecordingSource([])).collect(upTo: 0).readableBytes == 0)
        let source = RecordingSource(["ab", "c", "d", "e"])
        await #expect(throws: BodyError.self) { try await Body(source: source).collect(upTo: 3) }
        #expect(source.cancels == 1)
        #expect(source.left == 1)
    }

    @Test func isNotBegunIfItsLengthIsOverTheLimit() async throws {
        let source = RecordingSource(["ab"], length: 2)
        do throws(BodyError) {
            _ = try await Body(source: source).collect(upTo: 1)
            Issue.record("collected")
        } catch {
            #expect(error.code == .tooLarge && error.limit == 1)
            #expect(error.description.contains("1 bytes"))
        }
        #expect(source.cancels == 1)
        #expect(source.left == 1)
    }

    @Test func aSinglePieceIsNotCopied() async throws {
        let piece = ByteBuffer(string: String(repeating: "x", count: 100))
        let body = Body(stream: stream([piece]))
        let collected = try await body.collect(upTo: 100)
        #expect(
            collected.withUnsafeReadableBytes { $0.baseAddress } == piece.withUnsafeReadableBytes { $0.baseAddress })
    }

    @Test func whatTheSourceThrowsIsTheCause() async throws {
        let body = Body(source: RecordingSource(["a"], fails: true))
        var iterator = body.makeAsyncIterator()
        #expect(try await iterator.next()?.text == "a")
        do throws(BodyError) {
            _ = try await iterator.next()
            Issue.record("complete")
        } catch {
            #expect(error.code == .failed)
            #expect(error.cause is RecordingSource.Failure)
            #expect(error.description.contains("Failure"))
        }
        #expect(try await iterator.next() == nil, "an error is told once")
        await #expect { try await Body(source: RecordingSource([], fails: true)).collect(upTo: 1) } throws: {
            ($0 as? BodyError)?.code == .failed
        }
    }

    @Test func errorsAreComparedWithoutTheirCause() async throws {
        var errors: Set<BodyError> = []
        for body in [Body(source: RecordingSource([], fails: true)), Body(stream: stream(["a"], length: 2), length: 2)]
        {
            do throws(BodyError) { _ = try await pieces(of: body) } catch { errors.insert(error) }
        }
        #expect(errors.count == 1)
    }

    func stream(_ pieces: [ByteBuffer], length: Int? = nil) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { continuation in
            for piece in pieces { continuation.yield(piece) }
            continuation.finish()
        }
    }

    func stream(_ pieces: [String], length: Int? = nil) -> AsyncThrowingStream<ByteBuffer, any Error> {
        stream(pieces.map { ByteBuffer(string: $0) }, length: length)
    }

    @Test func anySequenceOfPiecesIsABody() async throws {
        #expect(try await pieces(of: Body(stream: stream(["ab", "c"]))) == ["ab", "c"])
        #expect(Body(stream: stream(["ab"])).count == nil)
        #expect("\(Body(stream: stream(["ab"])))" == "a stream")
        #expect(try await pieces(of: Body(stream: stream(["ab", "c"]), length: 3)) == ["ab", "c"])
        // Another body, read through this one.
        let inner = Body(source: RecordingSource(["x", "y"]))
        #expect(try await Body(stream: inner).collect(upTo: 2).text == "xy")
        #expect(inner.isConsumed)
        let plain = AsyncStream<ByteBuffer> { continuation in
            continuation.yield(ByteBuffer(string: "z"))
            continuation.finish()
        }
        #expect(try await pieces(of: Body(stream: plain)) == ["z"])
    }

    @Test func aSequenceKeepsToItsLength() async throws {
        for (texts, code) in [(["ab"], HTTPError.Code.truncated), (["ab", "cd"], .invalidContentLength)] {
            do throws(BodyError) {
                _ = try await pieces(of: Body(stream: stream(texts), length: 3))
                Issue.record("complete")
            } catch {
                #expect((error.cause as? HTTPError)?.code == code)
            }
        }
    }

    @Test func aSequenceLearnsThatNobodyReadsIt() async throws {
        func body(_ onEnd: @escaping @Sendable () -> Void) -> Body {
            Body(
                stream: AsyncThrowingStream<ByteBuffer, any Error> { continuation in
                    continuation.yield(ByteBuffer(string: "a"))
                    continuation.yield(ByteBuffer(string: "b"))
                    continuation.onTermination = { _ in onEnd() }
                })
        }
        let ended = Counter()
        do { _ = body(ended.increment) }
        #expect(ended.value == 1, "never read")

        var iterator: Body.AsyncIterator? = body(ended.increment).makeAsyncIterator()
        #expect(try await iterator?.next()?.text == "a")
        #expect(ended.value == 1)
        iterator = nil
        #expect(ended.value == 2, "not read to its end")

        let large = body(ended.increment)
        await #expect(throws: BodyError.self) { try await large.collect(upTo: 1) }
        #expect(ended.value == 3, "cancelled")
        #expect(large.isConsumed)
    }

    @Test func aSourceLivesAsLongAsItsBodyOrIterator() async throws {
        let released = Counter()
        do {
            let body = Body(source: RecordingSource(["a"], onRelease: released.increment))
            let copy = body
            _ = copy.detached()
            #expect(released.value == 0)
        }
        #expect(released.value == 1)
    }

    @Test func aCancelledSequenceIsNotComplete() async throws {
        let body = Body(stream: stream(["a"]))
        let source = try #require(try body.takeSource())
        source.cancel()
        source.cancel()
        await #expect(throws: CancellationError.self) { try await source.next() }

        let ended = try #require(try Body(stream: stream(["a"])).takeSource())
        #expect(try await ended.next()?.text == "a")
        #expect(try await ended.next() == nil)
        ended.cancel()
        #expect(try await ended.next() == nil, "behind its end it is complete")
    }

    @Test func cancellingWhileAPieceIsWaitedForFailsIt() async throws {
        let (pieces, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        let asked = Counter()
        let source = try #require(try Body(stream: NotingPieces(base: pieces, asked: asked)).takeSource())
        async let isCancelled: Bool = {
            do {
                _ = try await source.next()
                return false
            } catch {
                return error is CancellationError
            }
        }()
        while asked.value == 0 { await Task.yield() }
        // A second consumer is refused while the first waits.
        await #expect(throws: BodyError.self) { try await source.next() }
        source.cancel()
        continuation.yield(ByteBuffer(string: "late"))
        #expect(await isCancelled)
        #expect(asked.value == 1)
    }

    @Test func aCancelledTaskDoesNotSeeAnEnd() async throws {
        let (pieces, _) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        let asked = Counter()
        let body = Body(stream: NotingPieces(base: pieces, asked: asked))
        let task = Task { () async -> BodyError.Code? in
            do throws(BodyError) {
                _ = try await body.collect(upTo: 10)
                return nil
            } catch {
                return error.code
            }
        }
        while asked.value == 0 { await Task.yield() }
        task.cancel()
        #expect(await task.value == .failed)
    }

    @Test func whoNeedsAllBytesRefusesAStream() async throws {
        let body = Body(source: RecordingSource(["a"], length: 1))
        var buffer = ByteBuffer()
        #expect(throws: HTTPError(.bodyNotComplete)) {
            try TeleportEncoder.encode(Request(.post, "/", host: "a", body: body), into: &buffer)
        }
        #expect(throws: HTTPError(.bodyNotComplete)) {
            try TeleportEncoder.encode(Response(body: body), into: &buffer)
        }
        #expect(!body.isConsumed)
        #expect(Request(.post, "/", host: "a", body: body).detached().body.source === body.source)
    }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .acquiring) }

    @Sendable func increment() {
        count.add(1, ordering: .acquiringAndReleasing)
    }
}

/// Pieces, noting each time one is asked for.
private struct NotingPieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let base: AsyncThrowingStream<ByteBuffer, any Error>
    let asked: Counter

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: AsyncThrowingStream<ByteBuffer, any Error>.AsyncIterator
        let asked: Counter

        mutating func next() async throws -> ByteBuffer? {
            asked.increment()
            return try await base.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: base.makeAsyncIterator(), asked: asked)
    }
}
