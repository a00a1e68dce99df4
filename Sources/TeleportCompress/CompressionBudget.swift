/// How much of a loop's time compression may take: 1 to 100 percent of it.
///
/// With one, the level of a codec is no longer fixed: ``AdaptiveLevel`` lowers it, and stores blocks, before they take more
/// than that, and raises it where there is time left and it saves bytes.
public struct CompressionBudget: Sendable, Hashable {
    /// Of each loop's time, by the clock on the wall, in percent.
    public let percent: Int

    /// Over so long a time, in nanoseconds, the budget holds: 400 ms, whenever they begin.
    public static let window: UInt64 = 400_000_000

    /// Makes a budget.
    ///
    /// - Parameter percent: From 1 to 100. 100 never has a block stored for want of time.
    /// - Throws: ``CompressionError/Code/invalidBudget(_:)`` for any other number.
    public init(percent: Int) throws(CompressionError) {
        guard 1...100 ~= percent else { throw CompressionError(.invalidBudget(percent)) }
        self.percent = percent
    }

    /// As a number from 0 to 1.
    var share: Double { Double(self.percent) / 100 }
}

extension CompressionBudget: CustomStringConvertible {
    /// As in `30%`.
    public var description: String { "\(self.percent)%" }
}
