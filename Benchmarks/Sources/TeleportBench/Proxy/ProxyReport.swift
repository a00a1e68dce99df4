import TeleportReport

/// A comparison of proxies as text and as JSON.
struct ProxyReport {
    let chains: [ProxyChain]
    let figures: [ProxyFigures]
    /// On the link between the two httptp.
    let link: Figures.Directions

    func text(_ title: String) -> String {
        var table = TextTable([
            "way", "requests/s", "p50 µs", "p99 µs", "proxies µs", "first", "second", "origin µs", "wrk µs",
            "proxies MiB", "ratio",
        ])
        for (chain, figures) in zip(self.chains, self.figures) {
            func proxy(_ index: Int) -> String {
                index < figures.proxies.count ? NumberFormat.decimal(figures.proxies[index], digits: 1) : "–"
            }
            let resident = figures.residentBytes.reduce(0, +) / 1_048_576
            table.append([
                chain.path, NumberFormat.grouped(figures.requestsPerSecond), NumberFormat.short(figures.p50),
                NumberFormat.short(figures.p99),
                chain.proxies.isEmpty ? "–" : NumberFormat.decimal(figures.cpu, digits: 1), proxy(0), proxy(1),
                NumberFormat.decimal(figures.origin, digits: 1), NumberFormat.decimal(figures.wrk, digits: 1),
                chain.proxies.isEmpty ? "–" : NumberFormat.decimal(resident, digits: 1),
                self.ratio(figures).map { NumberFormat.decimal($0) } ?? "–",
            ])
        }
        return """
            \(title)
            \(table.text(indented: 2))
              CPU µs are of a request; ratio is the proxies' CPU in multiples of nginx's as the only proxy. Between the
              two httptp a request has \(NumberFormat.decimal(self.link.request, digits: 1)) bytes, an answer \
            \(NumberFormat.decimal(self.link.response, digits: 1)).
            """
    }

    /// The proxies' CPU in multiples of what nginx spends for one hop.
    private func ratio(_ figures: ProxyFigures) -> Double? {
        guard let nginx = zip(self.chains, self.figures).first(where: { $0.0.name == "nginx" })?.1, nginx.cpu > 0,
            !figures.proxies.isEmpty
        else { return nil }
        return figures.cpu / nginx.cpu
    }

    func json(_ settings: [JSON.Member]) -> JSON {
        let ways = zip(self.chains, self.figures).map { chain, figures in
            JSON.object([
                .init("name", .string(chain.name)), .init("path", .string(chain.path)),
                .init("requests_per_second", .number(figures.requestsPerSecond)),
                .init("cpu_us_per_request", chain.proxies.isEmpty ? .null : .number(figures.cpu)),
                .init(
                    "cpu_us_per_request_by_process",
                    .object(
                        zip(chain.proxies, figures.proxies).map { .init($0.name, .number($1)) } + [
                            .init("nginx (origin)", .number(figures.origin)), .init("wrk", .number(figures.wrk)),
                        ])),
                .init("latency_us", .object([.init("p50", .number(figures.p50)), .init("p99", .number(figures.p99))])),
                .init("resident_bytes", .integer(Int(figures.residentBytes.reduce(0, +)))),
                .init("nginx_ratio", .optional(self.ratio(figures))),
            ])
        }
        return .object(
            settings + [
                .init(
                    "wire_bytes_per_request",
                    .object([
                        .init("request", .number(self.link.request)), .init("response", .number(self.link.response)),
                    ])),
                .init("ways", .array(ways)),
            ])
    }
}
