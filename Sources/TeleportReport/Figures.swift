/// What a run measured, a request, both ends together unless said otherwise.
public struct Figures: Sendable, Equatable {
    /// Microseconds from a call to its answer, checked.
    public struct Latency: Sendable, Equatable {
        public var p50: Double
        public var p99: Double
        public var p999: Double

        public init(p50: Double = 0, p99: Double = 0, p999: Double = 0) {
            self.p50 = p50
            self.p99 = p99
            self.p999 = p999
        }
    }

    /// Something of both directions.
    public struct Directions: Sendable, Equatable {
        public var request: Double
        public var response: Double

        public init(request: Double = 0, response: Double = 0) {
            self.request = request
            self.response = response
        }
    }

    /// What cannot be beaten: the same bytes with no protocol, and the codec alone.
    public struct Floor: Sendable, Equatable {
        /// CPU of a raw echo of the same bytes in the same batches, both ends, in microseconds a message.
        public var echoCPU: Double
        /// CPU of the codec on the same batches, both directions, compressed and expanded, in microseconds a message.
        public var codecCPU: Double
        /// What the raw echo reached.
        public var requestsPerSecond: Double
        public var latency: Latency

        public init(echoCPU: Double, codecCPU: Double, requestsPerSecond: Double, latency: Latency) {
            self.echoCPU = echoCPU
            self.codecCPU = codecCPU
            self.requestsPerSecond = requestsPerSecond
            self.latency = latency
        }

        public var cpu: Double { self.echoCPU + self.codecCPU }
    }

    public var requestsPerSecond = 0.0
    /// CPU of both ends, in microseconds.
    public var cpu = 0.0
    /// CPU of each end; `nil` when both share the threads of one process's pool.
    public var clientCPU: Double?
    public var serverCPU: Double?
    public var latency = Latency()
    public var wireBytes = Directions()
    public var allocations = 0.0
    /// Of each end, if they are two processes.
    public var clientAllocations: Double?
    public var serverAllocations: Double?
    /// What these asked for, in bytes; of the client alone if they are two processes.
    public var allocatedBytes = 0.0
    /// Of the client's process and, if that is another one, the server's.
    public var residentBytes = 0
    /// `nil` if it was not measured, or if there is nothing to compare with.
    public var floor: Floor?

    public init() {}

    /// CPU in floors.
    public var floorRatio: Double? { self.floor.flatMap { $0.cpu > 0 ? self.cpu / $0.cpu : nil } }

    /// One object: what was asked for, then what was measured. The names are stable.
    public func json(_ settings: [JSON.Member]) -> JSON {
        .object(
            settings + [
                .init("requests_per_second", .number(self.requestsPerSecond)),
                .init("cpu_us_per_request", .number(self.cpu)),
                .init("cpu_us_per_request_client", .optional(self.clientCPU)),
                .init("cpu_us_per_request_server", .optional(self.serverCPU)),
                .init("latency_us", self.latency.json),
                .init(
                    "wire_bytes_per_request",
                    .object([
                        .init("request", .number(self.wireBytes.request)),
                        .init("response", .number(self.wireBytes.response)),
                    ])),
                .init("allocations_per_request", .number(self.allocations)),
                .init("allocations_per_request_client", .optional(self.clientAllocations)),
                .init("allocations_per_request_server", .optional(self.serverAllocations)),
                .init("allocated_bytes_per_request", .number(self.allocatedBytes)),
                .init("resident_bytes", .integer(self.residentBytes)),
                .init("floor_ratio", .optional(self.floorRatio)),
                .init("floor", self.floor?.json(under: self) ?? .null),
            ])
    }
}

extension Figures.Latency {
    public var json: JSON {
        .object([
            .init("p50", .number(self.p50)), .init("p99", .number(self.p99)), .init("p999", .number(self.p999)),
        ])
    }
}

extension Figures.Floor {
    /// The floor itself, and every figure that has one as its multiple.
    func json(under figures: Figures) -> JSON {
        func ratio(_ value: Double, _ floor: Double) -> JSON { floor > 0 ? .number(value / floor) : .null }
        return .object([
            .init("cpu_us_per_request", .number(self.cpu)), .init("echo_cpu_us_per_request", .number(self.echoCPU)),
            .init("codec_cpu_us_per_request", .number(self.codecCPU)),
            .init("requests_per_second", .number(self.requestsPerSecond)), .init("latency_us", self.latency.json),
            .init(
                "ratios",
                .object([
                    .init("cpu_us_per_request", ratio(figures.cpu, self.cpu)),
                    .init("requests_per_second", ratio(figures.requestsPerSecond, self.requestsPerSecond)),
                    .init("latency_p50", ratio(figures.latency.p50, self.latency.p50)),
                    .init("latency_p99", ratio(figures.latency.p99, self.latency.p99)),
                ])),
        ])
    }
}
