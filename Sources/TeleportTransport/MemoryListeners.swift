internal import NIOCore
internal import Synchronization

/// Who listens where within this process, for ``TransportAddress/memory(name:)``.
enum MemoryListeners {
    /// Takes the other end of a connection; on the loop that it says.
    struct Entry: Sendable {
        let group: any EventLoopGroup
        let accept: @Sendable (any Channel) throws -> Void
        let id: ObjectIdentifier
    }

    private static let entries = Mutex<[String: Entry]>([:])

    /// What holds a name, until it lets it go.
    final class Registration: Sendable {
        private let name: String

        /// - Throws: ``TransportError`` `.bindFailed` if somebody listens there.
        init(
            _ name: String, group: any EventLoopGroup, accept: @escaping @Sendable (any Channel) throws -> Void
        ) throws(TransportError) {
            self.name = name
            let id = ObjectIdentifier(self)
            let isFree = MemoryListeners.entries.withLock { entries in
                guard entries[name] == nil else { return false }
                entries[name] = Entry(group: group, accept: accept, id: id)
                return true
            }
            guard isFree else {
                throw TransportError(.bindFailed, "Somebody in this process listens at memory:\(name) already.")
            }
        }

        func close() {
            let id = ObjectIdentifier(self)
            MemoryListeners.entries.withLock { entries in
                if entries[self.name]?.id == id { entries[self.name] = nil }
            }
        }

        deinit { self.close() }
    }

    /// Connects to whoever listens at `name`. On `eventLoop`.
    ///
    /// - Parameter setUp: adds the first handlers of this side's channel.
    /// - Returns: this side's channel, active, as a socket's is when it is connected.
    /// - Throws: ``TransportError`` `.connectFailed` if nobody listens there, or what `setUp` throws.
    static func connect(
        to name: String, on eventLoop: any EventLoop, setUp: (any Channel) throws -> Void
    ) throws -> any Channel {
        guard let entry = self.entries.withLock({ $0[name] }) else {
            throw TransportError(.connectFailed, "Nobody in this process listens at memory:\(name).")
        }
        let ends = MemoryChannel.pair(at: name, eventLoop, entry.group.next())
        let there = ends.second
        // What went wrong was told to the channel, and there is nobody else to tell.
        there.eventLoop.execute { try? there.activate(setUp: entry.accept) }
        try ends.first.activate(setUp: setUp)
        return ends.first
    }
}
