import NIOCore
import Teleport
import Testing

/// A handler that is a type, as a user writes one.
@Suite("Handlers as types", .timeLimit(.minutes(10)))
struct TaskHandlerTests {
    struct Refused: Error {}

    /// Answers with the value twice; refuses what is called "no".
    struct Doubling: RequestWork {
        func response(to request: TLVRequest, _ context: RequestContext) async throws -> TLVResponse {
            guard request.name.readableBytes != 2 else { throw Refused() }
            await Task.yield()
            var value = request.value
            value.writeImmutableBuffer(request.value)
            return TLVResponse(value: value)
        }
    }

    /// The same, but what is called "now" at once.
    struct Quick: RequestWork {
        let slow = Doubling()
        var answersImmediately: Bool { true }

        func immediateResponse(to request: TLVRequest, _ context: RequestContext) -> TLVResponse? {
            request.name == ByteBuffer(string: "now") ? TLVResponse(value: ByteBuffer(string: "at once")) : nil
        }

        func response(to request: TLVRequest, _ context: RequestContext) async throws -> TLVResponse {
            try await self.slow.response(to: request, context)
        }
    }

    private func answer<Work: RequestWork>(
        of work: Work, _ placement: HandlerPlacement, to requests: [TLVRequest]
    ) async throws -> [String] where Work.Request == TLVRequest, Work.Response == TLVResponse {
        let identity = try ProtocolIdentity(magic: "doubling", version: 1)
        let address = TransportAddress.memory(name: "task handler \(Work.self) \(placement)")
        let server = RPCServer(
            codec: TLVCodec(), configuration: ServerConfiguration(addresses: [address], identity: identity),
            handler: TaskHandler(codec: TLVCodec(), placement: placement, work: work))
        try await server.start()
        let client = RPCClient(
            codec: TLVCodec(), configuration: ClientConfiguration(address: address, identity: identity))
        var answers: [String] = []
        for request in requests {
            answers.append(String(buffer: try await client.call(request, timeout: .minutes(5)).value))
        }
        await client.shutDown()
        await server.shutDown()
        return answers
    }

    @Test(
        "answers, and errors that it throws, reach the caller, wherever it runs",
        arguments: [HandlerPlacement.pool, .eventLoop])
    func answers(placement: HandlerPlacement) async throws {
        let answers = try await self.answer(
            of: Doubling(), placement,
            to: [TLVRequest(name: "double", value: "ab"), TLVRequest(name: "no", value: "ab")])
        #expect(answers.count == 2)
        #expect(answers[0] == "abab")
        #expect(answers[1] != "abab")
    }

    @Test("what can be answered at once is, and the rest goes its way")
    func immediately() async throws {
        let answers = try await self.answer(
            of: Quick(), .pool, to: [TLVRequest(name: "now", value: "x"), TLVRequest(name: "later", value: "x")])
        #expect(answers == ["at once", "xx"])
    }
}
