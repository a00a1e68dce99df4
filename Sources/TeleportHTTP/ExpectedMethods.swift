/// The methods of requests that were sent and not yet answered, oldest first, as far as they matter to a response.
struct ExpectedMethods: Sendable {
    /// How a method changes the reading of its answer.
    enum Kind: UInt8, Sendable {
        case head, connect, other
    }

    private var kinds: [Kind] = []
    /// Those before it were answered. They are dropped when they are the greater part, so that each costs constant time.
    private var first = 0

    var isEmpty: Bool { first == kinds.count }

    mutating func append(_ method: HTTPMethod) {
        switch method.storage {
        case .head: kinds.append(.head)
        case .connect: kinds.append(.connect)
        default: kinds.append(.other)
        }
    }

    mutating func popFirst() -> Kind? {
        guard first < kinds.count else { return nil }
        let kind = kinds[first]
        first += 1
        if first == kinds.count || first >= 64 && first * 2 >= kinds.count {
            kinds.removeFirst(first)
            first = 0
        }
        return kind
    }
}
