import Synchronization

/// A source and whether somebody reads it, shared by all copies of a body.
@usableFromInline
final class BodyStream: Sendable {
    @usableFromInline let source: any BodySource
    private let isClaimed = Atomic(false)

    @usableFromInline
    init(_ source: any BodySource) {
        self.source = source
    }

    var wasClaimed: Bool { isClaimed.load(ordering: .relaxed) }

    /// - Throws: ``BodyError/Code/alreadyConsumed`` but for the first caller.
    func claim() throws(BodyError) -> any BodySource {
        guard !isClaimed.exchange(true, ordering: .relaxed) else { throw BodyError(.alreadyConsumed) }
        return source
    }
}
