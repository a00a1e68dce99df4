internal import NIOCore
internal import Synchronization
public import Teleport
internal import TeleportEndpoint

/// Changing what it is while it works (rules P-29 to P-31).
extension Proxy {
    /// How long after a change nobody can be in the middle of using what it replaced.
    static let settling = Duration.seconds(1)

    /// Goes on as `configuration` says, without losing a request.
    ///
    /// - Addresses it listens at already stay open; new ones are added, and those that are missing are closed. All or
    ///   none: if one cannot be had, everything stays as it was.
    /// - Requests that come from now on, on whatever connection, go to the new servers. Servers whose settings stay keep
    ///   their connections and what is known about them; others end the requests that they have.
    /// - What concerns connections of clients (TLS, limits, compression, who may connect) is for those that come from now
    ///   on. Where it changed, HTTP's others close with their next answer, and v1's are told to leave; v0's stay.
    ///
    /// Not changed: the event loops, ``ProxyConfiguration/maxGatheredBytes``, and what belongs to a socket
    /// (``FrontConfiguration/reusesPort``).
    ///
    /// - Returns: the addresses, with the real ports where 0 was asked for.
    /// - Throws: ``TransportError`` `.bindFailed`.
    @discardableResult
    public func reload(_ configuration: ProxyConfiguration) async throws(TransportError) -> [TransportAddress] {
        try await self.changes.run { () async throws(TransportError) in
            guard self.readiness != .draining else {
                throw TransportError(.closedLocally, "The proxy shuts down: nothing is changed any more.")
            }
            let addresses = try await self.listen(as: configuration)
            self.forward(as: configuration)
            return addresses
        }
    }

    /// Opens what is to be open, closes the rest.
    func listen(as configuration: ProxyConfiguration) async throws(TransportError) -> [TransportAddress] {
        let (old, isFrontKept) = self.state.withLock { state in
            (state.doors, Self.frontsAgree(state.configuration, configuration))
        }
        var unused = old
        var added: [Listener] = []
        var doors: [ProxyState.Door] = []
        do throws(TransportError) {
            for frontConfiguration in configuration.fronts {
                let predecessor = old.first {
                    isFrontKept && $0.front.configuration == frontConfiguration
                }
                let front =
                    predecessor?.front
                    ?? ProxyFront(
                        frontConfiguration, of: configuration, forwarder: self.forwarder,
                        gathered: self.counts.gathered,
                        traffic: self.traffic.clients.counters(of: frontConfiguration.kind))
                for address in frontConfiguration.addresses {
                    if let index = unused.firstIndex(where: { $0.address == address }) {
                        let door = unused.remove(at: index)
                        doors.append(ProxyState.Door(address: address, listener: door.listener, front: front))
                    } else {
                        let listener = try await Listener.bind(
                            address, group: configuration.eventLoopGroup, accepting: front.acceptor,
                            inheriting: configuration.inheritedSockets)
                        added.append(listener)
                        doors.append(ProxyState.Door(address: address, listener: listener, front: front))
                    }
                }
            }
        } catch {
            for listener in added { await listener.close() }
            throw error
        }
        // Nothing fails from here on.
        for door in doors { door.listener.accept(with: door.front.acceptor) }
        for door in unused { await door.listener.close() }
        let replaced = self.state.withLock { state in
            let before = state.fronts.filter { front in !state.retired.contains { $0 === front } }
            state.doors = doors
            state.configuration = configuration
            let replaced = before.filter { front in !doors.contains { $0.front === front } }
            state.retired += replaced
            return replaced
        }
        if !replaced.isEmpty { self.retire(replaced) }
        return doors.map(\.listener.address)
    }

    /// Whether fronts need not change for anything but their own configurations.
    private static func frontsAgree(_ one: ProxyConfiguration, _ other: ProxyConfiguration) -> Bool {
        one.streamLimits == other.streamLimits && one.handshakeTimeout == other.handshakeTimeout
            && one.concurrency == other.concurrency && one.outLimits == other.outLimits
            && one.accessLog === other.accessLog
    }

    private func retire(_ fronts: [ProxyFront]) {
        Task {
            // A connection may just have been accepted for it.
            try? await Task.sleep(for: Self.settling)
            for front in fronts { front.retire() }
            while true {
                let isOver = self.state.withLock { state in
                    state.retired.removeAll { $0.connectionCount == 0 }
                    return !state.retired.contains { front in fronts.contains { $0 === front } }
                }
                if isOver { return }
                try? await Task.sleep(for: Self.settling)
            }
        }
    }

    /// Has new requests go to the servers of `configuration`.
    private func forward(as configuration: ProxyConfiguration) {
        let old = self.forwarder.current.upstreams
        let new = Upstream.all(of: configuration, keeping: old, traffic: self.traffic)
        self.counts.setBudget(percent: configuration.outRetryBudget)
        for upstream in new { upstream.begin(in: configuration) }
        self.forwarder.replace(
            with: Forwarder(
                upstreams: new, weights: configuration.upstreams.map(\.weight), configuration, counts: self.counts))
        let dropped = old.filter { upstream in !new.contains { $0 === upstream } }
        guard !dropped.isEmpty else { return }
        self.state.withLock { $0.retiredUpstreams += dropped }
        for upstream in dropped {
            Task {
                // A request may just be on its way to it.
                repeat { try? await Task.sleep(for: Self.settling) } while upstream.pendingCount > 0
                await upstream.shutDown(limit: .seconds(1))
                self.state.withLock { state in state.retiredUpstreams.removeAll { $0 === upstream } }
            }
        }
    }

    /// Closes everything, once what was read is answered. True if all of it was, within `limit`.
    func endAll(limit: TimeAmount) async -> Bool {
        let (doors, fronts, isHandedOver) = self.state.withLock { state in
            defer { state.doors = [] }
            return (state.doors, state.fronts, state.isHandedOver)
        }
        for door in doors { await door.listener.close(keepingFile: isHandedOver) }
        // A connection may just have been accepted: somebody else would have taken it, so it is served here.
        if isHandedOver { try? await Task.sleep(for: Self.settling) }
        let isClean = await withTaskGroup { group in
            for front in fronts { group.addTask { await front.shutDown(limit: limit) } }
            return await group.reduce(true) { $0 && $1 }
        }
        for upstream in self.forwarder.current.upstreams + self.state.withLock({ $0.retiredUpstreams }) {
            await upstream.shutDown(limit: .seconds(1))
        }
        return isClean
    }
}
