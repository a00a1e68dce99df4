import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("The pipeline of an HTTP connection")
struct FrontPipelineTests {
    private func written(_ pipeline: inout FrontPipeline, closing: Bool = false) -> (String, FrontPipeline.Outcome) {
        var buffer = ByteBuffer()
        let outcome = pipeline.writeReadyAnswers(closing: closing, into: &buffer)
        return (String(buffer: buffer), outcome)
    }

    private func answer(_ text: String) -> Response { Response(body: Body(text)) }

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
        pipeline.answered(number, with: Response(fields: ["Content-Length": "5"]))
        #expect(self.written(&pipeline).0 == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    }

    @Test("204 and 304 have no body")
    func noBody() {
        var pipeline = FrontPipeline(limit: 2)
        for status: Status in [.noContent, .notModified] {
            let number = pipeline.requestRead(isHEAD: false, version: .http11, keepsAlive: true)
            pipeline.answered(number, with: Response(status: status))
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
}
