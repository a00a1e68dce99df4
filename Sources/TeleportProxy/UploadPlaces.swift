internal import Synchronization

/// Which requests may hold a connection to a server while their bodies are still coming.
///
/// A slow client that is given a connection keeps it from others. So the first half of the connections is for anybody,
/// the next quarter for those who have sent a good deal already, and the last one is never for bodies that are not here.
final class UploadPlaces: Sendable {
    /// What a client has to have sent where places are scarce.
    static let goodDeal = 64 << 10

    private let half: Int
    private let threeQuarters: Int
    private let count = Atomic<Int>(0)

    /// - Parameter connections: to all servers together.
    init(connections: Int) {
        self.half = Swift.max(1, connections / 2)
        self.threeQuarters = Swift.max(1, connections * 3 / 4)
    }

    /// Whether a request may have one now, with so many bytes of its body here.
    func admits(after bytes: Int) -> Bool {
        let count = self.count.load(ordering: .relaxed)
        return count < self.half || (count < self.threeQuarters && bytes >= Self.goodDeal)
    }

    func entered() { self.count.wrappingAdd(1, ordering: .relaxed) }

    func left() { self.count.wrappingSubtract(1, ordering: .relaxed) }
}
