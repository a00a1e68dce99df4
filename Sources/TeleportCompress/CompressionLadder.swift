/// The levels that an ``AdaptiveLevel`` moves over, from the one that takes the least time to the one that saves the most,
/// and what is known of them.
///
/// What it begins with was measured on requests of 2 KB, eight in a block. Levels that are not here took more time than a
/// neighbour and saved less, or hardly more: 3 of zstd is behind 1 with its larger table, and its levels below 1 take
/// longer than lz4 and save less than 1.
struct CompressionLadder: Sendable {
    struct Rung: Sendable {
        let codec: CompressionCodec
        /// Time in proportion to others. Never falls from a rung to the next.
        var cost: Double
        /// Bytes saved in proportion to others.
        var saving: Double
    }

    private(set) var rungs: [Rung]

    /// - Parameters:
    ///   - codec: its levels, in its window.
    ///   - usesLZ4: whether zstd has lz4 below it, which the receiver has to know.
    init(_ codec: CompressionCodec, usesLZ4: Bool) {
        switch codec.kind {
        case .zstd:
            self.rungs = [
                Rung(codec: Self.zstd(1, like: codec), cost: 1, saving: 1),
                Rung(codec: Self.zstd(6, like: codec), cost: 3.9, saving: 1.017),
                Rung(codec: Self.zstd(9, like: codec), cost: 5.6, saving: 1.025),
            ]
            if usesLZ4 { self.rungs.insert(Rung(codec: .lz4, cost: 0.5, saving: 0.83), at: 0) }
        case .flate:
            self.rungs = [
                Rung(codec: Self.flate(1), cost: 0.42, saving: 0.93),
                Rung(codec: Self.flate(4), cost: 0.62, saving: 0.975),
                Rung(codec: Self.flate(6), cost: 1, saving: 1),
                Rung(codec: Self.flate(9), cost: 2.3, saving: 1.01),
            ]
            // ISA-L has one level for 4 to 6, and zlib is no neighbour of it.
            if codec.flateLibrary == .isal { self.rungs.remove(at: 1) }
        case .lz4, .snappy, .none:
            self.rungs = [Rung(codec: codec, cost: 1, saving: 1)]
        }
    }

    var top: Int { self.rungs.count - 1 }

    /// The highest rung that is not above a level.
    func index(of codec: CompressionCodec) -> Int {
        self.rungs.lastIndex {
            $0.codec.kind == codec.kind && ($0.codec.level ?? 0) <= (codec.level ?? 0)
        } ?? 0
    }

    /// It was seen what a move from a rung to another did to time and saved bytes, as factors.
    ///
    /// Rungs beyond move along with the one that was reached: nothing is known of them but how they are to it.
    mutating func moved(from: Int, to: Int, cost: Double, saving: Double) {
        guard from != to else { return }
        // One of very different blocks is not believed, and no rung is worth less time than the one below.
        let costs = to > from ? 1...20 : 0.05...1
        let cost = min(max(cost, costs.lowerBound), costs.upperBound) * self.rungs[from].cost / self.rungs[to].cost
        let saving = min(max(saving, 0.5), 2) * self.rungs[from].saving / self.rungs[to].saving
        for rung in to > from ? Array(to...self.top) : Array(0...to) {
            self.rungs[rung].cost *= cost
            self.rungs[rung].saving *= saving
        }
    }

    // Levels and window are within their ranges, so neither throws.

    private static func zstd(_ level: Int, like codec: CompressionCodec) -> CompressionCodec {
        (try? .zstd(level: level, windowLog: codec.windowLog ?? CompressionCodec.defaultWindowLog)) ?? codec
    }

    private static func flate(_ level: Int) -> CompressionCodec { (try? .flate(level: level)) ?? .flate }
}
