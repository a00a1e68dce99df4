internal import NIOCore
internal import Teleport

/// One HTTP connection of a client, as its loop sees it: requests in, answers out in the same order.
///
/// Confined to the loop of its connection. ``FrontPipeline`` keeps the order; this class writes, reads
/// (HTTPFrontStream+Reading.swift), and watches the time (HTTPFrontStream+Time.swift).
final class HTTPFrontStream: ByteStream {
    let front: HTTPFront
    let eventLoop: any EventLoop
    let service: any RequestService
    let settings: FrontSettings
    private let onClosed: () -> Void
    var decoder: RequestDecoder
    var pipeline: FrontPipeline
    var driver: ConnectionDriver?
    var clientAddress: SocketAddress?
    /// What becomes of the request that is being read.
    var reading: Reading {
        _read { yield self.storedReading }
        _modify {
            yield &self.storedReading
            self.readingKind = Reading.Kind(self.storedReading)
        }
    }
    private var storedReading = Reading.nothing
    /// Which of them it is: to be looked at without a copy of what is read.
    private(set) var readingKind = Reading.Kind.nothing
    private var outbound = ByteBuffer()
    var pause: Pause = []
    /// No more requests are read: one was beyond understanding, or the client has sent its last.
    var isInputOver = false
    var isDraining = false
    /// The server has sent its last through a tunnel.
    var isTunnelOutputOver = false
    /// When an idle connection closes because the proxy shuts down.
    private(set) var drainDeadline: NIODeadline?
    /// When a client that has closed its half is asked whether it still waits.
    var probeDeadline: NIODeadline?
    /// Bytes of the body being gathered, as they were counted against the limit of the process.
    var heldBytes = 0
    /// Requests are being read, further up the stack: what they are answered is written after that.
    var isReading = false
    /// When it began to wait for the client, and for what.
    var patience: Patience

    /// Of the request whose head was read, the body not completely.
    enum Reading {
        enum Kind {
            case nothing, body, asking, tunnel

            init(_ reading: borrowing Reading) {
                switch reading {
                case .nothing: self = .nothing
                case .gathering, .streaming, .discarding: self = .body
                case .asking: self = .asking
                case .tunnel, .tunnelEnded: self = .tunnel
                }
            }
        }

        case nothing
        /// The body is gathered.
        case gathering(RequestHead, GatheredBody)
        /// The body goes on as it comes.
        case streaming(UInt64, BodyPipe, isLast: Bool)
        /// It was answered already; the body is read over.
        case discarding
        /// It asks for a tunnel: nothing is read until it is answered. If that is no grant the connection goes on.
        case asking(UInt64, BodyPipe, keepsAlive: Bool)
        /// All that comes goes through a tunnel.
        case tunnel(BodyPipe)
        /// The client has sent its last through it.
        case tunnelEnded
    }

    /// Why reading is paused.
    struct Pause: OptionSet {
        let rawValue: UInt8
        static let pipelineFull = Pause(rawValue: 1)
        static let outboundFull = Pause(rawValue: 2)
        static let inputOver = Pause(rawValue: 4)
        static let uploadFull = Pause(rawValue: 8)
        static let tunnelAsked = Pause(rawValue: 16)
    }

    /// Answers that wait to be written stop the reading of requests beyond this many bytes.
    private static let outboundHighMark = 1 << 20
    /// Bodies that come in pieces are taken up to this many bytes ahead of the socket.
    private static let room = 128 << 10
    /// How long an idle connection may still bring a request when the proxy shuts down: one that is under way already.
    private static let drainGrace = TimeAmount.milliseconds(500)

    /// How long a client that has closed its half is believed to wait for its answer, and how often it is asked again.
    static let probeDelay = TimeAmount.seconds(1)
    static let probeInterval = TimeAmount.seconds(10)

    init(front: HTTPFront, service: any RequestService, settings: FrontSettings, onClosed: @escaping () -> Void) {
        self.front = front
        self.service = service
        self.settings = settings
        self.onClosed = onClosed
        self.decoder = RequestDecoder(profile: .http1, limits: settings.limits)
        self.pipeline = FrontPipeline(limit: settings.maxPipelined)
        self.eventLoop = front.eventLoop
        self.patience = Patience(settings, now: front.eventLoop.now)
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        driver.flushRound = .of(self.eventLoop)
        self.clientAddress = driver.channel?.remoteAddress
        self.watchTime()
    }

    // MARK: Answers

    /// A request has its answer, or the beginning; it is written when those before it are.
    func answered(_ number: UInt64, with answer: consuming Answer) {
        guard self.driver != nil else {
            answer.pipe?.cancel()
            return
        }
        let isGrant = answer.isGrant
        self.pipeline.answered(number, with: consume answer)
        if !isGrant { self.tunnelRefused(number) }
        if self.readingKind == .body, case .streaming(number, _, _) = self.reading,
            self.pipeline.isContinueOwed(to: number)
        {
            // The client may send the body or not, now that it has its answer: nobody knows where the next one begins.
            self.endInput()
        }
        self.writeAnswers()
    }

    func informed(_ number: UInt64, _ head: ResponseHead) {
        self.pipeline.informed(number, head)
        self.writeAnswers()
    }

