internal import NIOCore
internal import Teleport

/// One HTTP/1.1 server behind the proxy: a pool of keep-alive connections on each loop, bounded in total.
///
/// A loop uses its own pool while that has room, so a request crosses no thread. A loop that has much to do, as the one
/// that all requests of a link come on, goes on with the connections of others, and what has to wait goes to whichever is
/// free first. Where the bound leaves fewer connections than there are loops, the loops without a pool share those of
/// others.
final class HTTPUpstream: Sendable {
    private let pools: [HTTPUpstreamPool.Handle]
    /// The pool for each loop, by identity.
    private let poolOfLoop: [ObjectIdentifier: Int]

    init(
        _ settings: UpstreamSettings, group: any EventLoopGroup, traffic: TrafficCounters, resolution: NameResolution
    ) {
        let connector = Connector(
            to: settings.address, tls: settings.tls, timeout: settings.timeout, traffic: traffic,
            resolution: resolution)
        let limit = Swift.max(1, settings.connections ?? ProxyConfiguration.defaultHTTPConnections)
        let loops = Array(group.makeIterator())
        let count = Swift.min(limit, loops.count)
        self.pools = loops.prefix(count).enumerated().map { index, eventLoop in
            // The remainder of the division goes to the first pools.
            let share = limit / count + (index < limit % count ? 1 : 0)
            return HTTPUpstreamPool.Handle(
                eventLoop: eventLoop, connector: connector, limit: share, settings: settings)
        }
        var poolOfLoop: [ObjectIdentifier: Int] = [:]
        for (index, eventLoop) in loops.enumerated() { poolOfLoop[ObjectIdentifier(eventLoop)] = index % count }
        self.poolOfLoop = poolOfLoop
    }

    /// Makes connections before they are needed, as many as `count` and the bound allow.
    func connect(_ count: Int) {
        for index in 0..<count {
            let pool = self.pools[index % self.pools.count]
            pool.eventLoop.execute { pool.connect(of: self) }
        }
    }

    func forward(_ exchange: Exchange) {
        guard self.pools.count > 1 else { return self.give(exchange, to: self.pools[0]) }
        let index = EventLoops.current.flatMap { self.poolOfLoop[ObjectIdentifier($0)] } ?? 0
        var pool = self.pools[index]
        if pool.room <= 0, let other = self.pools.max(by: { $0.room < $1.room }), other.room > 0 { pool = other }
        self.give(exchange, to: pool)
    }

    private func give(_ exchange: Exchange, to pool: HTTPUpstreamPool.Handle) {
        if pool.eventLoop.inEventLoop {
            pool.forward(exchange, of: self)
        } else {
            pool.eventLoop.execute { pool.forward(exchange, of: self) }
        }
    }

    /// A pool has a connection that nobody waits for there: somebody may elsewhere.
    func hasRoom(_ idle: HTTPUpstreamPool.Handle) {
        guard let pool = self.pools.first(where: { $0.room < 0 }) else { return }
        pool.eventLoop.execute {
            if let exchange = pool.takeWaiting() { self.give(exchange, to: idle) }
        }
    }

    /// Closes idle connections; those at work close with their answer.
    func shutDown() async {
        for pool in self.pools {
            try? await pool.eventLoop.submit { pool.shutDown() }.get()
        }
    }
}
