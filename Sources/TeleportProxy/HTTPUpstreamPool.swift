internal import NIOCore
internal import Synchronization
internal import Teleport

/// The connections of one loop to one HTTP server. Confined to that loop; others hold its ``Handle``.
///
/// The connection that was used last is used next: the others grow idle, and the server closes them in its own time.
final class HTTPUpstreamPool {
    /// What other threads may hold of a pool: they come to its loop before they touch it.
    final class Handle: Sendable {
        let eventLoop: any EventLoop
        private let box: NIOLoopBoundBox<HTTPUpstreamPool?>
        private let make: @Sendable (Handle, HTTPUpstream) -> HTTPUpstreamPool
        private let free: Atomic<Int>

        init(eventLoop: any EventLoop, connector: Connector, limit: Int, settings: UpstreamSettings) {
            self.eventLoop = eventLoop
            self.box = NIOLoopBoundBox.makeEmptyBox(valueType: HTTPUpstreamPool.self, eventLoop: eventLoop)
            self.free = Atomic(limit)
            self.make = { handle, upstream in
                HTTPUpstreamPool(
                    handle: handle, upstream: upstream, connector: connector, limit: limit,
                    settings: settings)
            }
        }

        /// Connections that are idle or may be opened; below 0 the requests that wait for one. From other threads a moment
        /// old.
        var room: Int { self.free.load(ordering: .relaxed) }

        fileprivate func noteRoom(_ room: Int) { self.free.store(room, ordering: .relaxed) }

        func forward(_ exchange: Exchange, of upstream: HTTPUpstream) { self.pool(of: upstream).forward(exchange) }

        /// One more connection, for requests to come.
        func connect(of upstream: HTTPUpstream) { self.pool(of: upstream).connectAhead() }

        private func pool(of upstream: HTTPUpstream) -> HTTPUpstreamPool {
            if let pool = self.box.value { return pool }
            let pool = self.make(self, upstream)
            self.box.value = pool
            return pool
        }

        /// The request that waits longest.
        func takeWaiting() -> Exchange? { self.box.value?.giveAway() }
        func shutDown() { self.box.value?.shutDown() }
    }

    private let handle: Handle
    private weak var upstream: HTTPUpstream?
    private let eventLoop: any EventLoop
    private let limit: Int
    private let settings: UpstreamSettings
    private let connector: Connector
    private let via: Via?
    private var idle: [HTTPUpstreamConnection] = []
    /// Connections that are open or being opened.
    private var count = 0
    /// Requests that no connection is free for, the oldest first.
    private var waiting: CircularBuffer<Exchange> = []
    private var timer: DeadlineTimer?
    /// When the first of them has waited for long enough; never later than that.
    private var nextExpiry = NIODeadline.distantFuture
    private var isShutDown = false

    init(
        handle: Handle, upstream: HTTPUpstream, connector: Connector, limit: Int, settings: UpstreamSettings
    ) {
        self.handle = handle
        self.upstream = upstream
        self.eventLoop = handle.eventLoop
        self.limit = limit
        self.settings = settings
        self.connector = connector
        self.via = settings.viaName.flatMap { Via($0) }
        self.timer = DeadlineTimer(eventLoop: handle.eventLoop) { [weak self] now in self?.expireWaiting(now) }
    }

    /// Says how much room there is, after whatever may have changed it.
    private func noteRoom() {
        let idle = self.idle.count
        self.handle.noteRoom(self.waiting.isEmpty ? self.limit - self.count + idle : -self.waiting.count)
    }

    func forward(_ exchange: Exchange) {
        defer { self.noteRoom() }
        if let connection = self.idle.popLast() {
            guard exchange.begin() else { return self.idle.append(connection) }
            connection.send(exchange)
        } else if self.count < self.limit {
            if exchange.begin() { self.connect(for: exchange) }
        } else {
            self.waiting.append(exchange)
            self.watchWaiting(from: exchange.deadline)
        }
    }

    func shutDown() {
        self.isShutDown = true
        let idle = self.idle
        self.idle = []
        for connection in idle { connection.close() }
    }

    /// The request that waits longest, for another pool.
    func giveAway() -> Exchange? {
        defer { self.noteRoom() }
        return self.waiting.popFirst()
    }

    // MARK: What connections tell

    /// The connection has delivered its answer and can carry another request.
    func connectionBecameIdle(_ connection: HTTPUpstreamConnection) {
        defer { self.noteRoom() }
        while let next = self.takeWaiting() {
            guard next.deadline > self.eventLoop.now else {
                next.failed(.timedOutWaiting)
                continue
            }
            return connection.send(next)
        }
        guard !self.isShutDown else { return connection.close() }
        self.idle.append(connection)
        self.upstream?.hasRoom(self.handle)
    }

    func connectionEnded(_ connection: HTTPUpstreamConnection) {
        self.count -= 1
        self.idle.removeAll { $0 === connection }
        defer { self.noteRoom() }
        guard self.count < self.limit else { return }
        if let next = self.takeWaiting() { self.connect(for: next) } else { self.upstream?.hasRoom(self.handle) }
    }

    /// The next one that was not given up while it waited.
    private func takeWaiting() -> Exchange? {
        while let next = self.waiting.popFirst() {
            if next.begin() { return next }
        }
        return nil
    }

    // MARK: Connecting

    private func connectAhead() {
        guard !self.isShutDown, self.count < self.limit else { return }
        defer { self.noteRoom() }
        self.connect(for: nil)
    }

    /// - Parameter exchange: the request that waits for it; `nil` if none does yet.
    private func connect(for exchange: Exchange?) {
        self.count += 1
        let connection = HTTPUpstreamConnection(
            pool: self, eventLoop: self.eventLoop, settings: self.settings, via: self.via, first: exchange)
        let bound = NIOLoopBound(connection, eventLoop: self.eventLoop)
        let connected = self.connector.connect(on: self.eventLoop) { bound.value }
        connected.assumeIsolated().whenFailure { error in connection.connectingFailed(error) }
    }

    /// Requests that were tried elsewhere first have less time left than others that came before them.
    private func expireWaiting(_ now: NIODeadline) {
        self.nextExpiry = .distantFuture
        var expired: [Exchange] = []
        self.waiting.removeAll { exchange in
            guard exchange.deadline <= now else {
                self.nextExpiry = Swift.min(self.nextExpiry, exchange.deadline)
                return false
            }
            expired.append(exchange)
            return true
        }
        self.timer?.set(self.nextExpiry == .distantFuture ? nil : self.nextExpiry)
        self.noteRoom()
        for exchange in expired where exchange.begin() { exchange.failed(.timedOutWaiting) }
    }

    private func watchWaiting(from deadline: NIODeadline) {
        guard deadline < self.nextExpiry else { return }
        self.nextExpiry = deadline
        self.timer?.set(deadline)
    }
}

extension ForwardingFailure {
    /// All connections were busy until the deadline.
    static let timedOutWaiting = ForwardingFailure(
        kind: .overloaded, possiblyExecuted: false,
        cause: TransportError(.timedOut, "No connection to the server became free in time."))
}
