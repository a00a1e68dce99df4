public import NIOCore
internal import Synchronization
internal import TeleportRPC
public import TeleportTransport

/// The open connections of a server, and one executor for each of its loops.
@usableFromInline
package final class ServerRegistry: Sendable {
    /// How to end one connection, from any thread.
    @usableFromInline
    package struct Entry: Sendable {
        let drain: @Sendable () -> Void
        /// The same without haste, and only if no request can be lost by it.
        let retire: @Sendable () -> Void
        let closeNow: @Sendable () -> Void

        @usableFromInline
        package init(
            drain: @escaping @Sendable () -> Void, retire: @escaping @Sendable () -> Void,
            closeNow: @escaping @Sendable () -> Void
        ) {
            self.drain = drain
            self.retire = retire
            self.closeNow = closeNow
        }
    }

    private struct State: Sendable {
        var entries: [ObjectIdentifier: Entry] = [:]
        var isShutDown = false
    }

    private let executors: [ObjectIdentifier: EventLoopExecutor]
    private let living = LivingCount()
    private let state = Mutex(State())

    @usableFromInline
    package init(group: any EventLoopGroup) {
        var executors: [ObjectIdentifier: EventLoopExecutor] = [:]
        for eventLoop in group.makeIterator() {
            executors[ObjectIdentifier(eventLoop)] = EventLoopExecutor(eventLoop: eventLoop)
        }
        self.executors = executors
    }

    package var count: Int { self.state.withLock { $0.entries.count } }

    /// Makes something for each loop.
    ///
    /// - Returns: what gives it out; what is asked for on another loop is made then.
    @usableFromInline
    func forEachLoop<Value: Sendable>(
        _ make: @escaping @Sendable (EventLoopExecutor) -> Value
    ) -> @Sendable (any EventLoop) -> Value {
        let values = self.executors.mapValues(make)
        return { values[ObjectIdentifier($0)] ?? make(EventLoopExecutor(eventLoop: $0)) }
    }

    /// A connection was accepted. False if the server takes none any more.
    @usableFromInline
    package func started(_ key: ObjectIdentifier, _ entry: Entry) -> Bool {
        let isAccepted = self.state.withLock { state in
            guard !state.isShutDown else { return false }
            state.entries[key] = entry
            return true
        }
        if isAccepted { self.living.entered() }
        return isAccepted
    }

    /// A connection of a Teleport server was accepted: it stands at the door until its first bytes say what it speaks.
    /// `nil` if the server takes none any more.
    @usableFromInline
    func admit(
        _ configuration: ServerConfiguration, on eventLoop: any EventLoop,
        ways: (_ onClosed: @escaping () -> Void) -> ServerDoor.Ways
    ) -> (any ByteStream)? {
        let key = Key()
        let onClosed = { self.ended(ObjectIdentifier(key)) }
        let door = ServerDoor(configuration: configuration, ways: ways(onClosed), onClosed: onClosed)
        let bound = NIOLoopBound(door, eventLoop: eventLoop)
        let isAccepted = self.started(
            ObjectIdentifier(key),
            Entry(
                drain: { eventLoop.execute { bound.value.drain() } },
                retire: { eventLoop.execute { bound.value.retire() } },
                closeNow: {
                    eventLoop.execute { bound.value.fail(RPCError(.shuttingDown, "The server shut down.")) }
                }))
        return isAccepted ? door.makeStream() : nil
    }

    /// What a connection is known by: something of its own whose address is not used again while it lives.
    private final class Key: Sendable {}

    @usableFromInline
    package func ended(_ key: ObjectIdentifier) {
        guard self.state.withLock({ $0.entries.removeValue(forKey: key) }) != nil else { return }
        self.living.left()
    }

    /// Has the connections that are open end as soon as they can without a loss; others may come.
    package func retire() {
        for entry in self.state.withLock({ Array($0.entries.values) }) { entry.retire() }
    }

    /// Drains all connections; after `limit` closes what is left. True if nothing was.
    package func shutDown(limit: TimeAmount) async -> Bool {
        let entries = self.state.withLock { state in
            state.isShutDown = true
            return Array(state.entries.values)
        }
        for entry in entries { entry.drain() }
        if await self.living.waitUntilZero(limit: limit) { return true }
        for entry in self.state.withLock({ Array($0.entries.values) }) { entry.closeNow() }
        _ = await self.living.waitUntilZero(limit: .seconds(1))
        return false
    }
}
