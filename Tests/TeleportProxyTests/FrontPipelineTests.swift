import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("The pipeline of an HTTP connection")
struct FrontPipelineTests {
    private func written(_ pipeline: inout FrontPipeline, closing: Bool = false) -> (String, FrontPipeline.Outcome) {
        var buffer = ByteBuffer()
        let outcome = pipeline.write(closing: closing, room: .max, reader: { self.side }, into: &buffer)
        return (String(buffer: buffer), outcome)
    }

    /// One end of a pipe that nobody listens at.
    private var side: BodyPipe.Side { BodyPipe.Side {} }

    private func answer(_ text: String) -> Answer { .whole(Response(body: Body(text))) }

    @Test("answers leave in the order of their requests, however they come (D20)")
    func order() {
        var pipeline = FrontPipeline(limit: 10)
        let numbers = (0..<3).map { _ in pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true) }
        pipeline.answered(numbers[2], with: self.answer("three"))
        pipeline.answered(numbers[1], with: self.answer("two"))
        #expect(self.written(&pipeline).0 == "")
        pipeline.answered(numbers[0], with: self.answer("one"))
        let text = self.written(&pipeline).0
        #expect(
            text
                == ["one", "two", "three"].map { "HTTP/1.1 200 OK\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)" }
                .joined())
        #expect(pipeline.isEmpty)
    }

    @Test("a limit of N holds N")
    func limit() {
        var pipeline = FrontPipeline(limit: 2)
        let first = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        #expect(!pipeline.isFull)
        _ = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        #expect(pipeline.isFull)
        pipeline.answered(first, with: self.answer(""))
        _ = self.written(&pipeline)
        #expect(!pipeline.isFull)
    }

    @Test("an answer to HEAD has the fields and no body")
    func head() {
        var pipeline = FrontPipeline(limit: 2)
        let number = pipeline.requestRead(isHEAD: true, version: .http11, keepsAlive: true)
        pipeline.answered(number, with: .whole(Response(fields: ["Content-Length": "5"])))
        #expect(self.written(&pipeline).0 == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    }

    @Test("204 and 304 have no body")
    func noBody() {
        var pipeline = FrontPipeline(limit: 2)
        for status: Status in [.noContent, .notModified] {
            let number = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
            pipeline.answered(number, with: .whole(Response(status: status)))
        }
        #expect(self.written(&pipeline).0 == "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n")
    }

    @Test("the last answer of a connection says so, and HTTP/1.0 is told when it is not the last")
    func closing() {
        var pipeline = FrontPipeline(limit: 4)
        let old = pipeline.requestRead(isHEAD: false, version: .http10, keepsAlive: true)
        pipeline.answered(old, with: self.answer(""))
        #expect(self.written(&pipeline).0.contains("Connection: keep-alive\r\n"))

        let last = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: false)
        pipeline.answered(last, with: self.answer(""))
        let (text, outcome) = self.written(&pipeline)
        #expect(text.contains("Connection: close\r\n"))
        #expect(outcome == .close)

        var draining = FrontPipeline(limit: 4)
        let first = draining.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        let second = draining.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        draining.answered(first, with: self.answer(""))
        #expect(!self.written(&draining, closing: true).0.contains("close"))
        draining.answered(second, with: self.answer(""))
        #expect(
            self.written(&draining, closing: true) == (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", .close
            ))
    }

    @Test("100 (Continue) waits for the answers before it, and is not sent once the body came by itself")
    func continueInOrder() {
        var pipeline = FrontPipeline(limit: 4)
        let first = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        pipeline.continueExpected()
        #expect(self.written(&pipeline).0 == "")
        pipeline.answered(first, with: self.answer(""))
        #expect(
            self.written(&pipeline).0
                == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        #expect(self.written(&pipeline).0 == "", "said once")

        pipeline.continueExpected()
        pipeline.bodyArrived()
        #expect(self.written(&pipeline).0 == "")
    }

    @Test("an answer with an unknown number does nothing")
    func unknown() {
        var pipeline = FrontPipeline(limit: 4)
        pipeline.answered(0, with: self.answer("x"))
        let number = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
        pipeline.answered(number + 1, with: self.answer("x"))
        #expect(self.written(&pipeline).0 == "")
    }

    // MARK: Bodies in pieces

    private func streamed(
        _ pieces: [String], head: ResponseHead = ResponseHead(status: .ok), size: Int? = nil,
        end: ((BodyPipe) -> Void)? = { $0.finish(trailers: nil) }
    ) -> (Answer, BodyPipe) {
        let pipe = BodyPipe(size: size, producer: self.side)
        for piece in pieces { _ = pipe.append(ByteBuffer(string: piece)) }
        end?(pipe)
        return (.stream(head, pipe), pipe)
    }

    private func request(_ pipeline: inout FrontPipeline, _ version: HTTPVersion = .http11, isHEAD: Bool = false)
        -> UInt64
    {
        pipeline.requestRead(isHEAD: isHEAD, version: version, keepsAlive: true)
    }

    @Test("a body whose length is known goes with it, any other in chunks, with its trailers")
    func framings() {
        var pipeline = FrontPipeline(limit: 4)
        pipeline.answered(self.request(&pipeline), with: self.streamed(["abc"], size: 3).0)
        #expect(self.written(&pipeline).0 == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        let (chunked, _) = self.streamed(["abc"]) { $0.finish(trailers: ["X-Sum": "1"] as Fields) }
        pipeline.answered(self.request(&pipeline), with: chunked)
        #expect(
            self.written(&pipeline).0
                == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
        #expect(pipeline.isEmpty)
    }

    @Test("whole answers keep their trailers, for clients that know chunks")
    func wholeTrailers() {
        var pipeline = FrontPipeline(limit: 4)
        let response = Response(body: Body("abc"), trailers: ["X-Sum": "1"])
        pipeline.answered(self.request(&pipeline), with: .whole(response))
        #expect(
            self.written(&pipeline).0
                == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n")
        pipeline.answered(self.request(&pipeline, .http10), with: .whole(response))
        #expect(
            self.written(&pipeline).0
                == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc")
    }

    @Test("HTTP/1.0 knows no chunks: the end of the connection is the end of the body")
    func untilClose() {
        var pipeline = FrontPipeline(limit: 4)
        pipeline.answered(self.request(&pipeline, .http10), with: self.streamed(["abc"]).0)
        #expect(self.written(&pipeline) == ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", .close))
    }

    @Test("pieces are written as they come, the next answer after the last of them")
    func pieces() {
        var pipeline = FrontPipeline(limit: 4)
        let (stream, pipe) = self.streamed(["ab"], size: 4, end: nil)
        let (first, second) = (self.request(&pipeline), self.request(&pipeline))
        pipeline.answered(second, with: self.answer("next"))
        pipeline.answered(first, with: stream)
        #expect(self.written(&pipeline).0.hasSuffix("\r\n\r\nab"))
        _ = pipe.append(ByteBuffer(string: "cd"))
        #expect(self.written(&pipeline).0 == "cd")
        pipe.finish(trailers: nil)
        #expect(self.written(&pipeline).0 == "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
    }

    @Test("no more is taken than there is room for")
    func room() {
        var pipeline = FrontPipeline(limit: 4)
        let piece = String(repeating: "x", count: 5000)
        let (stream, _) = self.streamed([piece, piece, piece], size: 15000)
        pipeline.answered(self.request(&pipeline), with: stream)
        var buffer = ByteBuffer()
        #expect(pipeline.write(closing: false, room: 6000, reader: { self.side }, into: &buffer) == .open)
        #expect(buffer.readableBytes < 11000)
        #expect(pipeline.wantsRoom)
        buffer.clear()
        #expect(pipeline.write(closing: false, room: .max, reader: { self.side }, into: &buffer) == .open)
        #expect(buffer.readableBytes == 5000)
        #expect(!pipeline.wantsRoom)
        #expect(pipeline.isEmpty)
    }

    @Test("an answer to HEAD or a 304 that comes in pieces has no body")
    func streamedWithoutBody() {
        var pipeline = FrontPipeline(limit: 4)
        let head = ResponseHead(status: .ok, fields: ["Content-Length": "9"])
        pipeline.answered(self.request(&pipeline, isHEAD: true), with: self.streamed(["abc"], head: head).0)
        #expect(self.written(&pipeline).0 == "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    }

    @Test("a body that breaks off never looks complete")
    func brokenOff() {
        var pipeline = FrontPipeline(limit: 4)
        let (chunked, pipe) = self.streamed(["abc"], end: nil)
        pipeline.answered(self.request(&pipeline), with: chunked)
        #expect(self.written(&pipeline).0.hasSuffix("3\r\nabc\r\n"))
        pipe.fail()
        #expect(self.written(&pipeline) == ("", .abort))

        var old = FrontPipeline(limit: 4)
        let (untilClose, other) = self.streamed(["abc"], end: nil)
        old.answered(self.request(&old, .http10), with: untilClose)
        _ = self.written(&old)
        other.fail()
        #expect(self.written(&old) == ("", .reset))
    }

    @Test("one that broke off before anything was written is a bad gateway")
    func brokenBefore() {
        var pipeline = FrontPipeline(limit: 4)
        let (first, second) = (self.request(&pipeline), self.request(&pipeline))
        let (stream, pipe) = self.streamed(["abc"], end: nil)
        pipeline.answered(second, with: stream)
        pipe.fail()
        pipeline.answered(first, with: self.answer(""))
        let (text, outcome) = self.written(&pipeline)
        #expect(text.contains("HTTP/1.1 502 Bad Gateway\r\n"))
        #expect(outcome == .open)
    }

    @Test("informational answers go before the final one, in order, to HTTP/1.1 only")
    func informational() {
        var pipeline = FrontPipeline(limit: 4)
        let hints = ResponseHead(status: .earlyHints, fields: ["Link": "</x>"])
        let (first, second, old) = (
            self.request(&pipeline), self.request(&pipeline), self.request(&pipeline, .http10)
        )
        pipeline.informed(second, hints)
        pipeline.informed(old, hints)
        #expect(self.written(&pipeline).0 == "")
        pipeline.answered(first, with: self.answer(""))
        #expect(
            self.written(&pipeline).0
                == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        pipeline.answered(second, with: self.answer(""))
        pipeline.informed(second, hints)
        pipeline.answered(old, with: self.answer(""))
        #expect(!self.written(&pipeline).0.contains("103"))
    }

    @Test("a connection that is gone wants none of its bodies")
    func abandoned() {
        var pipeline = FrontPipeline(limit: 4)
        let (stream, pipe) = self.streamed(["abc"], end: nil)
        pipeline.answered(self.request(&pipeline), with: stream)
        pipeline.abandoned()
        #expect(pipe.isCancelled)
        let (late, other) = self.streamed(["abc"], end: nil)
        pipeline.answered(0, with: late)
        #expect(other.isCancelled)
    }
}
