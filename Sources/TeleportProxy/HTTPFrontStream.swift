internal import NIOCore
internal import Teleport

/// One HTTP connection of a client, as its loop sees it: requests in, answers out in the same order.
///
/// Confined to the loop of its connection. ``FrontPipeline`` keeps the order; this class reads, writes, and watches the
/// time (HTTPFrontStream+Time.swift).
final class HTTPFrontStream: ByteStream {
    let front: HTTPFront
    let service: any RequestService
    let settings: FrontSettings
    private let onClosed: () -> Void
    var decoder: RequestDecoder
    var pipeline: FrontPipeline
    var driver: ConnectionDriver?
    private var clientAddress: SocketAddress?
    /// What becomes of the request that is being read.
    private var reading = Reading.nothing
    private var outbound = ByteBuffer()
    private var pause: Pause = []
    /// No more requests are read: one was beyond understanding, or the client has sent its last.
    private var isInputOver = false
    private var isDraining = false
    /// When an idle connection closes because the proxy shuts down.
    private(set) var drainDeadline: NIODeadline?
    /// Requests are being read, further up the stack: what they are answered is written after that.
    private var isReading = false
    /// When it began to wait for the client, and for what.
    var patience: Patience

    /// Of the request whose head was read, the body not completely.
    private enum Reading {
        case nothing
        /// The body is gathered.
        case gathering(RequestHead, GatheredBody)
        /// The body goes on as it comes.
        case streaming(UInt64, BodyPipe, isLast: Bool)
        /// It was answered already; the body is read over.
        case discarding
    }

    /// Why reading is paused.
    struct Pause: OptionSet {
        let rawValue: UInt8
        static let pipelineFull = Pause(rawValue: 1)
        static let outboundFull = Pause(rawValue: 2)
        static let inputOver = Pause(rawValue: 4)
        static let uploadFull = Pause(rawValue: 8)
    }

    /// Answers that wait to be written stop the reading of requests beyond this many bytes.
    private static let outboundHighMark = 1 << 20
    /// Bodies that come in pieces are taken up to this many bytes ahead of the socket.
    private static let room = 128 << 10
    /// How long an idle connection may still bring a request when the proxy shuts down: one that is under way already.
    private static let drainGrace = TimeAmount.milliseconds(500)

