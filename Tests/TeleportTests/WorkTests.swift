import NIOCore
import Teleport
import Testing

@Suite("A server whose handler is a type", .timeLimit(.minutes(10)))
struct WorkTests {
    /// Says where it was answered.
    private struct Telling: RequestWork {
        struct Refused: Error {}

        var answersImmediately: Bool { true }

        func immediateResponse(to request: Request, _ context: RequestContext) -> Response? {
            request.target == "/now" ? .text("at once \(context.executor.eventLoop.inEventLoop)") : nil
        }

        nonisolated(nonsending) func response(
            to request: Request, _ context: RequestContext
        ) async throws -> Response {
            guard request.target != "/bad" else { throw Refused() }
            let before = context.executor.eventLoop.inEventLoop
            if request.target == "/later" { await Task.yield() }
            return .text("\(before) \(context.executor.eventLoop.inEventLoop) \(request.body.count ?? -1)")
        }
    }

    @Test(
        "is asked at once first, then where it was placed, and goes on there after it has waited; what it throws is a 500",
        arguments: [HandlerPlacement.pool, .eventLoop], [WireVersion.v0, .v1])
    func answers(placement: HandlerPlacement, wire: WireVersion) async throws {
        var configuration = ServerConfiguration(addresses: [.tcp(host: "127.0.0.1", port: 0)])
        configuration.handshakeTimeout = .minutes(5)
        let server = TeleportServer(configuration: configuration, placement: placement, work: Telling())
        try await withClient(of: server, limits: .default, { $0.wire = wire }) { client, _ in
            func ask(_ target: String) async throws -> Response {
                try await client.execute(Request(.post, target, host: "a", body: Body("12345")))
            }
            let isOnLoop = placement == .eventLoop
            for _ in 0..<20 {
                async let now = ask("/now")
                async let soon = ask("/soon")
                async let later = ask("/later")
                async let bad = ask("/bad")
                let texts = (try await now.text, try await soon.text, try await later.text)
                let refused = try await bad.status
                #expect(texts.0 == "at once true")
                #expect(texts.1 == "\(isOnLoop) \(isOnLoop) 5")
                #expect(texts.2 == "\(isOnLoop) \(isOnLoop) 5")
                #expect(refused == .internalServerError)
            }
        }
    }
}
