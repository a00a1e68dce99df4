extension Figures {
    /// Some lines for people, under a first one that says what was measured.
    public func text(_ title: String) -> String {
        var table = TextTable(["", "", "floor", "ratio"], alignments: [.left, .right, .right, .right])
        let floor = self.floor
        func row(_ name: String, _ text: String, _ value: Double = 0, floor: Double? = nil) {
            table.append([
                name, text, floor.map { $0 < 1000 ? NumberFormat.short($0) : NumberFormat.grouped($0) } ?? "",
                floor.flatMap { $0 > 0 ? NumberFormat.decimal(value / $0, digits: 2) : nil } ?? "",
            ])
        }
        row(
            "requests/s", NumberFormat.grouped(self.requestsPerSecond), self.requestsPerSecond,
            floor: floor?.requestsPerSecond)
        row("CPU µs/request", NumberFormat.decimal(self.cpu), self.cpu, floor: floor?.cpu)
        row("  client", self.clientCPU.map { NumberFormat.decimal($0) } ?? "–")
        row("  server", self.serverCPU.map { NumberFormat.decimal($0) } ?? "–")
        row("latency µs, p50", NumberFormat.short(self.latency.p50), self.latency.p50, floor: floor?.latency.p50)
        row("  p99", NumberFormat.short(self.latency.p99), self.latency.p99, floor: floor?.latency.p99)
        row("  p99.9", NumberFormat.short(self.latency.p999), self.latency.p999, floor: floor?.latency.p999)
        row("bytes/request", NumberFormat.decimal(self.wireBytes.request, digits: 1))
        row("bytes/response", NumberFormat.decimal(self.wireBytes.response, digits: 1))
        row("allocations/request", NumberFormat.decimal(self.allocations))
        if let client = self.clientAllocations { row("  client", NumberFormat.decimal(client)) }
        if let server = self.serverAllocations { row("  server", NumberFormat.decimal(server)) }
        row("  bytes asked for", NumberFormat.grouped(self.allocatedBytes))
        row("resident memory", NumberFormat.short(Double(self.residentBytes) / 1_048_576) + " MiB")
        var text = title + "\n" + table.text(indented: 2)
        if let floor, floor.codecCPU > 0 {
            text +=
                "\n  The floor's CPU: raw echo \(NumberFormat.decimal(floor.echoCPU)), "
                + "the codec alone \(NumberFormat.decimal(floor.codecCPU))."
        }
        return text
    }
}
