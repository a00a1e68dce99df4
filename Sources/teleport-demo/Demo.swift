import Synchronization
import TeleportCompress
import TeleportHTTP
import TeleportMeter
import TeleportTransport

/// The whole run: an origin, and for each codec the chain before it, loaded and measured.
struct Demo: Sendable {
    /// Connections that clients keep open to the near `httptp`.
    static let connections = 64

    let corpus: String
    let origin: OriginURL?
    let codecs: [CodecKind]
    let seconds: Double

    /// What answers: the address for the far `httptp`, what is sent, and the embedded origin if that is it.
    private struct Target {
        let address: TransportAddress
        let traffic: Traffic
        let embedded: Origin?
        let introduction: String
    }

    func run() async throws {
        let httptp = try Chain.findHTTPTP()
        let target = try await self.target()
        var display = Display()
        try display.say(
            """
            \(Self.connections) HTTP connections → httptp → one connection → httptp → origin
            Both httptp, and the link between them, are on this machine.
            Origin: \(target.introduction)
            Every answer is checked. \(Table.seconds(self.seconds)) for each codec.

            link   bytes that really cross between the two httptp, counted by a relay there
            plain  bytes of the same messages as plain HTTP/1.1

            """)
        try display.begin()
        for codec in self.codecs {
            let chain = try await Chain.start(codec, httptp: httptp, origin: target.address)
            do {
                try await self.measure(codec, chain, target, on: &display)
            } catch {
                await chain.stop()
                throw error
            }
            await chain.stop()
        }
        try display.say(
            """

            Next: README.md has the library in ten lines, and recipes for httptp in front of your own servers.
            Try:  \(Chain.shortened(httptp)) -in :8080 -inType http -out FAR_HOST:8043 -outType teleport -outCompress flate
            """)
    }

    private func target() async throws -> Target {
        guard let url = self.origin else {
            let corpus = try Corpus(directory: self.corpus)
            let origin = Origin(corpus)
            let listener = try await origin.start()
            return Target(
                address: listener.address, traffic: try Traffic(corpus), embedded: origin,
                introduction: "embedded; \(Table.grouped(Double(corpus.bids.count))) sample bid requests, by POST /bid")
        }
        // Twice, to see whether the answer is the same each time.
        let answers = [try await OriginProbe.get(url), try await OriginProbe.get(url)]
        for answer in answers where answer.status.code >= 400 {
            throw DemoError("The origin answers GET \(url.target) with \(answer.status). Give a URL that it has.")
        }
        let traffic = try Traffic(url, answers: answers)
        let remark = traffic.isStable ? "" : "; its body differs each time, so only the status is checked"
        return Target(
            address: url.address, traffic: traffic, embedded: nil,
            introduction: "\(url.address); \(traffic.name)\(remark)\n"
                + "The same request again and again compresses better than real traffic does.")
    }

    private func measure(_ codec: CodecKind, _ chain: Chain, _ target: Target, on display: inout Display) async throws {
        let answeredBefore = target.embedded?.answeredBytes.load(ordering: .relaxed) ?? 0
        let load = Load.start(
            target.traffic, to: chain.entrance, connections: Self.connections, seconds: self.seconds)
        defer { load.abandon() }
        func measured() -> Measurement {
            let totals = load.totals
            // An origin that is not ours is not counted; what its answers are when they reach the clients is the same
            // but for fields that concern one connection only.
            let answers =
                target.embedded.map { $0.answeredBytes.load(ordering: .relaxed) - answeredBefore }
                ?? totals.receivedBytes
            return Measurement(
                codec: codec, load: totals, link: chain.meter.count, plainBytes: totals.sentBytes + answers)
        }
        while try await !self.isOver(load, chain) {
            let measurement = measured()
            let left = Swift.max(0, self.seconds - measurement.load.seconds).rounded(.up)
            try display.update(measurement, status: "\(codec.name): \(Int(left)) s left; Ctrl-C ends the demo.")
        }
        try display.finish(measured())
    }

    /// Waits a moment. If something failed, says what was behind it.
    private func isOver(_ load: Load, _ chain: Chain) async throws -> Bool {
        try await Task.sleep(for: .milliseconds(100))
        do {
            if let complaint = chain.complaint { throw complaint }
            return try load.isOver()
        } catch {
            // A process that dies is noticed by its connections first.
            try await Task.sleep(for: .milliseconds(200))
            throw chain.complaint ?? error
        }
    }
}
