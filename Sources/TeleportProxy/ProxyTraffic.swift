internal import Teleport

/// What happens at the sockets of a proxy: on either side, apart for HTTP and for Teleport links.
struct ProxyTraffic: Sendable {
    struct Side: Sendable {
        let http = TrafficCounters()
        let links = TrafficCounters()

        func counters(of kind: ProxyConfiguration.Kind) -> TrafficCounters {
            switch kind {
            case .http: self.http
            case .teleport: self.links
            }
        }

        /// Both together.
        var sum: Traffic { self.http.snapshot + self.links.snapshot }
    }

    let clients = Side()
    let servers = Side()
}
