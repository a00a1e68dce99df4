import Foundation
import Testing

extension Programs {
    /// The `httptp` that real processes are made of: the one built along with these tests, or the one that the
    /// environment names, such as a release.
    static let underTest = ProcessInfo.processInfo.environment["TELEPORT_HTTPTP"] ?? Programs.httptp

    /// Whether figures are to be taken at full scale, by hand: `TELEPORT_SCALE=full`.
    static let isFullScale = ProcessInfo.processInfo.environment["TELEPORT_SCALE"] == "full"
}

extension ChildProcess {
    func send(_ signal: Int32) { _ = kill(self.pid, signal) }

    /// Ends it as a crash would.
    func killNow() async throws {
        self.send(SIGKILL)
        try await self.ended()
    }

    private func status(_ field: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(self.pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(field):") }
        return line.flatMap { Int($0.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) } ?? 0
    }

    /// Memory that it has, in KiB.
    var residentSize: Int { self.status("VmRSS") }

    /// The most memory it ever had, in KiB.
    var peakResidentSize: Int { self.status("VmHWM") }

    /// Files and sockets that it has open.
    var descriptorCount: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(self.pid)/fd").count) ?? 0
    }

    /// What it says line by line.
    func lines(containing text: String) -> Int { self.text.split(separator: "\n").count { $0.contains(text) } }
}

/// Waits until `condition` holds; the longest is for tests that fail, not a rule of what is tested. False if it never
/// does.
func eventually(within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else { return false }
        try await Task.sleep(for: .milliseconds(20))
    }
    return true
}

/// curl, as a client that knows HTTP better than tests do.
enum Curl {
    /// What it was told, its exit code included.
    struct Result {
        let status: Int32
        let text: String
    }

    static func run(_ arguments: [String]) async throws -> Result {
        let (status, text) = try await ChildProcess.run(
            try Programs.find("curl"), ["--silent", "--show-error", "--max-time", "30"] + arguments)
        return Result(status: status, text: text)
    }

    /// The status code of the answer; `000` if there is none.
    static func code(_ arguments: [String]) async throws -> String {
        String(try await self.run(["-o", "/dev/null", "-w", "%{http_code}"] + arguments).text.suffix(3))
    }
}

/// Lines of an access log, parsed.
struct AccessLines {
    let lines: [[String: Any]]

    /// - Throws: if a line is no JSON object.
    init(_ path: String) throws {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        // The last line may be being written.
        let whole = text.prefix(upTo: text.utf8.lastIndex(of: UInt8(ascii: "\n")) ?? text.startIndex)
        self.lines = try whole.split(separator: "\n").map { line in
            try #require(
                try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "no JSON: \(line)")
        }
    }

    var count: Int { self.lines.count }

    /// How often each word for a failure is there.
    var failures: [String: Int] {
        self.lines.reduce(into: [:]) { counts, line in
            if let word = line["failure"] as? String { counts[word, default: 0] += 1 }
        }
    }

    func count(failure: String) -> Int { self.failures[failure] ?? 0 }
}

/// Established connections of this machine to a port.
func establishedConnections(to port: Int) throws -> Int {
    // While the table changes, a reader may miss lines: what two readings in a row agree on is there.
    var connections = try readEstablishedConnections(to: port)
    while true {
        let again = try readEstablishedConnections(to: port)
        if again == connections { return again.count }
        connections = again
    }
}

/// Their local and remote addresses. Each once: while the table changes, a reader may be given the same line twice.
private func readEstablishedConnections(to port: Int) throws -> Set<[Substring]> {
    // In pieces: such files have no size that could be asked for.
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/net/tcp"))
    let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    var connections: Set<[Substring]> = []
    for line in text.split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        guard words.count > 3, words[3] == "01",
            words[2].split(separator: ":").last.flatMap({ Int($0, radix: 16) }) == port
        else { continue }
        connections.insert(Array(words[1...2]))
    }
    return connections
}

/// A figure for whoever asked for figures.
func report(_ text: String) {
    if Programs.isFullScale { print("figure: \(text)") }
}

extension LoadClient {
    /// As a load that nothing else disturbs: what becomes of the requests of others?
    static func innocent(_ port: Int, _ count: Int, during attack: (LoadClient) async throws -> Void) async throws
        -> LoadClient.Outcome
    {
        let client = LoadClient(port: port, requestsPerSecond: 200, connections: 10)
        defer { client.stop() }
        async let running = client.run(target: "/small.txt")
        #expect(try await eventually { client.current.total >= 50 })
        try await attack(client)
        let goal = client.current.total + count
        #expect(try await eventually(within: .seconds(60)) { client.current.total >= goal })
        client.stop()
        return await running
    }
}
