import TeleportCompress
import TeleportMeter

/// What is known about one codec: a row of the table.
struct Measurement: Sendable {
    let codec: CodecKind
    var load = Load.Totals()
    var link = ByteMeter.Count()
    /// Bytes that the same messages take as plain HTTP/1.1: requests as the clients sent them, answers as the origin did.
    var plainBytes = 0

    /// The share of plain HTTP's bytes that the link did not carry; negative if it carried more.
    var saving: Double {
        self.plainBytes == 0 ? 0 : 1 - Double(self.link.sent + self.link.received) / Double(self.plainBytes)
    }

    var requestsPerSecond: Double {
        self.load.seconds > 0 ? Double(self.load.requests) / self.load.seconds : 0
    }

    func perRequest(_ bytes: Int) -> Double {
        self.load.requests == 0 ? 0 : Double(bytes) / Double(self.load.requests)
    }
}
