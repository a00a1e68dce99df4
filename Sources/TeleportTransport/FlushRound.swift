public import NIOCore
internal import NIOPosix

/// Connections of one loop that flush at the same moment, behind everything that is ready in a turn of the loop.
///
/// For where many connections with little to send each are ready in one turn, as the HTTP side of a proxy: one task of the
/// loop flushes all of them, where each alone would cost one. A connection that joins a round which is due already is flushed
/// with it; so this is not for one that gathers messages of many tasks. Confined to its loop.
public final class FlushRound: Sendable {
    private struct State {
        var drivers: [ConnectionDriver] = []
        /// Kept for its memory.
        var due: [ConnectionDriver] = []
    }

    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.state = NIOLoopBoundBox(State(), eventLoop: eventLoop)
    }

    private static let current = ThreadSpecificVariable<FlushRound>()

    /// The round of a loop. Call on that loop.
    public static func of(_ eventLoop: any EventLoop) -> FlushRound {
        // Loops made for tests share a thread.
        if let round = self.current.currentValue, round.eventLoop === eventLoop { return round }
        let round = FlushRound(eventLoop)
        self.current.currentValue = round
        return round
    }

    func add(_ driver: ConnectionDriver) {
        self.state.value.drivers.append(driver)
        if self.state.value.drivers.count == 1 { self.eventLoop.execute { self.flush() } }
    }

    private func flush() {
        // Those that are added meanwhile have the next one.
        var due: [ConnectionDriver] = []
        swap(&due, &self.state.value.due)
        swap(&due, &self.state.value.drivers)
        for driver in due { driver.flushIfScheduled() }
        due.removeAll(keepingCapacity: due.count <= 4096)
        swap(&due, &self.state.value.due)
    }
}
