import NIOCore
import NIOPosix
import Synchronization
import Teleport

/// A relay on loopback that counts the bytes each way: what the link carries, seen from outside.
///
/// It stands between client and server only for a short run of its own, so that it costs the measured run nothing.
final class ByteMeter: Sendable {
    let upstream = Atomic<Int>(0)
    let downstream = Atomic<Int>(0)

    /// Listens on a free port and relays to `target`.
    func start(to target: TransportAddress, group: any EventLoopGroup) async throws -> (any Channel, TransportAddress) {
        guard case .tcp(let host, let port) = target else { throw BenchError("The meter relays TCP only.") }
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { inbound in
                let outbound = ClientBootstrap(group: inbound.eventLoop)
                    .channelInitializer { outbound in
                        outbound.eventLoop.makeCompletedFuture {
                            try outbound.pipeline.syncOperations.addHandler(
                                Relay(peer: inbound) { self.downstream.wrappingAdd($0, ordering: .relaxed) })
                        }
                    }
                    .connect(host: host, port: port)
                return outbound.flatMapThrowing { outbound in
                    try inbound.pipeline.syncOperations.addHandler(
                        Relay(peer: outbound) { self.upstream.wrappingAdd($0, ordering: .relaxed) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, .tcp(host: "127.0.0.1", port: channel.localAddress?.port ?? 0))
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let peer: any Channel
        let count: (Int) -> Void

        init(peer: any Channel, count: @escaping (Int) -> Void) {
            self.peer = peer
            self.count = count
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = self.unwrapInboundIn(data)
            self.count(bytes.readableBytes)
            self.peer.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.peer.close(promise: nil)
        }
    }
}
