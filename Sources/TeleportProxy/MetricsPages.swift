internal import NIOCore
internal import Synchronization
internal import Teleport

/// The pages `/expvar` and `/prometheus` with the counters of the reference's `httptp`, under its names.
///
/// `/expvar` is a JSON object; `/expvar?r=REGEXP` keeps the names that match. `/prometheus` is the text exposition
/// format, version 0.0.4. What the reference adds because its language's library does is left out: `cmdline`
/// may hold secrets, and `memstats` tells of a collector that is not here.
final class MetricsPages: Sendable {
    private let statistics: @Sendable () -> ProxyStatistics
    private let expvarCalls = Atomic<Int>(0)
    private let expvarRegexpErrors = Atomic<Int>(0)
    private let prometheusCalls = Atomic<Int>(0)

    private static let expvarFields: Fields = ["Content-Type": "application/json; charset=utf-8"]
    private static let prometheusFields: Fields = ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"]

    /// - Parameter statistics: called for each page.
    init(statistics: @escaping @Sendable () -> ProxyStatistics) {
        self.statistics = statistics
    }

    /// `/expvar`.
    func expvar(_ query: Substring) -> Response {
        self.expvarCalls.wrappingAdd(1, ordering: .relaxed)
        let pattern: KeyPattern?
        do {
            pattern = try Self.parameter("r", in: query).map(KeyPattern.init(parsing:))
        } catch {
            self.expvarRegexpErrors.wrappingAdd(1, ordering: .relaxed)
            return .text("The regular expression r is not understood. \(error.message)\n", status: 400)
        }
        return Response(
            fields: Self.expvarFields, body: Body(Self.expvarPage(self.metrics(of: self.statistics()), pattern)))
    }

    /// `/prometheus`.
    func prometheus() -> Response {
        self.prometheusCalls.wrappingAdd(1, ordering: .relaxed)
        return Response(
            fields: Self.prometheusFields, body: Body(Self.prometheusPage(self.metrics(of: self.statistics()))))
    }

    /// `/metrics`: those with names of today, and behind them those of the reference.
    func openMetrics() -> Response {
        self.prometheusCalls.wrappingAdd(1, ordering: .relaxed)
        let statistics = self.statistics()
        let text = MetricsText(statistics).text + Self.prometheusPage(self.metrics(of: statistics))
        return Response(fields: Self.prometheusFields, body: Body(text))
    }

    // MARK: The pages

    struct Metric: Sendable {
        let name: String
        let value: Int
        /// Whether it may fall.
        let isGauge: Bool

        init(_ name: String, _ value: Int, isGauge: Bool = false) {
            self.name = name
            self.value = value
            self.isGauge = isGauge
        }
    }

    /// All of them, sorted by name.
    private func metrics(of statistics: ProxyStatistics) -> [Metric] {
        Self.metrics(
            statistics, expvarCalls: self.expvarCalls.load(ordering: .relaxed),
            expvarRegexpErrors: self.expvarRegexpErrors.load(ordering: .relaxed),
            prometheusCalls: self.prometheusCalls.load(ordering: .relaxed))
    }

    static func metrics(
        _ statistics: ProxyStatistics, expvarCalls: Int, expvarRegexpErrors: Int, prometheusCalls: Int
    ) -> [Metric] {
        let clients = statistics.clients
        let servers = statistics.servers
        return [
            Metric("expvarHandlerCalls", expvarCalls),
            Metric("expvarRegexpErrors", expvarRegexpErrors),
            Metric("inAcceptError", clients.connectionsFailed),
            Metric("inAcceptSuccess", clients.connectionsOpened),
            Metric("inBytesRead", clients.bytesRead),
            Metric("inBytesWritten", clients.bytesWritten),
            Metric("inConns", clients.connectionsOpen, isGauge: true),
            Metric("inReadCalls", clients.readCalls),
            Metric("inReadError", clients.readErrors),
            Metric("inRequestNon200", statistics.requestsNon200),
            Metric("inRequestOtherError", statistics.requestsFailed),
            Metric("inRequestStart", statistics.requestsStarted),
            Metric("inRequestSuccess", statistics.requestsSucceeded),
            Metric("inRequestTimeoutError", statistics.requestsTimedOut),
            Metric("inWriteCalls", clients.writeCalls),
            Metric("inWriteError", clients.writeErrors),
            Metric("outBytesRead", servers.bytesRead),
            Metric("outBytesWritten", servers.bytesWritten),
            Metric("outConns", servers.connectionsOpen, isGauge: true),
            Metric("outDialError", servers.connectionsFailed),
            Metric("outDialSuccess", servers.connectionsOpened),
            Metric("outReadCalls", servers.readCalls),
            Metric("outReadError", servers.readErrors),
            Metric("outWriteCalls", servers.writeCalls),
            Metric("outWriteError", servers.writeErrors),
            Metric("prometheusHandlerCalls", prometheusCalls),
        ]
    }

