internal import NIOCore

extension TimeAmount {
    /// Less by a part of it, from 0 to 1.
    func shortened(by part: Double) -> TimeAmount {
        .nanoseconds(Int64(Double(self.nanoseconds) * (1 - part)))
    }
}
