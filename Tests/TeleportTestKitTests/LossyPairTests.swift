import Testing

import struct NIOCore.ByteBuffer

import TeleportTestKit

@Suite struct LossyPairTests {
    let clock = ManualClock(now: 1000)

    /// Everything an end gets at this time, pieces joined.
    func drain(_ pair: inout LossyPair, _ side: LossyPair.Side) -> (bytes: ByteBuffer, others: [LossyPair.Delivery]) {
        var bytes = ByteBuffer()
        var others: [LossyPair.Delivery] = []
        while let delivery = pair.receive(at: side) {
            if case .bytes(let piece) = delivery {
                #expect(piece.readableBytes > 0)
                bytes.writeImmutableBuffer(piece)
            } else {
                others.append(delivery)
            }
        }
        return (bytes, others)
    }

    @Test("bytes arrive in order, after the latency, in pieces of at most the length given")
    func latency() {
        var pair = LossyPair(clock: self.clock, latency: 50, longestPiece: 3, seed: 1)
        pair.send(ByteBuffer(string: "hello "), from: .client)
        self.clock.advance(by: 20)
        pair.send(ByteBuffer(string: "world"), from: .client)
        pair.send(ByteBuffer(string: "back"), from: .server)
        #expect(pair.receive(at: .server) == nil)
        #expect(pair.nextDelivery(at: .server) == 1050)
        #expect(pair.nextDelivery(at: .client) == 1070)
        self.clock.advance(to: 1050)
        #expect(String(buffer: self.drain(&pair, .server).bytes) == "hello ")
        self.clock.advance(to: 1070)
        #expect(String(buffer: self.drain(&pair, .server).bytes) == "world")
        #expect(String(buffer: self.drain(&pair, .client).bytes) == "back")
        #expect(pair.nextDelivery(at: .server) == nil)
    }

    @Test("the same seed cuts alike")
    func seeds() {
        func pieces(seed: UInt64) -> [LossyPair.Delivery] {
            var pair = LossyPair(clock: self.clock, longestPiece: 10, seed: seed)
            pair.send(ByteBuffer(repeating: 1, count: 200), from: .client)
            return (0..<10).compactMap { _ in pair.receive(at: .server) }
        }
        #expect(pieces(seed: 3) == pieces(seed: 3))
        #expect(pieces(seed: 3) != pieces(seed: 4))
    }

    @Test("a direction's end arrives behind its bytes, and the other direction goes on")
    func halfClose() {
        var pair = LossyPair(clock: self.clock, seed: 1)
        pair.send(ByteBuffer(string: "last"), from: .client)
        pair.close(from: .client)
        pair.send(ByteBuffer(string: "too late"), from: .client)
        let (bytes, others) = self.drain(&pair, .server)
        #expect(String(buffer: bytes) == "last")
        #expect(others == [.endOfStream])
        pair.send(ByteBuffer(string: "answer"), from: .server)
        #expect(String(buffer: self.drain(&pair, .client).bytes) == "answer")
    }

    @Test("after a loss each end hears of it once and of nothing else")
    func loss() {
        var pair = LossyPair(clock: self.clock, latency: 10, seed: 1)
        pair.send(ByteBuffer(string: "on its way"), from: .client)
        pair.lose()
        pair.send(ByteBuffer(string: "never"), from: .server)
        #expect(pair.isLost)
        for side in LossyPair.Side.allCases {
            #expect(pair.nextDelivery(at: side) == 1000)
            #expect(pair.receive(at: side) == .lost)
            #expect(pair.receive(at: side) == nil)
            #expect(pair.nextDelivery(at: side) == nil)
        }
    }

    @Test("a connection can be cut at every byte", arguments: 0...12)
    func cut(count: Int) {
        var pair = LossyPair(clock: self.clock, longestPiece: 5, seed: UInt64(count))
        pair.lose(afterBytes: count, from: .client)
        pair.send(ByteBuffer(string: "hello "), from: .client)
        pair.send(ByteBuffer(string: "world"), from: .client)
        let (bytes, others) = self.drain(&pair, .server)
        #expect(String(buffer: bytes) == String("hello world".prefix(count)))
        #expect(others == (count <= 11 ? [.lost] : []))
        #expect(pair.receive(at: .client) == (count <= 11 ? .lost : nil))
    }

    @Test("the clock never goes back nor over its end")
    func clockEdges() {
        self.clock.advance(to: 10)
        #expect(self.clock.now == 1000)
        self.clock.advance(by: .max)
        #expect(self.clock.now == .max)
    }

    @Test("a generator's numbers are SplitMix64's")
    func splitMix() {
        var random = SeededRandom(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect("\(random)" == "seed 1234567")
    }
}
