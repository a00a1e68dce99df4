import TeleportEndpoint
import Testing

@Suite("The signal to stop")
struct StopSignalTests {
    @Test("all who wait go on when it is given, and who comes later does not wait")
    func wakesAll() async {
        let signal = StopSignal()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { await signal.wait() } }
            signal.stop()
            signal.stop()
        }
        await signal.wait()
    }

    @Test("a task that is cancelled waits no longer")
    func cancellation() async {
        let signal = StopSignal()
        let waiter = Task { await signal.wait() }
        waiter.cancel()
        await waiter.value
    }
}
