public import struct TeleportWire.CallID

/// The server's half of the multiplexer: which requests of one connection are being handled, and when it may close.
///
/// Each request that is dispatched takes a place and gets a ``RequestToken``; the token is good for exactly one answer,
/// and answering with it again, or after the connection ended, does nothing. A place can hold a `Handle`, whatever the
/// driver needs to stop the handler's work (a task, or `Never` where there is nothing to stop).
///
/// ```
///      drainStarted() or inputClosed()
/// open ────────────────────────────────▶ finishing ── last answer given: `.finish` ──▶ (flush, half-close)
///   └──────────── connectionClosed() ───────┴───────▶ closed
/// ```
public struct ServerStateMachine<Handle> {
    @usableFromInline
    enum Lifecycle: Sendable {
        case open
        case finishing
        case closed
    }

    /// What to do with a request that was read.
    public enum RequestAction: Sendable, Equatable {
        /// Run the handler; answer with this token.
        case dispatch(RequestToken)
        /// Answer at once that the limit of this connection is reached.
        case refuseTooManyConcurrent
        /// A one-way request over the limit, or any on a connection that is finishing: nobody waits for an answer.
        case drop
    }

    /// What to do after an answer.
    public enum AnswerAction: Sendable, Equatable {
        /// Encode the answer under this id; `nil` for a one-way request: encode nothing.
        /// `resumeReading`: the next request may be read (serial mode). `finish`: it was the last answer owed.
        case answer(CallID?, resumeReading: Bool, finish: Bool)
        /// The token was used before or the connection is gone: encode nothing.
        case ignore
    }

    @usableFromInline
    struct Place {
        @usableFromInline var generation: UInt32
        @usableFromInline var isOccupied: Bool
        @usableFromInline var handle: Handle?
        /// The next free place, when this one is free; -1 ends the list.
        @usableFromInline var nextFree: Int32

        @inlinable
        init() {
            self.generation = 0
            self.isOccupied = true
            self.handle = nil
            self.nextFree = -1
        }
    }

    @usableFromInline var places: [Place] = []
    @usableFromInline var firstFree: Int32 = -1
    @usableFromInline var lifecycle: Lifecycle = .open
    @usableFromInline let limits: ServerLimits
    @usableFromInline var inFlight = 0

    @inlinable
    public init(limits: ServerLimits) {
        self.limits = limits
    }

    /// Requests that are being handled.
    @inlinable public var inFlightCount: Int { self.inFlight }

    /// Whether another request may be decoded now. False in serial mode while one is handled, and once finishing.
    @inlinable
    public var mayRead: Bool {
        self.lifecycle == .open && !(self.limits.serial && self.inFlight > 0)
    }

    /// Whether nothing more will be answered: the connection may be half-closed.
    @inlinable
    public var isFinished: Bool { self.lifecycle != .open && self.inFlight == 0 }

    /// A whole request was read.
    @inlinable
    public mutating func requestReceived(_ id: CallID) -> RequestAction {
        guard self.lifecycle == .open else { return .drop }
        guard self.inFlight < self.limits.maxConcurrent else {
            return id == .oneWay ? .drop : .refuseTooManyConcurrent
        }
        self.inFlight += 1
        let index = self.takePlace()
        return .dispatch(
            RequestToken(place: UInt32(index), generation: self.places[index].generation, id: id))
    }

    /// The handler's work can be stopped by `handle`. Ignored if the answer was given meanwhile.
    @inlinable
    public mutating func handlerStarted(_ token: RequestToken, handle: Handle) {
        guard self.isCurrent(token) else { return }
        self.places[Int(token.place)].handle = handle
    }

    /// The handler has an answer, or has ended without one (one-way).
    @inlinable
    public mutating func requestAnswered(_ token: RequestToken) -> AnswerAction {
        guard self.isCurrent(token) else { return .ignore }
        self.freePlace(Int(token.place))
        self.inFlight -= 1
        return .answer(
            token.id == .oneWay ? nil : token.id,
            resumeReading: self.limits.serial && self.lifecycle == .open,
            finish: self.isFinished)
    }

    /// No more requests will be read: the server is shutting down.
    ///
    /// - Returns: true if nothing is being handled, so that the connection can finish now.
    public mutating func drainStarted() -> Bool {
        if self.lifecycle == .open { self.lifecycle = .finishing }
        return self.lifecycle == .finishing && self.inFlight == 0
    }

    /// The peer sends nothing more. What it asked for is still answered.
    ///
    /// - Returns: true if nothing is being handled, so that the connection can finish now.
    public mutating func inputClosed() -> Bool { self.drainStarted() }

    /// The connection is gone. Tokens lose their meaning.
    ///
    /// - Returns: the handles of the requests nobody waits for any more, to be stopped.
    public mutating func connectionClosed() -> [Handle] {
        self.lifecycle = .closed
        self.inFlight = 0
        var handles: [Handle] = []
        for index in self.places.indices where self.places[index].isOccupied {
            if let handle = self.places[index].handle { handles.append(handle) }
            self.freePlace(index)
        }
        return handles
    }

    @inlinable
    func isCurrent(_ token: RequestToken) -> Bool {
        let index = Int(token.place)
        return index < self.places.count && self.places[index].isOccupied
            && self.places[index].generation == token.generation
    }

    @inlinable
    mutating func takePlace() -> Int {
        guard self.firstFree >= 0 else {
            self.places.append(Place())
            return self.places.count - 1
        }
        let index = Int(self.firstFree)
        self.firstFree = self.places[index].nextFree
        self.places[index].isOccupied = true
        return index
    }

    @inlinable
    mutating func freePlace(_ index: Int) {
        self.places[index].isOccupied = false
        self.places[index].handle = nil
        self.places[index].generation &+= 1
        self.places[index].nextFree = self.firstFree
        self.firstFree = Int32(index)
    }
}

/// The right to answer one request once.
public struct RequestToken: Sendable, Hashable {
    @usableFromInline let place: UInt32
    @usableFromInline let generation: UInt32
    /// The id the request came with; ``CallID/oneWay`` if no answer is wanted.
    public let id: CallID

    @inlinable
    init(place: UInt32, generation: UInt32, id: CallID) {
        self.place = place
        self.generation = generation
        self.id = id
    }
}

extension ServerStateMachine: Sendable where Handle: Sendable {}
extension ServerStateMachine.Place: Sendable where Handle: Sendable {}
