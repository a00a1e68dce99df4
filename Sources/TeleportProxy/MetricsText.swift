internal import Teleport

/// `/metrics`: all that is counted, in Prometheus' text format, version 0.0.4. Names are those of OpenTelemetry's
/// conventions where there are some, and begin with `httptp_` where there are none.
struct MetricsText {
    private(set) var text = ""

    init(_ statistics: ProxyStatistics) {
        self.requests(statistics)
        self.traffic(statistics)
        self.upstreams(statistics.upstreams)
    }

    private typealias Labels = [(name: String, value: String)]

    // MARK: What there is

    private mutating func requests(_ statistics: ProxyStatistics) {
        let name = "http_server_request_duration_seconds"
        self.begin(name, "histogram", "From reading a request to the end of its answer.")
        for one in statistics.durations {
            let labels: Labels = [
                ("http_request_method", one.method), ("http_response_status_code", "\(one.status)"),
            ]
            self.histogram(name, labels, bounds: DurationClass.bounds.map { "\($0)" }, one.buckets, sum: "\(one.sum)")
        }
        self.begin("http_server_active_requests", "gauge", "Requests that are under way.")
        self.line("http_server_active_requests", [], "\(statistics.requestsActive)")
        self.begin("httptp_retries_total", "counter", "Requests that were sent a second time.")
        self.line("httptp_retries_total", [], "\(statistics.retries)")
        self.begin("httptp_tunnels_open", "gauge", "Tunnels that are open.")
        self.line("httptp_tunnels_open", [], "\(statistics.tunnels.open)")
        self.begin("httptp_tunnels_total", "counter", "Tunnels that were opened.")
        self.line("httptp_tunnels_total", [], "\(statistics.tunnels.total)")
        self.begin("httptp_tunnel_bytes_total", "counter", "Bytes that went through tunnels, from and to clients.")
        self.directions(
            "httptp_tunnel_bytes_total", [], statistics.tunnels.bytesFromClients, statistics.tunnels.bytesFromServers)
        self.begin("httptp_retries_denied_total", "counter", "Requests that were not sent again, for want of budget.")
        self.line("httptp_retries_denied_total", [], "\(statistics.retriesDenied)")
    }

    private mutating func traffic(_ statistics: ProxyStatistics) {
        let sides = [
            (side: "clients", all: statistics.clients, links: statistics.clientLinks),
            (side: "servers", all: statistics.servers, links: statistics.serverLinks),
        ]
        self.begin("httptp_connections", "gauge", "Connections that are open.")
        for (side, all, _) in sides { self.line("httptp_connections", [("side", side)], "\(all.connectionsOpen)") }
        self.begin(
            "httptp_connections_total", "counter", "Connections that were accepted or made, and that could not be.")
        for (side, all, _) in sides {
            for (outcome, count) in [("opened", all.connectionsOpened), ("failed", all.connectionsFailed)] {
                self.line("httptp_connections_total", [("side", side), ("outcome", outcome)], "\(count)")
            }
        }
        self.begin("httptp_network_io_bytes_total", "counter", "Bytes at the sockets, below TLS and compression.")
        for (side, all, links) in sides {
            for (kind, read, written) in [
                ("http", all.bytesRead - links.bytesRead, all.bytesWritten - links.bytesWritten),
                ("teleport", links.bytesRead, links.bytesWritten),
            ] {
                self.directions("httptp_network_io_bytes_total", [("side", side), ("protocol", kind)], read, written)
            }
        }
        self.begin("httptp_link_plain_bytes_total", "counter", "Bytes of Teleport links without compression.")
        for (side, _, links) in sides {
            self.directions(
                "httptp_link_plain_bytes_total", [("side", side)], links.plainBytesRead, links.plainBytesWritten)
        }
        self.begin(
            "httptp_link_compression_ratio", "gauge", "Bytes at the sockets of links for each without compression.")
        for (side, _, links) in sides {
            for (direction, wire, plain) in [
                ("receive", links.bytesRead, links.plainBytesRead),
                ("transmit", links.bytesWritten, links.plainBytesWritten),
            ] where plain > 0 {
                self.line(
                    "httptp_link_compression_ratio", [("side", side), ("network_io_direction", direction)],
                    "\(Double(wire) / Double(plain))")
            }
        }
        self.begin(
            "httptp_link_compression_seconds_total", "counter", "Time that compression took, where it has a budget.")
        for (side, _, links) in sides {
            self.line(
                "httptp_link_compression_seconds_total", [("side", side)],
                "\(Double(links.compressionNanoseconds) / 1e9)")
        }
        self.begin(
            "httptp_link_compression_step_bytes_total", "counter",
            "Bytes that were compressed at each step of a codec, or stored for want of time, where there is a budget.")
        for (side, _, links) in sides {
            for (step, bytes) in links.plainBytesByStep.enumerated() {
                self.line(
                    "httptp_link_compression_step_bytes_total",
                    [("side", side), ("step", step == 0 ? "stored" : "\(step)")], "\(bytes)")
            }
        }
        self.begin("httptp_link_batch_size_bytes", "histogram", "Batches that links sent, before compression.")
        for (side, _, links) in sides {
            self.histogram(
                "httptp_link_batch_size_bytes", [("side", side)], bounds: Traffic.batchBounds.map { "\($0)" },
                links.batchSizes, sum: "\(links.plainBytesWritten)")
        }
    }

    private mutating func upstreams(_ upstreams: [UpstreamStatistics]) {
        func each(_ name: String, _ type: String, _ help: String, _ value: (UpstreamStatistics) -> String) {
            self.begin(name, type, help)
            for upstream in upstreams { self.line(name, [("server_address", upstream.address)], value(upstream)) }
        }
        each("httptp_upstream_pending_requests", "gauge", "Requests that a server has not answered.") {
            "\($0.pending)"
        }
        each("httptp_upstream_answers_total", "counter", "Answers of a server, to checks too.") { "\($0.answered)" }
        each("httptp_upstream_failures_total", "counter", "Requests that a server failed to answer.") { "\($0.failed)" }
        each("httptp_upstream_latency_seconds", "gauge", "Time to the head of an answer, a moving average.") {
            "\($0.latency)"
        }
        each("httptp_upstream_weight", "gauge", "How many requests a server gets in proportion.") { "\($0.weight)" }
        self.begin("httptp_upstream_state", "gauge", "1 for the state that a server is in.")
        for upstream in upstreams {
            for state in UpstreamStatistics.State.allCases {
                self.line(
                    "httptp_upstream_state", [("server_address", upstream.address), ("state", state.rawValue)],
                    upstream.state == state ? "1" : "0")
            }
        }
    }

    // MARK: The format

    private mutating func begin(_ name: String, _ type: String, _ help: String) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
        let text = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        self.text += "\(name)\(text.isEmpty ? "" : "{\(text)}") \(value)\n"
    }

    private mutating func directions(_ name: String, _ labels: Labels, _ received: Int, _ sent: Int) {
        self.line(name, labels + [("network_io_direction", "receive")], "\(received)")
        self.line(name, labels + [("network_io_direction", "transmit")], "\(sent)")
    }

    /// - Parameter buckets: one for each bound, and one for the rest; not cumulated.
    private mutating func histogram(
        _ name: String, _ labels: Labels, bounds: [String], _ buckets: [Int], sum: String
    ) {
        var count = 0
        for (bound, bucket) in zip(bounds + ["+Inf"], buckets) {
            count += bucket
            self.line("\(name)_bucket", labels + [("le", bound)], "\(count)")
        }
        self.line("\(name)_sum", labels, sum)
        self.line("\(name)_count", labels, "\(count)")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
