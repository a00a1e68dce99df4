internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What every socket of ours is set to.
enum SocketOptions {
    /// Above the high mark a stream is told to hold back, below the low one to go on.
    static let waterMarks = ChannelOptions.Types.WriteBufferWaterMark(low: 65536, high: 262_144)

    /// Connections that may wait to be accepted, if the system lets so many (`somaxconn`, 4096 on Linux). One that finds no
    /// room tries again after 1 s, then 3 s, 7 s, …
    static let backlog: Int32 = 4096

    static func apply(to bootstrap: ClientBootstrap, isTCP: Bool) -> ClientBootstrap {
        var bootstrap =
            bootstrap
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.recvAllocator, value: ReadSizes.busy.allocator)
            .channelOption(.writeBufferWaterMark, value: self.waterMarks)
        if isTCP { bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1) }
        return bootstrap
    }

    static func apply(
        to bootstrap: ServerBootstrap, isTCP: Bool, reusesPort: Bool, readSizes: ReadSizes
    ) -> ServerBootstrap {
        var bootstrap =
            bootstrap
            .serverChannelOption(.backlog, value: self.backlog)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: readSizes.allocator)
            .childChannelOption(.writeBufferWaterMark, value: self.waterMarks)
        if isTCP {
            bootstrap =
                bootstrap
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            if reusesPort {
                bootstrap = bootstrap.serverChannelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: 1)
            }
        }
        return bootstrap
    }
}
