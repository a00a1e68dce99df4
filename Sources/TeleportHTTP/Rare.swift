/// A value that messages seldom have: one word in those that do without, and nothing to be copied with them. Whoever has
/// one pays for an allocation.
@usableFromInline
struct Rare<Value: Sendable>: Sendable {
    @usableFromInline
    final class Box: Sendable {
        @usableFromInline let value: Value

        @inlinable
        init(_ value: Value) { self.value = value }
    }

    @usableFromInline let box: Box?

    @inlinable
    init(_ value: Value?) {
        if let value { self.box = Box(value) } else { self.box = nil }
    }

    @inlinable var value: Value? { self.box?.value }
}

extension Rare: Equatable where Value: Equatable {
    @usableFromInline
    static func == (left: Rare, right: Rare) -> Bool { left.box === right.box || left.value == right.value }
}