    static func expvarPage(_ metrics: [Metric], _ pattern: KeyPattern?) -> String {
        let lines = metrics.filter { pattern?.matches($0.name) ?? true }.map { "\t\"\($0.name)\": \($0.value)" }
        return "{\n\(lines.joined(separator: ",\n"))\n}\n"
    }

    static func prometheusPage(_ metrics: [Metric]) -> String {
        metrics.map { metric in
            "# TYPE \(metric.name) \(metric.isGauge ? "gauge" : "counter")\n\(metric.name) \(metric.value)\n"
        }.joined()
    }

    // MARK: The query

    /// The first value of that name in a form-encoded query; `nil` if there is none or it is empty.
    private static func parameter(_ name: String, in query: Substring) -> String? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard self.decoded(parts[0]) == name else { continue }
            let value = parts.count > 1 ? self.decoded(parts[1]) : ""
            return value.isEmpty ? nil : value
        }
        return nil
    }

    /// Percent-decoded, with plus signs as blanks; percent signs without two digits stand for themselves.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, digits.first != UInt8(ascii: "+"),
                let code = UInt8(Substring(digits), radix: 16)
            {
                rest = rest.dropFirst(2)
                bytes.append(code)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

// MARK: -

/// A regular expression for names of metrics: characters, `.`, classes, groups, `|`, `*`, `+`, `?`, `{2,3}`, `^`, `$`.
///
/// Swift's own backtracks: a pattern of twenty characters keeps it busy for minutes, on an event loop that others need
/// and for anybody who can reach the page. This one keeps the set of places that it may have come to, so its work is
/// bounded like that of the reference's.
struct KeyPattern {
    struct Failure: Error {
        let message: String
    }

    private indirect enum Node {
        /// One of these ASCII characters.
        case one(UInt128)
        case start, end
        case sequence([Node])
        case either([Node])
        case repeated(Node, least: Int, most: Int?)
    }

    static let maximumLength = 256
    static let maximumCount = 1000
    private let root: Node

    /// - Throws: ``Failure`` if the text is too long or is no such expression.
    init(parsing text: String) throws(Failure) {
        guard text.utf8.count <= Self.maximumLength else {
            throw Failure(message: "It may have \(Self.maximumLength) bytes.")
        }
        var parser = Parser(rest: Array(text.utf8)[...])
        self.root = try parser.parseEither()
        guard parser.rest.isEmpty else { throw Failure(message: "A closing parenthesis has no opening one.") }
    }

    /// Whether it matches anywhere in `key`, of which 63 characters are looked at.
    func matches(_ key: String) -> Bool {
        let key = Array(key.utf8.prefix(63))
        return Self.reach(of: self.root, in: key).contains { $0 != 0 }
    }

    /// For each place, the places where the node may end if it begins there: a bit each. There is one place more than
    /// characters.
    ///
    /// Worked out once for each node, whatever stands around it: that is what bounds the work.
    private static func reach(of node: Node, in key: [UInt8]) -> [UInt64] {
        let here = (0...key.count).map { UInt64(1) << $0 }
        switch node {
        case .one(let set):
            return key.enumerated().map { $1 < 128 && set >> $1 & 1 == 1 ? here[$0 + 1] : 0 } + [0]
        case .start: return here.map { $0 & 1 }
        case .end: return here.map { $0 & here[key.count] }
        case .sequence(let nodes):
            return nodes.reduce(here) { self.joined($0, self.reach(of: $1, in: key)) }
        case .either(let nodes):
            return nodes.reduce(here.map { _ in 0 }) { self.united($0, self.reach(of: $1, in: key)) }
        case .repeated(let node, let least, let most):
            let once = self.reach(of: node, in: key)
            // Places never go back, so after as many rounds as there are places nothing changes.
            let needed = self.rounds(least, from: here) { self.joined($0, once) }
            return self.rounds((most ?? .max) - least, from: needed) { self.united($0, self.joined($0, once)) }
        }
    }

    /// Applies `step` that often, or until it changes nothing.
    private static func rounds(_ count: Int, from reach: [UInt64], _ step: ([UInt64]) -> [UInt64]) -> [UInt64] {
        var reach = reach
        for _ in 0..<count {
            let next = step(reach)
            guard next != reach else { break }
            reach = next
        }
        return reach
    }

    private static func united(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        zip(left, right).map { $0 | $1 }
    }

    /// Where one ends, the other begins.
    private static func joined(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        left.map { ends in
            var ends = ends
            var reached: UInt64 = 0
            while ends != 0 {
                reached |= right[ends.trailingZeroBitCount]
                ends &= ends - 1
            }
            return reached
        }
    }

    private struct Parser {
        var rest: ArraySlice<UInt8>

        private static let digits = Self.set("0"..."9")
        private static let wordCharacters =
            Self.digits | Self.set("a"..."z") | Self.set("A"..."Z") | Self.set("_"..."_")
        private static let blanks = Self.set("\t"..."\r") | Self.set(" "..." ")

        private static func set(_ range: ClosedRange<Unicode.Scalar>) -> UInt128 {
            self.set(UInt8(ascii: range.lowerBound)...UInt8(ascii: range.upperBound))
        }

        /// Characters beyond ASCII are in no set: no name has one.
        private static func set(_ range: ClosedRange<UInt8>) -> UInt128 {
            range.reduce(0) { $0 | ($1 < 128 ? 1 << UInt128($1) : 0) }
        }

        private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard self.rest.first == UInt8(ascii: scalar) else { return false }
            self.rest.removeFirst()
            return true
        }

        mutating func parseEither() throws(Failure) -> Node {
            var branches = [try self.parseSequence()]
            while self.take("|") { branches.append(try self.parseSequence()) }
            return branches.count == 1 ? branches[0] : .either(branches)
        }

        private mutating func parseSequence() throws(Failure) -> Node {
            var nodes: [Node] = []
            while let byte = self.rest.first, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
                let node = try self.parseOne()
                nodes.append(try self.parseRepetition(of: node))
            }
            return .sequence(nodes)
        }

        private mutating func parseOne() throws(Failure) -> Node {
            let byte = self.rest.removeFirst()
            switch Unicode.Scalar(byte) {
            case ".": return .one(.max)
            case "^": return .start
            case "$": return .end
            case "[": return .one(try self.parseClass())
            case "\\": return .one(try self.parseEscape())
            case "(":
                if self.take("?"), !self.take(":") { throw Failure(message: "Groups begin with ( or (?:.") }
                let node = try self.parseEither()
                guard self.take(")") else { throw Failure(message: "A parenthesis is not closed.") }
                return node
            case "*", "+", "?", "{": throw Failure(message: "There is nothing to repeat.")
            default: return .one(Self.set(byte...byte))
            }
        }

        private mutating func parseRepetition(of node: Node) throws(Failure) -> Node {
            let repeated: Node
            if self.take("*") {
                repeated = .repeated(node, least: 0, most: nil)
            } else if self.take("+") {
                repeated = .repeated(node, least: 1, most: nil)
            } else if self.take("?") {
                repeated = .repeated(node, least: 0, most: 1)
            } else if self.take("{") {
                let least = try self.parseNumber()
                let most = !self.take(",") ? least : self.rest.first == UInt8(ascii: "}") ? nil : try self.parseNumber()
                guard self.take("}"), least <= most ?? least else {
                    throw Failure(message: "Counts are {2}, {2,} or {2,3}.")
                }
                repeated = .repeated(node, least: least, most: most)
            } else {
                return node
            }
            // As few as possible or as many: it matches all the same.
            _ = self.take("?")
            return repeated
        }

        private mutating func parseNumber() throws(Failure) -> Int {
            let digits = self.rest.prefix { 0x30...0x39 ~= $0 }
            self.rest = self.rest.dropFirst(digits.count)
            guard let number = Int(String(decoding: digits, as: UTF8.self)), number <= maximumCount else {
                throw Failure(message: "Counts are 0 to \(maximumCount).")
            }
            return number
        }

        /// What follows a backslash.
        private mutating func parseEscape() throws(Failure) -> UInt128 {
            guard let byte = self.rest.popFirst() else { throw Failure(message: "Nothing follows the backslash.") }
            switch Unicode.Scalar(byte) {
            case "d": return Self.digits
            case "D": return ~Self.digits
            case "w": return Self.wordCharacters
            case "W": return ~Self.wordCharacters
            case "s": return Self.blanks
            case "S": return ~Self.blanks
            default:
                let set = Self.set(byte...byte)
                guard set & Self.wordCharacters == 0 else {
                    throw Failure(message: "Of letters, only d, D, s, S, w and W may follow a backslash.")
                }
                return set
            }
        }

        /// What follows an opening bracket.
        private mutating func parseClass() throws(Failure) -> UInt128 {
            let isNegated = self.take("^")
            var set: UInt128 = 0
            var isFirst = true
            while isFirst || self.rest.first != UInt8(ascii: "]") {
                isFirst = false
                guard let byte = self.rest.popFirst() else { throw Failure(message: "A bracket is not closed.") }
                if byte == UInt8(ascii: "\\") {
                    set |= try self.parseEscape()
                } else if self.rest.first == UInt8(ascii: "-"), let last = self.rest.dropFirst().first,
                    last != UInt8(ascii: "]")
                {
                    guard byte <= last else { throw Failure(message: "A range in brackets is the wrong way round.") }
                    self.rest = self.rest.dropFirst(2)
                    set |= Self.set(byte...last)
                } else {
                    set |= Self.set(byte...byte)
                }
            }
            self.rest.removeFirst()
            return isNegated ? ~set : set
        }
    }
}
