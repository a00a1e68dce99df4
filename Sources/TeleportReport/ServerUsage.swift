/// What a server says of itself when it is asked: how `drive` learns what the other process spends.
public struct ServerUsage: Sendable, Equatable {
    /// User and system time of the whole process so far, in microseconds.
    public var cpuMicroseconds: Double
    /// Requests that were answered so far, those about usage not among them.
    public var requests: Int
    /// Heap allocations that were counted so far: counting is switched on and off by a request too.
    public var allocations: Int
    /// Resident memory now, in bytes.
    public var residentBytes: Int

    public init(cpuMicroseconds: Double, requests: Int, allocations: Int, residentBytes: Int) {
        self.cpuMicroseconds = cpuMicroseconds
        self.requests = requests
        self.allocations = allocations
        self.residentBytes = residentBytes
    }

    /// The answer's body.
    public var json: JSON {
        .object([
            .init("cpu_us", .number(self.cpuMicroseconds)), .init("requests", .integer(self.requests)),
            .init("allocations", .integer(self.allocations)), .init("resident_bytes", .integer(self.residentBytes)),
        ])
    }

    /// Reads an answer's body: a flat object of numbers, in any order, unknown names ignored. `nil` if it is none or a
    /// name is missing: then whoever answered is no `teleport-bench serve`.
    public init?(parsing text: String) {
        let trimmed = text.drop(while: \.isWhitespace)
        guard trimmed.first == "{", let end = trimmed.lastIndex(of: "}") else { return nil }
        var values: [Substring: Double] = [:]
        for member in trimmed[..<end].dropFirst().split(separator: ",") {
            let parts = member.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let value = Double(Self.bare(parts[1])) else { return nil }
            let name = Self.bare(parts[0])
            guard name.count > 2, name.hasPrefix("\""), name.hasSuffix("\"") else { return nil }
            values[name.dropFirst().dropLast()] = value
        }
        guard let cpu = values["cpu_us"], let requests = values["requests"], let allocations = values["allocations"],
            let resident = values["resident_bytes"],
            [cpu, requests, allocations, resident].allSatisfy({ $0.isFinite && $0 >= 0 && $0 < 1e15 })
        else { return nil }
        self.init(
            cpuMicroseconds: cpu, requests: Int(requests), allocations: Int(allocations), residentBytes: Int(resident))
    }

    private static func bare(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
