/// How to stop the work on a request that nobody waits for any more.
@usableFromInline
enum Cancellation: Sendable {
    case task(Task<Void, Never>)
    /// One request of a task that takes several, by its number.
    case shift(PoolShift, Int)
    /// Called at most once, from any thread, never under a lock.
    case call(@Sendable () -> Void)

    @usableFromInline
    func callAsFunction() {
        switch self {
        case .task(let task): task.cancel()
        case .shift(let shift, let number): shift.cancel(number)
        case .call(let call): call()
        }
    }
}
