/// How to stop the work on a request that nobody waits for any more.
@usableFromInline
enum Cancellation: Sendable {
    case task(Task<Void, Never>)
    /// Called at most once, from any thread, never under a lock.
    case call(@Sendable () -> Void)

    @usableFromInline
    func callAsFunction() {
        switch self {
        case .task(let task): task.cancel()
        case .call(let call): call()
        }
    }
}
