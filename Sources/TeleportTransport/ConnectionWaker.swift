public import NIOCore

/// Reaches a ``ConnectionDriver`` from any thread. Cheap to copy; using it after the connection ended does nothing.
public struct ConnectionWaker: Sendable {
    let driver: NIOLoopBound<ConnectionDriver>
    /// The loop of the connection.
    public let eventLoop: any EventLoop

    /// Has what waits in the stream flushed as the batching policy says. One wake-up of the loop when called from
    /// another thread: call it once a batch, not once a message.
    public func scheduleFlush() {
        self.run { $0.scheduleFlush() }
    }

    /// Has what waits in the stream flushed now, the batching delay aside.
    public func flush() {
        self.run { $0.flush() }
    }

    /// Runs `body` with the driver on its loop; in place when the caller is on it already.
    public func run(_ body: @escaping @Sendable (ConnectionDriver) -> Void) {
        if self.eventLoop.inEventLoop {
            body(self.driver.value)
        } else {
            self.eventLoop.execute { body(self.driver.value) }
        }
    }
}
