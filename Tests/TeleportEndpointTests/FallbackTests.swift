import NIOCore
import NIOEmbedded
import TeleportRPC
import TeleportTransport
import TeleportWire
import Testing

@testable import TeleportEndpoint

/// When a client takes a server for an old one (rule V1-5), on a clock that stands still.
@Suite("Falling back to v0")
struct FallbackTests {
    @Test("an orderly end without a byte hands the waiting calls over, in their order; nothing has failed")
    func handsOver() throws {
        let client = try FramedClientTests.client(mayFallBack: true)
        for index in 0..<10 { try client.call("\(index)", PieceMessage("\(index)")) }
        #expect(client.sent().readableBytes == 16)
        client.receiveEnd()
        #expect(client.oldServer == 1)
        #expect(client.outcomes.count == 0)
        #expect(client.connection.takeWaiting {}?.map(\.request.text) == (0..<10).map { "\($0)" })
        try client.call("meanwhile", PieceMessage("meanwhile"))
        #expect(client.connection.takeWaiting {}?.map(\.request.text) == ["meanwhile"])
        #expect(client.connection.takeWaiting {} == nil)
        #expect(try client.call("late", PieceMessage("late")) == nil)
        #expect(!client.channel.isActive)
        #expect(client.closed == 0)
    }

    enum Ending: CaseIterable, Sendable {
        case firstByte, wholePreface, wrongByte, cut, silence
    }

    @Test("nothing else does: the calls fail, and nothing was executed", arguments: Ending.allCases)
    func fails(ending: Ending) throws {
        let client = try FramedClientTests.client(mayFallBack: true)
        try client.call("call", PieceMessage("x"))
        _ = client.sent()
        let preface = FrameBytes().preface().all
        switch ending {
        case .firstByte: client.receive(preface.getSlice(at: 0, length: 1) ?? preface)
        case .wholePreface: client.receive(preface)
        case .wrongByte: client.receive(ByteBuffer(string: "H"))
        case .cut:
            try client.channel.close().wait()
        case .silence:
            #expect(client.outcomes.count == 0)
            client.loop.advanceTime(by: .seconds(3))
        }
        client.receiveEnd()
        #expect(client.oldServer == 0)
        let error = client.outcomes.error("call")
        #expect(error?.code == (ending == .wholePreface ? .connectionClosed : .handshakeFailed))
        #expect(client.closed == 1)
    }

    @Test("a client that is not to fall back fails the calls at an orderly end")
    func mayNot() throws {
        let client = try FramedClientTests.client(mayFallBack: false)
        try client.call("call", PieceMessage("x"))
        _ = client.sent()
        client.receiveEnd()
        let error = client.outcomes.error("call")
        #expect(error?.code == .handshakeFailed)
        #expect(error?.possiblyExecuted == false)
        #expect(error?.message.contains("another protocol or version") == true)
    }

    @Test("a deadline that passes during the handshake names what it waited for")
    func deadline() throws {
        let client = try FramedClientTests.client(mayFallBack: true)
        try client.call("call", PieceMessage("x"), timeout: .milliseconds(100))
        _ = client.sent()
        client.loop.advanceTime(by: .milliseconds(105))
        let error = client.outcomes.error("call")
        #expect(error?.code == .timedOut)
        #expect((error?.cause as? RPCError)?.code == .handshakeFailed)
        #expect(client.leftovers == [])
        client.receiveEnd()
        #expect(client.oldServer == 1)
    }

    @Test("what a client speaks follows what is remembered, until it is forgotten")
    func memory() {
        let loop = EmbeddedEventLoop()
        var configuration = ClientConfiguration(address: .tcp(host: "server", port: 1))
        configuration.memory = WireMemory()
        func link() -> ClientLink<TLVCodec, NotedCompletion<TLVResponse>> {
            ClientLink(codec: TLVCodec(), configuration: configuration, eventLoop: loop, living: LivingCount())
        }
        #expect(link().speaksV1)
        #expect(link().mayFallBack)
        link().serverSpokeV0()
        #expect(!link().speaksV1)
        loop.advanceTime(by: .minutes(10) - .nanoseconds(1))
        #expect(!link().speaksV1)
        loop.advanceTime(by: .nanoseconds(1))
        #expect(link().speaksV1)
        #expect(link().mayFallBack)
        link().serverSpokeV1()
        loop.advanceTime(by: .hours(1000))
        #expect(link().speaksV1)
        #expect(!link().mayFallBack)
        configuration.wire = .v0
        #expect(!link().speaksV1)
        configuration.wire = .v1
        configuration.memory = WireMemory()
        link().serverSpokeV0()
        #expect(link().speaksV1)
        #expect(!link().mayFallBack)
    }

    @Test("protocols of one's own speak v0 unless they ask for v1")
    func ownProtocol() {
        #expect(WireVersion.automatic.permitsV1(.http))
        #expect(!WireVersion.automatic.permitsV1(PieceCodec.identity))
        #expect(WireVersion.v1.permitsV1(PieceCodec.identity))
        #expect(!WireVersion.v0.permitsV1(.http))
    }
}
