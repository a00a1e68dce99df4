import NIOCore

/// Either end of a raw echo: for every so many bytes that came it owes so many, and pays at the end of the turn, or
/// when the batching delay is over.
final class EchoEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// As in the library: a batch this large is written at once, and none is much larger.
    private static let byteCap = 65536

    private let takes: Int
    private let gives: Int
    private let delay: TimeAmount
    /// Messages that the client begins with; the server has none to begin with, and no tally either.
    private let first: Int
    private let tally: EchoTally?

    /// Bytes of a message that is not complete.
    private var rest = 0
    private var owed = 0
    private var isScheduled = false
    private var hasAnswer = false
    /// When messages were sent whose answers have not come, the oldest first.
    private var waves = CircularBuffer<(time: UInt64, count: Int)>()
    /// What is written, over and over: slices of it cost no copy.
    private let source: ByteBuffer

    init(takes: Int, gives: Int, delay microseconds: Int, first: Int, tally: EchoTally?) {
        self.takes = takes
        self.gives = gives
        self.delay = .microseconds(Int64(microseconds))
        self.first = first
        self.tally = tally
        self.source = ByteBuffer(repeating: 0x61, count: Swift.max(gives, Self.byteCap))
    }

    func channelActive(context: ChannelHandlerContext) {
        guard self.first > 0 else { return }
        self.owed = self.first
        self.pay(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.rest += self.unwrapInboundIn(data).readableBytes
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        let complete = self.rest / self.takes
        guard complete > 0 else { return }
        self.rest -= complete * self.takes
        if let tally = self.tally { self.answered(complete, tally) }
        self.owed += complete
        if self.delay == .zero || self.owed * self.gives >= Self.byteCap { return self.pay(context) }
        guard !self.isScheduled else { return }
        self.isScheduled = true
        context.eventLoop.assumeIsolated().scheduleTask(in: self.delay) {
            self.isScheduled = false
            self.pay(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.tally?.failed(error)
        context.close(promise: nil)
    }

    private func pay(_ context: ChannelHandlerContext) {
        guard self.owed > 0 else { return }
        if self.tally != nil { self.waves.append((Resources.monotonicNanoseconds(), self.owed)) }
        var bytes = self.owed * self.gives
        self.owed = 0
        while bytes > 0 {
            guard let batch = self.source.getSlice(at: 0, length: Swift.min(bytes, self.source.readableBytes)) else {
                return
            }
            context.writeAndFlush(self.wrapOutboundOut(batch), promise: nil)
            bytes -= batch.readableBytes
        }
    }

    private func answered(_ count: Int, _ tally: EchoTally) {
        let now = Resources.monotonicNanoseconds()
        var left = count
        while left > 0, var wave = self.waves.popFirst() {
            let part = Swift.min(left, wave.count)
            tally.add(part, nanoseconds: now - wave.time, isFirst: !self.hasAnswer)
            self.hasAnswer = true
            left -= part
            wave.count -= part
            if wave.count > 0 { self.waves.prepend(wave) }
        }
    }
}
