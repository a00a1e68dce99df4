/// A one-shot gate: handlers wait at it until the test opens it.
public actor Gate {
    private var isOpen = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    /// Callers that came so far.
    public private(set) var arrivals = 0
    private var arrivalWaiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    public init() {}

    /// Returns once the gate is open.
    public func wait() async {
        self.arrivals += 1
        for waiter in self.arrivalWaiters where waiter.count <= self.arrivals { waiter.continuation.resume() }
        self.arrivalWaiters.removeAll { $0.count <= self.arrivals }
        if self.isOpen { return }
        await withCheckedContinuation { self.waiters.append($0) }
    }

    public func open() {
        self.isOpen = true
        for waiter in self.waiters { waiter.resume() }
        self.waiters = []
    }

    /// Returns when `count` callers have come to the gate.
    public func arrived(_ count: Int) async {
        if self.arrivals >= count { return }
        await withCheckedContinuation { self.arrivalWaiters.append((count, $0)) }
    }
}
