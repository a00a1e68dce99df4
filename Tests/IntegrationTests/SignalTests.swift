import Foundation
import Testing

@testable import httptp

@Suite("Signals to httptp", .timeLimit(.minutes(10)), .serialized)
struct SignalTests {
    @Test("a signal that comes as soon as they are taken is not lost", arguments: 0..<20)
    func early(round: Int) async {
        let (reopenings, reopening) = AsyncStream<Void>.makeStream()
        let signals = await Signals(onStop: {}, onReopen: { reopening.yield() }, onReload: {}, onRestart: {})
        kill(getpid(), SIGUSR1)
        var iterator = reopenings.makeAsyncIterator()
        #expect(await iterator.next() != nil)
        signals.cancel()
        // Whoever runs the tests may want to stop them.
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR2] { signal(number, SIG_DFL) }
    }
}
