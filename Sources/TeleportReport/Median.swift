/// The middle of some values: what is reported of several runs, as one that was disturbed does not move it.
public enum Median {
    /// Of an even number the mean of the two in the middle; 0 of none.
    public static func of(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// `nil` if none of them has a value.
    public static func of(_ values: [Double?]) -> Double? {
        let present = values.compactMap { $0 }
        return present.isEmpty ? nil : self.of(present)
    }
}

extension Figures {
    /// Each figure's own median.
    public init(medianOf runs: [Figures]) {
        self.init()
        func median(_ value: (Figures) -> Double) -> Double { Median.of(runs.map(value)) }
        self.requestsPerSecond = median(\.requestsPerSecond)
        self.cpu = median(\.cpu)
        self.clientCPU = Median.of(runs.map(\.clientCPU))
        self.serverCPU = Median.of(runs.map(\.serverCPU))
        self.latency = Latency(
            p50: median(\.latency.p50), p99: median(\.latency.p99), p999: median(\.latency.p999))
        self.wireBytes = Directions(request: median(\.wireBytes.request), response: median(\.wireBytes.response))
        self.allocations = median(\.allocations)
        self.clientAllocations = Median.of(runs.map(\.clientAllocations))
        self.serverAllocations = Median.of(runs.map(\.serverAllocations))
        self.allocatedBytes = median(\.allocatedBytes)
        self.residentBytes = Int(median { Double($0.residentBytes) })
        self.floor = Floor(medianOf: runs.compactMap(\.floor))
    }
}

extension Figures.Floor {
    init?(medianOf floors: [Figures.Floor]) {
        guard !floors.isEmpty else { return nil }
        func median(_ value: (Figures.Floor) -> Double) -> Double { Median.of(floors.map(value)) }
        self.init(
            echoCPU: median(\.echoCPU), codecCPU: median(\.codecCPU), requestsPerSecond: median(\.requestsPerSecond),
            latency: .init(p50: median(\.latency.p50), p99: median(\.latency.p99), p999: median(\.latency.p999)))
    }
}
