/// What compression has taken of one loop's time, held against a ``CompressionBudget``. All senders of the loop share it.
///
/// Reads no clock: times are nanoseconds since nothing in particular, and never go back.
///
/// A bucket of time says whether a block may be compressed. It holds an eighth of what the budget gives for a window and
/// gains seven eighths of it in one. So in a window, whenever it begins, compression takes no more than the budget and
/// what its last block took over. And as so little can be saved up, a busy loop is not stopped for long.
public struct CompressionAccount: Sendable {
    /// What is kept.
    public let budget: CompressionBudget

    /// How much of the loop's time would go into compression at the levels of now if no block were stored for want of it,
    /// as a moving average over about a window: 0 is nothing, and it may well be over 1.
    public private(set) var demand = 0.0

    /// Nanoseconds that may be taken at once. Below 0 after a block that took more than there were.
    private var balance: Double
    /// Up to when ``balance`` is right.
    private var counted: UInt64
    private var slotStart: UInt64
    private var slotDemand = 0.0

    /// A window has so many parts, of which one is the least that ``demand`` is made of.
    private static let slots: UInt64 = 8
    private static let slot = CompressionBudget.window / Self.slots

    /// Makes an account for a loop that has compressed nothing yet.
    public init(_ budget: CompressionBudget, now: UInt64) {
        self.budget = budget
        self.counted = now
        self.slotStart = now
        self.balance = 0
        self.balance = self.capacity
    }

    /// The share of time that can be taken for ever.
    var sustainable: Double { self.budget.share * Double(Self.slots - 1) / Double(Self.slots) }

    private var capacity: Double { self.budget.share * Double(Self.slot) }

    /// Whether another block may be compressed now.
    public mutating func mayCompress(now: UInt64) -> Bool {
        self.timePassed(now)
        return self.balance > 0 || self.budget.percent == 100
    }

    /// A block took so much time, which has passed.
    public mutating func compressed(nanoseconds: UInt64, now: UInt64) {
        self.timePassed(now)
        // A process that was stopped meanwhile would else be in debt for longer than a window.
        self.balance = max(self.balance - Double(nanoseconds), -self.budget.share * Double(CompressionBudget.window))
        self.slotDemand += Double(nanoseconds)
    }

    /// A block was stored that would have taken about so much time.
    mutating func denied(nanoseconds: Double) {
        self.slotDemand += nanoseconds
    }

    /// A sender has changed its level. Told at once, so that the others do not all answer to what is answered already.
    mutating func demandChanges(by share: Double) {
        self.demand = max(0, self.demand + share)
    }

    private mutating func timePassed(_ now: UInt64) {
        guard now > self.counted else { return }
        self.balance = min(self.capacity, self.balance + self.sustainable * Double(now - self.counted))
        self.counted = now
        var slots = (now - self.slotStart) / Self.slot
        guard slots > 0 else { return }
        self.slotStart += slots * Self.slot
        // Beyond this nothing is left of what was before.
        slots = min(slots, 32 * Self.slots)
        for _ in 0..<slots {
            self.demand += (self.slotDemand / Double(Self.slot) - self.demand) / Double(Self.slots)
            self.slotDemand = 0
        }
    }
}
