/// Values under small numbers, which are given out again when a value was taken. For what few streams have: so that the
/// table of all of them can do with plain numbers, which cost nothing to copy.
@usableFromInline
struct Slab<Element> {
    @usableFromInline var elements: [Element?] = []
    @usableFromInline var free: [Int] = []

    @inlinable
    init() {}

    /// Keeps a value.
    ///
    /// - Returns: its number.
    @inlinable
    mutating func insert(_ element: consuming Element) -> Int {
        guard let number = self.free.popLast() else {
            self.elements.append(element)
            return self.elements.count - 1
        }
        self.elements[number] = element
        return number
    }

    /// Gives a value out, and its number to the next.
    @inlinable
    mutating func take(_ number: Int) -> Element? {
        let element = self.elements[number].take()
        if self.free.count + 1 == self.elements.count {
            // Nothing is kept: neither is the memory of a burst.
            self.elements = []
            self.free = []
        } else {
            self.free.append(number)
        }
        return element
    }

    /// Gives out everything.
    mutating func removeAll() -> [Element] {
        defer { self = Slab() }
        return self.elements.compactMap { $0 }
    }
}

extension Slab: Sendable where Element: Sendable {}