    init(front: HTTPFront, service: any RequestService, settings: FrontSettings, onClosed: @escaping () -> Void) {
        self.front = front
        self.service = service
        self.settings = settings
        self.onClosed = onClosed
        self.decoder = RequestDecoder(profile: .http1, limits: settings.limits)
        self.pipeline = FrontPipeline(limit: settings.maxPipelined)
        self.patience = Patience(settings, now: front.eventLoop.now)
    }

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        self.clientAddress = driver.channel?.remoteAddress
        self.watchTime()
    }

    // MARK: Reading

    func bytesReceived(_ bytes: inout ByteBuffer) {
        let before = bytes.readableBytes
        self.isReading = true
        do throws(HTTPError) {
            while self.pause.isEmpty, let event = try self.decoder.next(from: &bytes) { self.handle(event) }
            self.settle()
        } catch {
            self.giveUpReading(error)
        }
        self.isReading = false
        self.patience.read(before - bytes.readableBytes)
        self.writeAnswers()
    }

    private func handle(_ event: RequestEvent) {
        switch event {
        case .head(let head):
            self.headRead(head)
        case .body(let piece):
            self.bodyRead(piece)
        case .end(let trailers):
            self.requestRead(trailers)
        case .refused(let error):
            self.requestRefused(error)
        }
    }

    private func headRead(_ head: RequestHead) {
        if let refusal = self.settings.gate.refusal(of: head) {
            // A client that waits to be told to go on may send the body or not: nobody knows where the next one begins.
            let isEndCertain = !head.expectsContinue || self.decoder.remainingBodySize == 0
            self.reading = .discarding
            return self.refuse(head, refusal, closing: !isEndCertain, because: "refused")
        }
        if head.expectsContinue, self.decoder.remainingBodySize != 0 { self.pipeline.continueExpected() }
        self.reading = .gathering(head, GatheredBody())
    }

    private func bodyRead(_ piece: ByteBuffer) {
        switch self.reading {
        case .gathering(let head, var body):
            // Taken out, so that it is not copied.
            self.reading = .nothing
            body.append(piece)
            self.reading = .gathering(head, body)
        case .streaming(_, let pipe, _):
            if !pipe.append(piece) { self.pauseReading(.uploadFull) }
        case .discarding, .nothing:
            break
        }
    }

    private func requestRead(_ trailers: Fields?) {
        self.pipeline.bodyArrived()
        let reading = self.reading
        self.reading = .nothing
        switch reading {
        case .gathering(let head, let body):
            let request = Request(head: head, body: body.count > 0 ? Body(body.bytes) : .empty, trailers: trailers)
            self.accept(request, upload: nil)
        case .streaming(_, let pipe, let isLast):
            pipe.finish(trailers: trailers)
            if isLast { self.endInput() }
        case .discarding, .nothing:
            break
        }
    }

    /// The body grew over the limit, or the whole request broke a rule; where it ends is certain.
    private func requestRefused(_ error: HTTPError) {
        self.pipeline.bodyArrived()
        let reading = self.reading
        self.reading = .nothing
        switch reading {
        case .streaming(let number, let pipe, let isLast):
            self.breakOff(number, pipe, error)
            if isLast { self.endInput() }
        case .discarding:
            break
        case .gathering(let head, _):
            self.refuse(head, .refusal(error), closing: false, because: "\(error.code)")
        case .nothing:
            self.refuse(nil, .refusal(error), closing: false, because: "\(error.code)")
        }
    }

    /// All that could be read was. A request whose body is still coming goes on its way, or is kept for longer.
    private func settle() {
        guard case .gathering(let head, var body) = self.reading else { return }
        guard self.service.takesStreams else {
            if !body.isDetached {
                self.reading = .nothing
                body.detach()
                // A slow client must not hold the whole block that its head was received in.
                self.reading = .gathering(head.detached(), body)
            }
            return
        }
        let pipe = BodyPipe(size: self.decoder.remainingBodySize.map { $0 + body.count }, producer: self.side())
        if body.count > 0 { _ = pipe.append(body.bytes) }
        // Before it is accepted: it may be answered at once.
        let number = self.nextNumber(head)
        self.reading = .streaming(number, pipe, isLast: !head.keepsAlive || self.isDraining)
        self.accept(Request(head: head.detached()), upload: pipe, number: number)
    }

    private func nextNumber(_ head: RequestHead) -> UInt64 {
        let keepsAlive = head.keepsAlive && !self.isDraining
        return self.pipeline.requestRead(isHEAD: head.method == .head, version: head.version, keepsAlive: keepsAlive)
    }

    private func accept(_ request: Request, upload: BodyPipe?, number: UInt64? = nil) {
        var request = request
        let number = number ?? self.nextNumber(request.head)
        let note = self.note(request.head)
        if upload == nil, !request.head.keepsAlive || self.isDraining { self.endInput() }
        if self.pipeline.isFull { self.pauseReading(.pipelineFull) }
        do throws(HTTPError) {
            try self.settings.gate.adapt(&request.head, client: self.clientAddress)
        } catch {
            upload?.cancel()
            let response = Response.refusal(error)
            note?.ended(
                response.status, requestBytes: 0, responseBytes: response.body.count ?? 0, failure: "\(error.code)")
            return self.answered(number, with: .whole(response))
        }
        self.service.accept(
            InboundRequest(request: request, upload: upload, replyTo: .http(self.front, number), note: note))
    }

    // MARK: Refusing

    /// Answers a request that is not forwarded. `closing`: nobody knows where the next one would begin.
    func refuse(_ head: RequestHead?, _ response: Response, closing: Bool, because failure: String) {
        let keepsAlive = (head?.keepsAlive ?? true) && !closing && !self.isDraining
        let number = self.pipeline.requestRead(
            isHEAD: (head?.method ?? self.decoder.lastMethod) == .head, version: head?.version ?? .http11,
            keepsAlive: keepsAlive)
        if closing { self.endInput() }
        self.note(head)?.ended(
            response.status, requestBytes: 0, responseBytes: response.body.count ?? 0, failure: failure)
        self.answered(number, with: .whole(response))
    }

    /// What the client sends cannot be understood, or does not come: nothing more is read.
    func giveUpReading(_ error: HTTPError) {
        let reading = self.reading
        self.reading = .discarding
        switch reading {
        case .streaming(let number, let pipe, _):
            self.endInput()
            self.breakOff(number, pipe, error)
        case .gathering(let head, _):
            self.refuse(head, .refusal(error), closing: true, because: "\(error.code)")
        case .nothing:
            self.refuse(nil, .refusal(error), closing: true, because: "\(error.code)")
        case .discarding:
            self.endInput()
        }
    }

    /// The server's answer to a request that was not completed is of no interest, if it has not begun.
    private func breakOff(_ number: UInt64, _ pipe: BodyPipe, _ error: HTTPError) {
        self.pipeline.answered(number, with: .whole(.refusal(error)))
        pipe.fail()
    }

    private func note(_ head: RequestHead?) -> RequestNote? {
        guard let log = self.settings.accessLog else { return nil }
        return RequestNote(log, head, client: self.clientAddress?.clientIP ?? "unix")
    }

    func endInput() {
        self.isInputOver = true
        self.pauseReading(.inputOver)
    }

    // MARK: Answers

    /// A request has its answer, or the beginning; it is written when those before it are.
    func answered(_ number: UInt64, with answer: Answer) {
        guard self.driver != nil else {
            if case .stream(_, let body) = answer { body.cancel() }
            return
        }
        self.pipeline.answered(number, with: answer)
        if case .streaming(number, _, _) = self.reading, self.pipeline.isContinueOwed(to: number) {
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
        let outcome = self.pipeline.write(
            closing: self.isDraining || self.isInputOver, room: Self.room, reader: self.side(), into: &self.outbound)
        if self.outbound.readableBytes > 0 { driver.scheduleFlush() }
        switch outcome {
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
        if self.pipeline.isEmpty { self.watchTime() }
    }

    /// This connection as one end of a pipe: its answers' reader, its uploads' producer.
    private func side() -> BodyPipe.Side {
        let stream = self.front.stream
        return BodyPipe.Side(eventLoop: self.front.eventLoop) { stream.value?.pipeChanged() }
    }

    /// There is more of an answer to write, or room for more of an upload.
    private func pipeChanged() {
        self.resumeReading(.uploadFull)
        self.writeAnswers()
    }

    func bytesToSend() -> ByteBuffer? {
        guard self.outbound.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        self.patience.wrote(bytes.readableBytes, now: self.front.eventLoop.now)
        if self.pipeline.wantsRoom {
            let stream = self.front.stream
            self.front.eventLoop.execute { stream.value?.continueWriting() }
        }
        return bytes
    }

    // MARK: Back pressure

    func readBatchEnded() {
        self.updateBackPressure()
        self.watchTime()
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

    private func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    private func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        if self.pause.isEmpty { self.driver?.resumeReading() }
    }

    /// What the client is being waited for, if it is.
    var isReadingBody: Bool {
        switch self.reading {
        case .gathering, .streaming, .discarding: self.pause.isEmpty
        case .nothing: false
        }
    }

    var isReadingHead: Bool {
        if case .nothing = self.reading { !self.decoder.isBetweenMessages } else { false }
    }

    /// Bytes of answers that the client has not taken.
    var unsentBytes: Int { self.outbound.readableBytes + (self.driver?.unwrittenBytes ?? 0) }

    // MARK: The end

    /// Answers what was read, with `Connection: close`, and then closes. An idle connection is left open for a moment: a
    /// request may be on its way, and closing would lose it.
    func drain() {
        guard !self.isDraining, self.driver != nil else { return }
        self.isDraining = true
        self.drainDeadline = self.front.eventLoop.now + Self.drainGrace
        self.watchTime()
    }

    func closeNow() {
        self.driver?.closeNow(TransportError(.closedLocally, "The proxy shut down."))
    }

    func inputClosed() {
        // A client may close its half and still wait for its answers. What it has not sent never comes.
        if !self.decoder.isBetweenMessages {
            self.giveUpReading(HTTPError(.truncated))
        }
        self.endInput()
        self.writeAnswers()
    }

    func connectionClosed(_ cause: TransportError) {
        self.driver = nil
        if case .streaming(_, let pipe, _) = self.reading { pipe.fail() }
        self.reading = .nothing
        self.pipeline.abandoned()
        self.front.stream.value = nil
        self.onClosed()
    }
}
