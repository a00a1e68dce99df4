internal import NIOCore
internal import Teleport

/// One HTTP connection of a client, as its loop sees it: requests in, answers out in the same order.
///
/// Confined to the loop of its connection. ``FrontPipeline`` keeps the order; this class reads and writes.
final class HTTPFrontStream: ByteStream {
    private let front: HTTPFront
    private let forwarder: Forwarder
    private let limits: HTTPLimits
    private let idleTimeout: TimeAmount
    private let onClosed: () -> Void
    private var decoder: RequestDecoder
    private var gathering: GatheredRequest?
    private var pipeline: FrontPipeline
    private var outbound = ByteBuffer()
    private var driver: ConnectionDriver?
    private var pause: Pause = []
    /// No more requests are read: one was beyond understanding, or the client has sent its last.
    private var isInputOver = false
    private var isDraining = false

    /// Why reading is paused.
    private struct Pause: OptionSet {
        let rawValue: UInt8
        static let pipelineFull = Pause(rawValue: 1)
        static let outboundFull = Pause(rawValue: 2)
        static let inputOver = Pause(rawValue: 4)
    }

    /// Answers that wait to be written stop the reading of requests beyond this many bytes.
    private static let outboundHighMark = 1 << 20
    /// How long an idle connection may still bring a request when the proxy shuts down: one that is under way already.
    private static let drainGrace = TimeAmount.milliseconds(500)

    init(front: HTTPFront, forwarder: Forwarder, configuration: ProxyConfiguration, onClosed: @escaping () -> Void) {
        self.front = front
        self.forwarder = forwarder
        self.limits = configuration.inLimits
        self.idleTimeout = configuration.inIdleTimeout
        self.onClosed = onClosed
        self.decoder = RequestDecoder(profile: .http1, limits: configuration.inLimits)
        self.pipeline = FrontPipeline(limit: configuration.maxPipelined)
    }

    // MARK: Reading

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.armIdleTimer()
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        do throws(HTTPError) {
            while self.pause.isEmpty, let event = try self.decoder.next(from: &bytes) {
                switch event {
                case .head(let head):
                    self.gathering = GatheredRequest(head: head)
                    if head.expectsContinue { self.pipeline.continueExpected() }
                case .body(let piece):
                    self.gathering?.append(piece)
                case .end(let trailers):
                    self.pipeline.bodyArrived()
                    if let request = self.gathering.take()?.finished(trailers: trailers) { self.forward(request) }
                case .refused(let error):
                    self.gathering = nil
                    self.pipeline.bodyArrived()
                    self.refuse(error, closing: false)
                }
            }
        } catch {
            self.gathering = nil
            self.refuse(error, closing: true)
        }
        self.writeReadyAnswers()
    }

    func readBatchEnded() {
        self.updateBackPressure()
        self.armIdleTimer()
    }

    private func forward(_ request: Request) {
        let keepsAlive = request.head.keepsAlive && !self.isDraining
        let number = self.pipeline.requestRead(
            isHEAD: request.method == .head, version: request.head.version, keepsAlive: keepsAlive)
        if !keepsAlive { self.endInput() }
        if self.pipeline.isFull { self.pauseReading(.pipelineFull) }
        self.forwarder.forward(request, replyTo: .http(self.front, number))
    }

    /// Answers a request that broke a rule. `closing`: nobody knows where the next one would begin.
    private func refuse(_ error: HTTPError, closing: Bool) {
        let number = self.pipeline.requestRead(
            isHEAD: self.decoder.lastMethod == .head, version: .http11, keepsAlive: !closing && !self.isDraining)
        if closing { self.endInput() }
        self.answered(number, with: .refusal(error))
    }

    private func endInput() {
        self.isInputOver = true
        self.pauseReading(.inputOver)
    }

    // MARK: Answers

    /// A request has its answer; it is written when those before it are.
    func answered(_ number: UInt64, with response: Response) {
        guard self.driver != nil else { return }
        self.pipeline.answered(number, with: response)
        self.writeReadyAnswers()
    }

    private func writeReadyAnswers() {
        guard let driver = self.driver else { return }
        let outcome = self.pipeline.writeReadyAnswers(closing: self.isDraining, into: &self.outbound)
        if self.outbound.readableBytes > 0 { driver.scheduleFlush() }
        if outcome == .close || (self.isInputOver && self.pipeline.isEmpty) { return driver.closeGracefully() }
        if !self.pipeline.isFull { self.resumeReading(.pipelineFull) }
    }

    func bytesToSend() -> ByteBuffer? {
        guard self.outbound.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        return bytes
    }

    // MARK: Back pressure and time

    func writabilityChanged(_ isWritable: Bool) {
        self.updateBackPressure()
    }

    private func updateBackPressure() {
        guard let driver = self.driver else { return }
        if !driver.isWritable || self.outbound.readableBytes > Self.outboundHighMark {
            self.pauseReading(.outboundFull)
        } else {
            self.resumeReading(.outboundFull)
        }
    }

    private func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    private func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        if self.pause.isEmpty { self.driver?.resumeReading() }
    }

    private func armIdleTimer() {
        self.driver?.setDeadline(self.front.eventLoop.now + self.idleTimeout)
    }

    func deadlineReached(now: NIODeadline) {
        guard let driver = self.driver else { return }
        // While answers are owed it is not the client who keeps us waiting.
        guard self.pipeline.isEmpty else { return self.armIdleTimer() }
        if self.decoder.isBetweenMessages {
            driver.closeGracefully()
        } else {
            self.refuse(
                HTTPError(
                    .truncated, status: .requestTimeout, message: "The rest of the request did not come in time."),
                closing: true)
        }
    }

    // MARK: The end

    /// Answers what was read, with `Connection: close`, and then closes. An idle connection is left open for a moment: a
    /// request may be on its way, and closing would lose it.
    func drain() {
        guard !self.isDraining, let driver = self.driver else { return }
        self.isDraining = true
        if self.pipeline.isEmpty { driver.setDeadline(self.front.eventLoop.now + Self.drainGrace) }
    }

    func closeNow() {
        self.driver?.closeNow(TransportError(.closedLocally, "The proxy shut down."))
    }

    func inputClosed() {
        // A client may close its half and still wait for its answers.
        self.endInput()
        self.writeReadyAnswers()
    }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        self.front.stream.value = nil
        self.onClosed()
    }
}

/// A request whose body is still coming.
private struct GatheredRequest {
    let head: RequestHead
    var body: ByteBuffer?
    var isShared = true

    init(head: RequestHead) { self.head = head }

    mutating func append(_ piece: ByteBuffer) {
        guard var body = self.body.take() else {
            self.body = piece
            return
        }
        if self.isShared {
            // The first piece is a slice of what was received; from the second on the body has a buffer of its own.
            self.isShared = false
            var own = ByteBuffer()
            own.reserveCapacity(2 * (body.readableBytes + piece.readableBytes))
            own.writeImmutableBuffer(body)
            body = own
        }
        body.writeImmutableBuffer(piece)
        self.body = body
    }

    func finished(trailers: Fields?) -> Request {
        Request(head: self.head, body: self.body.map { Body($0) } ?? .empty, trailers: trailers)
    }
}
