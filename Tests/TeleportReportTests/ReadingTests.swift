import TeleportReport
import Testing

/// What other programs print, and how it is read.
@Suite struct ReadingTests {
    @Test func usageIsReadAsItWasWritten() {
        let usage = ServerUsage(cpuMicroseconds: 1234.5, requests: 7, allocations: 9, residentBytes: 1 << 20)
        #expect(ServerUsage(parsing: "\(usage.json)\n") == usage)
    }

    @Test func usageMayHaveBlanksAndOtherNames() {
        let text = #"{ "requests" : 7, "new": 1, "cpu_us":2, "resident_bytes":3,"allocations":4 }"#
        #expect(
            ServerUsage(parsing: text)
                == ServerUsage(cpuMicroseconds: 2, requests: 7, allocations: 4, residentBytes: 3))
    }

    @Test(arguments: [
        "", "Hello, world!", "{}", #"{"cpu_us":1,"requests":2,"allocations":3}"#,
        #"{"cpu_us":-1,"requests":2,"allocations":3,"resident_bytes":4}"#,
        #"{"cpu_us":nan,"requests":2,"allocations":3,"resident_bytes":4}"#,
        #"{"cpu_us":"x","requests":2,"allocations":3,"resident_bytes":4}"#,
        #"{cpu_us:1,"requests":2,"allocations":3,"resident_bytes":4}"#,
    ]) func whatIsNoUsageIsRefused(text: String) {
        #expect(ServerUsage(parsing: text) == nil)
    }

    @Test func wrkIsUnderstood() {
        let report = WrkReport(
            parsing: """
                Running 1s test @ http://127.0.0.1:8080/
                  1 threads and 64 connections
                  Thread Stats   Avg      Stdev     Max   +/- Stdev
                    Latency     1.02ms  100.00us   3.00ms   90.00%
                    Req/Sec    60.00k     1.00k   62.00k    60.00%
                  Latency Distribution
                     50%  998.00us
                     75%    1.10ms
                     90%    1.20ms
                     99%    2.50ms
                  60123 requests in 1.00s, 50.00MB read
                  Socket errors: connect 0, read 1, write 0, timeout 2
                  Non-2xx or 3xx responses: 4
                Requests/sec:  60111.50
                Transfer/sec:     50.00MB
                """)
        #expect(report?.requests == 60123)
        #expect(report?.requestsPerSecond == 60111.5)
        #expect(report?.p50 == 998)
        #expect(report?.p99 == 2500)
        #expect(report?.failures == 7)
    }

    @Test func whatWrkSaysWhenItDoesNotRunIsNoReport() {
        #expect(WrkReport(parsing: "unable to connect to 127.0.0.1:1 Connection refused\n") == nil)
    }

    @Test func aProcessMayBeCalledAnything() {
        let line =
            "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1000000 2048 18446744073709551615 1"
        let stat = ProcessStat(parsing: line)
        #expect(stat?.ticks == 300)
        #expect(stat?.residentPages == 2048)
        #expect(ProcessStat(parsing: "42 (a) S 1") == nil)
        #expect(ProcessStat(parsing: "") == nil)
    }
}
