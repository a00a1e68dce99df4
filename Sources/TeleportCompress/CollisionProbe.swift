/// Tells bytes that no codec makes shorter from others, by a sample of them.
///
/// Of N bytes drawn from a source, the pairs of equal ones are N(N−1)/2 times the probability that two are equal,
/// whose negative logarithm is the source's collision entropy. It is at most Shannon's, so text that a code of
/// variable length could shorten by more than a few per cent is never taken for noise: base64 has 6 bits a byte, JSON
/// and UTF-8 fewer. Unlike the entropy of the histogram, the number of pairs is not distorted by a small sample.
///
/// What it cannot see are repeats: bytes that look like noise and came before.
enum CollisionProbe {
    /// The fewest bytes that say anything.
    static let leastLength = 256

    /// The most bytes that are looked at, in runs spread over the whole, so that columns of a table count evenly.
    private static let maximumSample = 512
    private static let runLength = 16

    /// The share of equal pairs, 2^−7.7, above which bytes are worth the work. Noise has 2^−8, and 256 samples of it
    /// stay below with a probability of 99 %, 512 of it always (5 sigma).
    private static let threshold = 0.004_808_7

    /// Whether bytes look as if they had more than 7.7 bits each.
    ///
    /// - Parameter bytes: At least ``leastLength``.
    static func looksLikeNoise(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let runs = min(bytes.count, Self.maximumSample) / Self.runLength
        let sample = runs * Self.runLength
        let most = Int(Double(sample * (sample - 1) / 2) * Self.threshold)
        let lastStart = bytes.count - Self.runLength
        return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            var pairs = 0
            for run in 0..<runs {
                let start = runs > 1 ? lastStart * run / (runs - 1) : 0
                for index in start..<start + Self.runLength {
                    let byte = Int(bytes[index])
                    pairs += Int(counts[byte])
                    counts[byte] += 1
                }
                // Text is recognised after a third of the sample.
                guard pairs <= most else { return false }
            }
            return true
        }
    }
}
