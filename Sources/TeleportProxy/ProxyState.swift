internal import NIOCore
internal import Teleport

/// What a proxy listens at, and what serves it there, now.
struct ProxyState: Sendable {
    /// One address.
    struct Door: Sendable {
        /// As it was configured: the port may be 0.
        let address: TransportAddress
        let listener: Listener
        let front: ProxyFront
    }

    var configuration: ProxyConfiguration
    var doors: [Door] = []
    /// Fronts that have a successor or no address any more, and may have connections.
    var retired: [ProxyFront] = []
    /// Servers that get no more requests, and may have some.
    var retiredUpstreams: [Upstream] = []
    /// Another process listens at the same sockets, and goes on.
    var isHandedOver = false

    /// Those that serve somebody.
    var fronts: [ProxyFront] {
        var fronts: [ProxyFront] = []
        for front in self.doors.map(\.front) + self.retired where !fronts.contains(where: { $0 === front }) {
            fronts.append(front)
        }
        return fronts
    }
}