    func writeAnswers() {
        guard let driver = self.driver, !self.isReading else { return }
        // Mostly the first answer is still to come.
        guard self.pipeline.isEmpty || self.pipeline.canWrite else { return }
        let first = self.pipeline.firstNumber
        let outcome = self.pipeline.write(
            closing: self.isDraining || self.isInputOver, room: Self.room, reader: { self.reader },
            into: &self.outbound)
        if self.outbound.readableBytes > 0 { driver.scheduleFlush() }
        if self.pipeline.isTunnel || outcome == .halfClose { self.tunnelGranted() }
        switch outcome {
        case .halfClose:
            return self.serverEndedTunnel()
        case .abort:
            return driver.closeGracefully()
        case .reset:
            return driver.reset(TransportError(.broken, "The server's answer broke off."))
        case .close:
            return driver.closeGracefully()
        case .open:
            if self.isInputOver, self.pipeline.isEmpty { return driver.closeGracefully() }
        }
        if !self.pipeline.isFull { self.resumeReading(.pipelineFull) }
        guard self.pipeline.isEmpty else { return }
        if self.pipeline.firstNumber != first { self.patience.answered(now: self.eventLoop.now) }
        self.watchTime()
    }

    /// This connection as the reader of its answers' bodies: there is more of one to write.
    private var reader: BodyPipe.Side {
        .consumer(on: self.eventLoop) { [stream = self.front.stream] in stream.value?.writeAnswers() }
    }

    /// This connection as the producer of its requests' bodies: there is room for more of one.
    var uploader: BodyPipe.Side {
        .producer(on: self.eventLoop) { [stream = self.front.stream] in
            stream.value?.uploadChanged()
        }
    }

    func bytesToSend() -> ByteBuffer? {
        guard self.outbound.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        if !self.isTunnel, self.patience.wrote(bytes.readableBytes, now: self.eventLoop.now) { self.watchTime() }
        if self.pipeline.wantsRoom {
            let stream = self.front.stream
            self.eventLoop.execute { stream.value?.continueWriting() }
        }
        return bytes
    }

    func probe() {
        if self.pipeline.probe(into: &self.outbound) { self.driver?.scheduleFlush() }
    }

    // MARK: Back pressure

    func readBatchEnded() {
        self.updateBackPressure()
        // While it is the client that waits, nothing is asked of it: the timer looks again if it fires.
        if self.currentWait != .nothing || self.readingKind != .nothing { self.watchTime() }
    }

    func writabilityChanged(_ isWritable: Bool) {
        self.updateBackPressure()
        self.continueWriting()
    }

    private func continueWriting() {
        guard self.pipeline.wantsRoom, self.driver?.isWritable == true else { return }
        self.writeAnswers()
    }

    private func updateBackPressure() {
        guard let driver = self.driver else { return }
        if !driver.isWritable || self.outbound.readableBytes > Self.outboundHighMark {
            self.pauseReading(.outboundFull)
        } else {
            self.resumeReading(.outboundFull)
        }
    }

    func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        guard self.pause.isEmpty else { return }
        if !self.isReading, case .streaming = self.reading, self.decoder.remainingBodySize == 0 {
            // The end of a body takes no more bytes: if it is all that is left, nothing else would bring it. Otherwise the
            // decoder may have looked at bytes that wait in the driver, and must not be shown less of them.
            var nothing = ByteBuffer()
            self.bytesReceived(&nothing)
        }
        if self.pause.isEmpty { self.driver?.resumeReading() }
    }

    /// What the client is being waited for, if it is.
    var isReadingBody: Bool { self.readingKind == .body && self.pause.isEmpty }

    /// Bytes of answers that the client has not taken.
    var unsentBytes: Int { self.outbound.readableBytes + (self.driver?.unwrittenBytes ?? 0) }

    // MARK: The end

    /// Answers what was read, with `Connection: close`, and then closes. An idle connection is left open for a moment: a
    /// request may be on its way, and closing would lose it.
    func drain() {
        guard self.drainDeadline == nil, self.driver != nil else { return }
        self.isDraining = true
        self.drainDeadline = self.eventLoop.now + Self.drainGrace
        self.watchTime()
    }

    /// The same with all the time that an idle connection has: it closes with the next answer.
    func retire() {
        if self.driver != nil { self.isDraining = true }
    }

    func closeNow() {
        self.driver?.closeNow(TransportError(.closedLocally, "The proxy shut down."))
    }

    func inputClosed() {
        guard !self.isTunnel else { return self.clientEndedTunnel() }
        // A client may close its half and still wait for its answers. What it has not sent never comes.
        if !self.decoder.isBetweenMessages {
            self.giveUpReading(HTTPError(.truncated))
        }
        self.endInput()
        self.writeAnswers()
        guard self.driver != nil, !self.pipeline.isEmpty else { return }
        // Or it is gone: an orderly end looks the same.
        self.probeDeadline = self.eventLoop.now + Self.probeDelay
        self.watchTime()
    }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        switch self.reading {
        case .streaming(_, let pipe, _), .asking(_, let pipe, _), .tunnel(let pipe): pipe.fail()
        case .nothing, .gathering, .discarding, .tunnelEnded: break
        }
        self.reading = .nothing
        self.letGo()
        self.probeDeadline = nil
        let exchanges = self.pipeline.abandoned()
        self.front.stream.value = nil
        for exchange in exchanges { exchange.giveUp(.clientGone) }
        self.onClosed()
    }
}
