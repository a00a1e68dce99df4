import TeleportReport
import Testing

@Suite struct FiguresTests {
    private var figures: Figures {
        var figures = Figures()
        figures.requestsPerSecond = 1000
        figures.cpu = 6
        figures.clientCPU = 2.5
        figures.latency = .init(p50: 10, p99: 20, p999: 30)
        figures.wireBytes = .init(request: 39, response: 367)
        figures.allocations = 2
        figures.residentBytes = 4096
        return figures
    }

    @Test func namesInJSONAreStable() {
        #expect(
            self.figures.json([.init("wire", .string("v1"))]).description == """
                {"wire":"v1","requests_per_second":1000.00,"cpu_us_per_request":6.00,\
                "cpu_us_per_request_client":2.50,"cpu_us_per_request_server":null,\
                "latency_us":{"p50":10.00,"p99":20.00,"p999":30.00},\
                "wire_bytes_per_request":{"request":39.00,"response":367.00},"allocations_per_request":2.00,\
                "allocations_per_request_client":null,"allocations_per_request_server":null,\
                "allocated_bytes_per_request":0.00,"resident_bytes":4096,"floor_ratio":null,"floor":null}
                """)
    }

    @Test func theFloorIsTheEchoAndTheCodec() {
        var figures = self.figures
        figures.floor = .init(echoCPU: 1, codecCPU: 2, requestsPerSecond: 4000, latency: .init(p50: 5, p99: 5, p999: 5))
        #expect(figures.floorRatio == 2)
        let json = figures.json([]).description
        #expect(json.contains("\"floor_ratio\":2.00,\"floor\":{\"cpu_us_per_request\":3.00,"))
        #expect(
            json.contains("\"ratios\":{\"cpu_us_per_request\":2.00,\"requests_per_second\":0.25,\"latency_p50\":2.00"))
    }

    @Test func mediansAreOfEachFigureAlone() {
        let runs = [(1.0, 30.0), (3.0, 10.0), (2.0, 20.0)].map { cpu, rate in
            var figures = self.figures
            (figures.cpu, figures.requestsPerSecond) = (cpu, rate)
            return figures
        }
        let median = Figures(medianOf: runs)
        #expect(median.cpu == 2)
        #expect(median.requestsPerSecond == 20)
        #expect(median.clientCPU == 2.5)
        #expect(median.serverCPU == nil)
        #expect(median.floor == nil)
        #expect(Median.of([1, 2, 3, 10]) == 2.5)
        #expect(Median.of([Double]()) == 0)
    }
}
