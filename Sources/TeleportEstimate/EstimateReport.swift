import TeleportCompress
package import TeleportReport

/// An estimate for people, for programs, and as a picture.
extension Estimate {
    /// The table, what was noticed, and what to do.
    package func text(of file: String) -> String {
        let count = self.traffic.exchanges.count
        let plain = self.traffic.plain
        var lines = [
            """
            \(file): \(NumberFormat.grouped(Double(count))) exchanges; as HTTP/1.1 \
            \(self.perExchange(plain.requests)) bytes a request and \(self.perExchange(plain.responses)) an answer
            """
        ]
        lines += self.traffic.remarks.map { "  \(NumberFormat.grouped(Double($0.count))) x \($0.text)" }
        var table = TextTable(
            ["codec", "batch", "request", "answer", "of HTTP", "CPU"], alignments: [.left])
        for row in self.rows {
            table.append([
                row.codec.name, "\(row.batch)", self.perExchange(row.outcome.link.requests),
                self.perExchange(row.outcome.link.responses),
                "\(NumberFormat.decimal(self.ratio(row) * 100, digits: 1)) %",
                "\(NumberFormat.short(row.outcome.microseconds)) µs",
            ])
        }
        lines += ["", "What a link carries, in bytes each, and the CPU of both its ends for one exchange:", ""]
        lines += [table.text(), "", self.advice]
        return lines.joined(separator: "\n") + "\n"
    }

    /// What to do, in a sentence or two.
    package var advice: String {
        guard let row = self.recommended else { return "There is nothing to recommend." }
        guard row.codec != .none else {
            return """
                Recommended: no codec. None saves a tenth of the bytes: this traffic is compressed already, or random. A link \
                saves packets and sockets all the same.
                """
        }
        let saved = 1 - self.ratio(row)
        return """
            Recommended: -outCompress \(row.codec.name) near the clients, -inCompress \(row.codec.name) far from them. At \
            \(row.batch) messages a batch the link carries \(NumberFormat.decimal(saved * 100, digits: 0)) % less than HTTP: a \
            gigabit does for \(NumberFormat.decimal(1 / self.ratio(row), digits: 1)) gigabits of this traffic.
            """
    }

    private func perExchange(_ bytes: Int) -> String {
        NumberFormat.decimal(Double(bytes) / Double(Swift.max(1, self.traffic.exchanges.count)), digits: 1)
    }

    /// For programs: bytes are those of all exchanges.
    package var json: JSON {
        .object([
            .init("exchanges", .integer(self.traffic.exchanges.count)),
            .init("http_bytes", Self.json(self.traffic.plain)),
            .init(
                "remarks",
                .array(
                    self.traffic.remarks.map {
                        .object([.init("text", .string($0.text)), .init("count", .integer($0.count))])
                    })),
            .init(
                "estimates",
                .array(
                    self.rows.map { row in
                        .object([
                            .init("codec", .string(row.codec.name)), .init("batch", .integer(row.batch)),
                            .init("link_bytes", Self.json(row.outcome.link)),
                            .init("cpu_us_per_exchange", .number(row.outcome.microseconds)),
                        ])
                    })),
            .init("recommended", self.recommended.map { .string($0.codec.name) } ?? .null),
        ])
    }

    private static func json(_ volume: Volume) -> JSON {
        .object([.init("requests", .integer(volume.requests)), .init("responses", .integer(volume.responses))])
    }

    /// Bytes of an exchange against the size of batches.
    package func plot(of file: String) -> SVGPlot {
        let count = Double(Swift.max(1, self.traffic.exchanges.count))
        let batches = Set(self.rows.map(\.batch)).sorted()
        var codecs: [String] = []
        for row in self.rows where !codecs.contains(row.codec.name) { codecs.append(row.codec.name) }
        let plain = Double(self.traffic.plain.total) / count
        return SVGPlot(
            title: "What a link carries of \(file)", subtitle: "bytes of a request and its answer; logarithmic axes",
            x: SVGPlot.Axis("messages in a batch"), y: SVGPlot.Axis("bytes an exchange", base: 2),
            series: codecs.map { name in
                SVGPlot.Series(
                    name,
                    self.rows.filter { $0.codec.name == name }
                        .map { (x: Double($0.batch), y: Double($0.outcome.link.total) / count) })
            } + [SVGPlot.Series("HTTP/1.1", batches.map { (x: Double($0), y: plain) }, isReference: true)])
    }
}
