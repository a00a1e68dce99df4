import NIOCore
import NIOPosix
import Synchronization
import Teleport

/// Passes bytes on between clients and a port, and counts them.
final class CountingRelay: Sendable {
    private final class Counts: Sendable {
        let up = Atomic<Int>(0)
        let down = Atomic<Int>(0)
        let connections = Atomic<Int>(0)
    }

    private let counts = Counts()
    private let listener: any Channel
    let port: Int

    /// Bytes from clients to the port.
    var bytesUp: Int { self.counts.up.load(ordering: .relaxed) }
    /// Bytes from the port to clients.
    var bytesDown: Int { self.counts.down.load(ordering: .relaxed) }
    var connectionCount: Int { self.counts.connections.load(ordering: .relaxed) }

    init(to port: Int) async throws {
        let counts = self.counts
        self.listener = try await ServerBootstrap(group: EventLoops.shared)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                counts.connections.wrappingAdd(1, ordering: .relaxed)
                return ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { server in
                        server.pipeline.addHandler(Half(to: client) { counts.down.wrappingAdd($0, ordering: .relaxed) })
                    }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in
                        client.pipeline.addHandler(
                            Half(to: server) { counts.up.wrappingAdd($0, ordering: .relaxed) }
                        ).flatMap { client.setOption(.autoRead, value: true) }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = self.listener.localAddress?.port ?? 0
    }

    func stop() async { try? await self.listener.close().get() }

    private final class Half: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let other: any Channel
        private let count: @Sendable (Int) -> Void

        init(to other: any Channel, count: @escaping @Sendable (Int) -> Void) {
            self.other = other
            self.count = count
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = self.unwrapInboundIn(data)
            self.count(bytes.readableBytes)
            self.other.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
