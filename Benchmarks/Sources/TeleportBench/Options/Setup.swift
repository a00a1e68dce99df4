import TeleportReport
import Teleport

/// One thing to measure: how both ends talk, and how much is going on.
struct Setup: Sendable {
    var wire = Wire.v1
    var transport = Transport.tcp
    var codec = CompressionCodec.none
    /// How much of a loop's time compression may take; `nil` is a fixed level.
    var codecBudget: CompressionBudget?
    /// The certificate of TLS; `nil` is plain.
    var tls: CertificateFiles?
    var placement = Placement.loop
    /// Whether the server handles requests of a connection one after the other.
    var isSerial = false
    /// How long messages wait for others, in microseconds.
    var clientDelay = 0
    var serverDelay = 0
    /// Calls, over all connections.
    var inFlight = 100
    var connections = 1
    var seconds = 3.0
    /// Calls a second; `nil` is as many as there can be.
    var rate: Int?

    /// What zstd is on v0.
    var codecOnWire: CompressionCodec { self.wire == .v0 && self.codec.kind == .zstd ? .flate : self.codec }

    /// What JSON says of it, before the figures.
    func json(_ payload: String, transport: String? = nil) -> [JSON.Member] {
        [
            .init("wire", .string(self.wire.rawValue)),
            .init("transport", .string(transport ?? self.transport.rawValue)),
            .init("tls", .bool(self.tls != nil)), .init("payload", .string(payload)),
            .init("codec", .string(self.codec.reportName)),
            .init("level", self.codec.level.map { .integer($0) } ?? .null),
            .init("codec_budget", self.codecBudget.map { .integer($0.percent) } ?? .null),
            .init("rate", self.rate.map { .integer($0) } ?? .null),
            .init("placement", .string(self.placement.rawValue)), .init("in_flight", .integer(self.inFlight)),
            .init("connections", .integer(self.connections)), .init("batch_delay_us", .integer(self.clientDelay)),
            .init("seconds", .number(self.seconds)),
        ]
    }

    /// The same in a line for people.
    func title(_ payload: String, transport: String? = nil) -> String {
        var parts = [
            payload, self.wire.rawValue, (transport ?? self.transport.rawValue) + (self.tls == nil ? "" : " with TLS"),
            "\(self.codec)", "\(self.inFlight) in flight",
            self.connections == 1 ? "1 connection" : "\(self.connections) connections", self.placement.rawValue,
        ]
        if let budget = self.codecBudget { parts.append("\(budget) for the codec") }
        if let rate = self.rate { parts.append("\(rate) a second") }
        if self.clientDelay > 0 { parts.append("\(self.clientDelay) µs delay") }
        return parts.joined(separator: ", ")
    }
}
