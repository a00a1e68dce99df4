public import Synchronization
public import struct NIOCore.TimeAmount

/// Counts what is alive (connections), and lets somebody wait until nothing is.
@usableFromInline
final class LivingCount: Sendable {
    @usableFromInline
    struct State: Sendable {
        var count = 0
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    @usableFromInline let state = Mutex(State())

    @usableFromInline
    init() {}

    @usableFromInline
    func entered() {
        self.state.withLock { $0.count += 1 }
    }

    @usableFromInline
    func left() {
        let waiters = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.count -= 1
            guard state.count == 0 else { return [] }
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns true when the count is zero, false after `limit` or when the task is cancelled.
    @usableFromInline
    func waitUntilZero(limit: TimeAmount) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.waitUntilZero()
            }
            group.addTask {
                try? await Task.sleep(nanoseconds: UInt64(Swift.max(limit.nanoseconds, 0)))
                return false
            }
            let outcome = await group.next() ?? false
            group.cancelAll()
            return outcome
        }
    }

    private func waitUntilZero() async -> Bool {
        let id = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = self.state.withLock { state in
                    guard state.count > 0, !Task.isCancelled else { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
        return self.state.withLock { $0.count == 0 }
    }
}
