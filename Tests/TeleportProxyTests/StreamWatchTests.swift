import NIOCore
import Teleport
import Testing

@testable import TeleportProxy

@Suite("Bodies that stand still, on a manual clock")
struct StreamWatchTests {
    private typealias Flow = BodyPipe.Flow

    private static let limits = StreamWatch.Limits(
        server: .seconds(3), clientGives: .seconds(60), clientTakes: .seconds(600))
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func at(_ seconds: Int64) -> NIODeadline { self.start + .seconds(seconds) }

    @Test("a server that takes nothing of a request has its time, counted from when there was something to take")
    func serverTakesNothing() {
        var watch = StreamWatch(Self.limits)
        #expect(watch.judge(upload: Flow(), download: nil, now: self.at(0)) == .patient)
        #expect(watch.judge(upload: Flow(), download: nil, now: self.at(10)) == .patient, "the client gave nothing")
        let given = Flow(given: 100, held: 100)
        #expect(watch.judge(upload: given, download: nil, now: self.at(11)) == .patient)
        #expect(watch.judge(upload: given, download: nil, now: self.at(12)) == .patient)
        #expect(watch.judge(upload: given, download: nil, now: self.at(13)) == .serverStalled)
    }

    @Test("each step is a new beginning, for both sides")
    func steps() {
        var watch = StreamWatch(Self.limits)
        for second in 0..<100 {
            let flow = Flow(given: 1000 + second, held: 1000)
            #expect(watch.judge(upload: flow, download: nil, now: self.at(Int64(second * 2))) == .patient)
        }
    }

    @Test("a client that gives nothing more of its request has its own, longer time")
    func clientGivesNothing() {
        var watch = StreamWatch(Self.limits)
        let flow = Flow(given: 100, held: 0)
        #expect(watch.judge(upload: flow, download: nil, now: self.at(0)) == .patient)
        #expect(watch.judge(upload: flow, download: nil, now: self.at(59)) == .patient)
        #expect(watch.judge(upload: flow, download: nil, now: self.at(60)) == .clientStalled)
    }

    @Test("a client that was told to stop is not waited for")
    func fullPipe() {
        var watch = StreamWatch(StreamWatch.Limits(clientGives: .seconds(60)))
        let flow = Flow(given: 1000, held: 1000, isFull: true)
        for minute in 0..<10 {
            #expect(watch.judge(upload: flow, download: nil, now: self.at(Int64(minute * 60))) == .patient)
        }
    }

    @Test("when all of the request was taken, it is the head that is waited for")
    func head() {
        var watch = StreamWatch(Self.limits)
        let sent = Flow(given: 100, held: 0, isEnded: true)
        #expect(watch.judge(upload: sent, download: nil, now: self.at(0)) == .patient)
        #expect(watch.judge(upload: sent, download: nil, now: self.at(2)) == .patient)
        #expect(watch.judge(upload: sent, download: nil, now: self.at(3)) == .serverStalled)
    }

    @Test("an answer that stands still is the fault of the side that does not move it")
    func download() {
        var server = StreamWatch(Self.limits)
        let empty = Flow(given: 100, held: 0)
        #expect(server.judge(upload: nil, download: empty, now: self.at(0)) == .patient)
        #expect(server.judge(upload: nil, download: empty, now: self.at(3)) == .serverStalled)
        var client = StreamWatch(Self.limits)
        let full = Flow(given: 1000, held: 1000, isFull: true)
        #expect(client.judge(upload: nil, download: full, now: self.at(0)) == .patient)
        #expect(client.judge(upload: nil, download: full, now: self.at(599)) == .patient)
        #expect(client.judge(upload: nil, download: full, now: self.at(600)) == .clientStalled)
    }

    @Test("a side that is not to be watched may take all the time")
    func unwatched() {
        var watch = StreamWatch(StreamWatch.Limits())
        let flow = Flow(given: 100, held: 50)
        for hour in 0..<3 {
            #expect(watch.judge(upload: flow, download: flow, now: self.at(Int64(hour * 3600))) == .patient)
        }
    }
}
