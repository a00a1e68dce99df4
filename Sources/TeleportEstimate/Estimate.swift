package import TeleportCompress

/// What a link would carry of recorded traffic, with each codec and at each size of batches.
package struct Estimate: Sendable {
    package struct Row: Sendable {
        package let codec: CodecKind
        package let batch: Int
        package let outcome: LinkReplay.Outcome
    }

    package let traffic: RecordedTraffic
    package let rows: [Row]

    package static let defaultCodecs: [CodecKind] = [.none, .snappy, .lz4, .zstd, .flate]
    package static let defaultBatches = [1, 10, 100]
    package static let maximumBatch = 10_000

    /// - Parameter progress: told how far it is, from 0 to 1, and what is done now.
    package init(
        of traffic: RecordedTraffic, codecs: [CodecKind] = Self.defaultCodecs, batches: [Int] = Self.defaultBatches,
        progress: @escaping @Sendable (Double, String) -> Void = { _, _ in }
    ) async throws {
        self.traffic = traffic
        let steps = Double(codecs.count * batches.count)
        var rows: [Row] = []
        for codec in codecs {
            for batch in batches {
                let done = Double(rows.count)
                let outcome = try await LinkReplay(codec: CompressionCodec(codec), batch: batch).run(traffic) {
                    progress((done + Double($0) / Double($1)) / steps, "\(codec.name), \(batch) a batch")
                }
                rows.append(Row(codec: codec, batch: batch, outcome: outcome))
            }
        }
        self.rows = rows
    }

    init(traffic: RecordedTraffic, rows: [Row]) {
        self.traffic = traffic
        self.rows = rows
    }

    /// What part of the bytes of HTTP/1.1 a link carries.
    package func ratio(_ row: Row) -> Double {
        Double(row.outcome.link.total) / Double(Swift.max(1, self.traffic.plain.total))
    }

    /// The row to choose, at the size of batches nearest to ten: a codec that costs less is preferred to one that leaves
    /// up to a tenth fewer bytes; and none to one that saves less than a tenth.
    package var recommended: Row? {
        let batches = Set(self.rows.map(\.batch))
        guard let batch = batches.min(by: { abs($0 - 10) < abs($1 - 10) }) else { return nil }
        let candidates = self.rows.filter { $0.batch == batch }
        guard let fewest = candidates.map(\.outcome.link.total).min() else { return nil }
        let close = candidates.filter { Double($0.outcome.link.total) <= Double(fewest) * 1.1 }
        return close.first { $0.codec == .none } ?? close.min { $0.outcome.microseconds < $1.outcome.microseconds }
    }
}
