import Teleport

/// A row of the matrix.
struct MatrixRow: Sendable {
    let name: String
    var setup = Setup()
    var isTLS = false
    var isCorpus = false

    /// In the order of the reference's table; ours below it.
    static let all: [MatrixRow] = Self.reference + Self.own

    /// The rows of httpteleport's README, under the names they have there. Flate by ISA-L is none of them: its rows
    /// have names of their own.
    private static var reference: [MatrixRow] {
        var rows: [MatrixRow] = []
        for (count, name) in [(1, "1"), (10, "10"), (100, "100"), (1000, "1000"), (10_000, "10K")] {
            rows.append(self.row("NoDelay" + name, inFlight: count))
        }
        for milliseconds in [1, 2, 4, 8, 16] {
            rows.append(self.row("Delay\(milliseconds)ms", delay: milliseconds))
        }
        for isTLS in [false, true] {
            for codec in [CompressionCodec.none, .flate, .snappy] {
                rows.append(self.row((isTLS ? "TLS" : "") + "Compress" + codec.rowName, delay: 1, codec, isTLS: isTLS))
            }
        }
        for count in [1, 10, 100, 1000] {
            var row = self.row("Pipeline\(count)", inFlight: count)
            row.setup.isSerial = true
            rows.append(row)
        }
        return rows
    }

    private static var own: [MatrixRow] {
        var rows: [MatrixRow] = []
        for isTLS in [false, true] {
            for codec in [CompressionCodec.lz4, .zstd] {
                rows.append(self.row((isTLS ? "TLS" : "") + "Compress" + codec.rowName, delay: 1, codec, isTLS: isTLS))
            }
        }
        let codecs: [CompressionCodec] = [.none, .flate, .snappy, .lz4, .zstd]
        for codec in codecs {
            var row = self.row("NoDelay100" + codec.rowName, inFlight: 100, codec, of: "Corpus")
            row.isCorpus = true
            rows.append(row)
        }
        for codec in codecs {
            var row = self.row("Delay1ms" + codec.rowName, delay: 1, codec, of: "Corpus")
            row.isCorpus = true
            rows.append(row)
        }
        return rows
    }

    /// - Parameter milliseconds: how long requests wait for others; answers wait 100 µs if that is anything.
    private static func row(
        _ name: String, inFlight: Int = 1000, delay milliseconds: Int = 0, _ codec: CompressionCodec = .none,
        isTLS: Bool = false, of work: String = "Get"
    ) -> MatrixRow {
        var row = MatrixRow(name: "EndToEnd" + work + name)
        row.setup.inFlight = inFlight
        row.setup.codec = codec
        row.setup.clientDelay = milliseconds * 1000
        row.setup.serverDelay = milliseconds > 0 ? 100 : 0
        row.isTLS = isTLS
        return row
    }
}
