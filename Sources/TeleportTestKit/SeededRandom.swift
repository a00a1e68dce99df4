/// A random generator that gives the same numbers for the same seed: SplitMix64.
///
/// Print it, or its ``seed``, in a failing test's comment: whoever reads the failure can then repeat it.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    /// What it was made with.
    public let seed: UInt64

    private var state: UInt64

    /// Makes a generator with a seed.
    public init(seed: UInt64) {
        self.seed = seed
        self.state = seed
    }

    /// Makes a generator with a seed that nobody knows beforehand.
    public init() {
        self.init(seed: UInt64.random(in: .min ... .max))
    }

    public mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension SeededRandom: CustomStringConvertible {
    /// `seed 42`.
    public var description: String { "seed \(self.seed)" }
}
