internal import Synchronization

/// The connections that one check made, to be closed behind it.
final class Links: Sendable {
    private let links = Mutex<[Link]>([])

    func add(_ link: Link) { self.links.withLock { $0.append(link) } }

    func close() async {
        for link in self.links.withLock({ links in
            defer { links = [] }
            return links
        }) { await link.close() }
    }
}
