internal import NIOCore
internal import Teleport

/// One keep-alive connection to an HTTP server; one request at a time. Confined to its loop.
///
/// Whole requests are written at once, others as their bodies come. An answer that is whole in what was read goes on as
/// one message; of any other the head goes first and the body through a pipe (HTTPUpstreamConnection+Answer.swift).
final class HTTPUpstreamConnection: ByteStream {
    private let pool: HTTPUpstreamPool
    let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private let idleTimeout: TimeAmount
    /// From then on it takes no more requests.
    private let endOfLife: NIODeadline
    private let via: Via?
    var decoder: ResponseDecoder
    var driver: ConnectionDriver?
    /// The request under way.
    var exchange: Exchange?
    var outbound = ByteBuffer()
    /// How the body of the request under way is sent, while it is.
    var uploading: BodyFraming?
    private var uploadWantsRoom = false
    var answer = AnswerReading()
    /// Bytes of the answer under way were received.
    private var hasReceived = false
    private var isSent = false
    /// The connection carries a tunnel, and never a request again.
    var tunnel: TunnelHalves?
    private var isEnded = false
    private var timer: DeadlineTimer?
    /// This connection, as pipes know it.
    private let box: NIOLoopBoundBox<HTTPUpstreamConnection?>

    /// The largest answer that is held where it has to be whole.
    let maxWholeAnswer: Int

    /// What others hold of a connection, to stop what it works on.
    struct Handle: Sendable {
        let eventLoop: any EventLoop
        fileprivate let box: NIOLoopBoundBox<HTTPUpstreamConnection?>

        /// Nobody waits for this answer any more. Never in place: who says so may be further up the stack.
        func stop(_ exchange: Exchange) {
            self.eventLoop.execute { self.box.value?.stop(exchange) }
        }
    }

    /// Bodies are taken up to this many bytes ahead of the socket.
    private static let room = 128 << 10

    init(
        pool: HTTPUpstreamPool, eventLoop: any EventLoop, settings: UpstreamSettings, via: Via?, first: Exchange?
    ) {
        self.pool = pool
        self.eventLoop = eventLoop
        self.timeout = settings.timeout
        self.idleTimeout = settings.idleTimeout
        self.endOfLife =
            settings.maxAge.map { eventLoop.now + $0.shortened(by: .random(in: 0...0.1)) } ?? .distantFuture
        self.via = via
        var limits = settings.limits
        self.maxWholeAnswer = limits.maxBodySize
        // What is passed on in pieces needs no limit: little of it is ever here.
        limits.maxBodySize = .max
        self.decoder = ResponseDecoder(profile: .http1, limits: limits)
        self.exchange = first
        self.box = NIOLoopBoundBox.makeEmptyBox(valueType: HTTPUpstreamConnection.self, eventLoop: eventLoop)
        self.timer = DeadlineTimer(eventLoop: eventLoop) { _ in self.timedOut() }
        self.box.value = self
        guard let first else { return }
        // An attempt to connect may take no longer than the request.
        self.timer?.set(first.deadline)
        first.started(.connection(self.handle))
    }

    private var handle: Handle { Handle(eventLoop: self.eventLoop, box: self.box) }

    // MARK: Requests

    /// Sends a request; the connection is idle.
    func send(_ exchange: Exchange) {
        self.exchange = exchange
        exchange.started(.connection(self.handle))
        self.timer?.set(exchange.deadline)
        self.sendCurrent()
    }

    private func sendCurrent() {
        guard let exchange = self.exchange, let driver = self.driver else { return }
        let opensTunnel = exchange.request.opensTunnel
        let switches = opensTunnel && exchange.request.method != .connect
        let framing = opensTunnel ? .none : Self.framing(of: exchange)
        do throws(HTTPError) {
            // Expect is dropped with the hop-by-hop fields: the client was told to go on.
            try RequestEncoder.encode(
                exchange.request.head, framing: framing, filter: switches ? .upgrade : .teleport,
                connection: switches ? .upgrade : .unsaid, via: self.via, into: &self.outbound)
        } catch {
            self.exchange = nil
            exchange.failed(ForwardingFailure(kind: .unsendable(error), possiblyExecuted: false, cause: error))
            return self.becomeIdle()
        }
        self.decoder.expect(exchange.request.method)
        self.answer = AnswerReading()
        self.hasReceived = false
        self.isSent = true
        if opensTunnel {
            // Nothing of the client's goes to the server before it has granted the tunnel (V1-70).
        } else if let upload = exchange.upload {
            self.uploading = framing
            upload.attach(self.reader)
            self.continueUpload()
        } else {
            if framing != .none { self.write(exchange.request.body.buffer ?? ByteBuffer(), framing) }
            if framing == .chunked { ChunkEncoder.encodeEnd(trailers: exchange.request.trailers, into: &self.outbound) }
        }
        driver.scheduleFlush()
    }

    private static func framing(of exchange: Exchange) -> BodyFraming {
        if let upload = exchange.upload { return upload.size.map { .length($0) } ?? .chunked }
        let request = exchange.request
        if request.trailers != nil { return .chunked }
        let count = request.body.count ?? 0
        return count == 0 && (request.method == .get || request.method == .head) ? .none : .length(count)
    }

    private func write(_ piece: ByteBuffer, _ framing: BodyFraming) {
        if framing == .chunked {
            ChunkEncoder.encode(piece, into: &self.outbound)
        } else {
            self.outbound.writeImmutableBuffer(piece)
        }
    }

    /// Takes of the request's body what there is and what there is room for.
    func continueUpload() {
        guard let framing = self.uploading, let upload = self.exchange?.upload else { return }
        self.uploadWantsRoom = false
        while self.outbound.readableBytes < Self.room {
            switch upload.next() {
            case nil:
                // It is the client that is waited for, and not here.
                self.timer?.set(nil)
                return self.flushUpload()
            case .piece(let piece):
                self.write(piece, framing)
            case .end(let trailers):
                if framing == .chunked { ChunkEncoder.encodeEnd(trailers: trailers as? Fields, into: &self.outbound) }
                self.uploading = nil
                guard self.tunnel == nil else { return self.clientEndedTunnel() }
                self.watchProgress()
                return self.flushUpload()
            case .failed:
                return self.fail(.clientGone)
            }
        }
        self.uploadWantsRoom = true
        self.watchProgress()
        self.flushUpload()
    }

    private func flushUpload() {
        if self.outbound.readableBytes > 0 { self.driver?.scheduleFlush() }
    }

    /// The server has this long to do something again.
    func watchProgress() {
        guard let exchange = self.exchange, self.tunnel == nil else { return }
        // The time of a request that was whole from the beginning is counted from its beginning, until it is answered.
        let deadline =
            exchange.upload == nil && !self.answer.isStreaming
            ? exchange.deadline : self.eventLoop.now + self.timeout
        self.timer?.set(deadline)
    }

    func stopWatching() { self.timer?.set(nil) }

    /// This connection as the reader of its requests' bodies.
    var reader: BodyPipe.Side {
        .consumer(on: self.eventLoop) { [box = self.box] in box.value?.continueUpload() }
    }

    /// This connection as the producer of its answers' bodies.
    var producer: BodyPipe.Side {
        .producer(on: self.eventLoop) { [box = self.box] in box.value?.answerPipeChanged() }
    }

    // MARK: Events

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        driver.flushRound = .of(self.eventLoop)
        guard !self.isEnded else { return self.close() }
        if self.exchange == nil { self.becomeIdle() } else { self.sendCurrent() }
    }

    func connectingFailed(_ error: any Error) {
        self.end(ForwardingFailure(kind: .unreachable, possiblyExecuted: false, cause: error))
    }

    func bytesToSend() -> ByteBuffer? {
        guard self.outbound.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        if self.uploadWantsRoom {
            let box = self.box
            self.eventLoop.execute { box.value?.roomMade() }
        }
        return bytes
    }

    func writabilityChanged(_ isWritable: Bool) { self.roomMade() }

    private func roomMade() {
        guard self.uploadWantsRoom, self.driver?.isWritable == true else { return }
        self.continueUpload()
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        guard self.exchange != nil else {
            // A server that speaks unasked cannot be understood.
            return self.fail(.badAnswer, TransportError(.broken, "The server sent bytes that nobody asked for."))
        }
        self.hasReceived = true
        guard self.tunnel == nil else { return self.readTunnel(&bytes) }
        self.readAnswer(&bytes)
    }

    /// The answer is complete. The connection takes the next request, if it can.
    func answerEnded(keepsAlive: Bool) {
        let upload = self.uploading == nil ? nil : self.exchange?.upload
        self.exchange = nil
        self.driver?.resumeReading()
        self.isSent = false
        self.uploading = nil
        self.uploadWantsRoom = false
        self.answer = AnswerReading()
        if keepsAlive, upload == nil {
            self.becomeIdle()
        } else {
            self.end(nil)
        }
        // An answer that came before the request was complete: the rest is not wanted.
        upload?.cancel()
    }

    private func becomeIdle() {
        guard self.exchange == nil, !self.isEnded else { return }
        let now = self.eventLoop.now
        guard now < self.endOfLife else { return self.close() }
        self.timer?.set(Swift.min(now + self.idleTimeout, self.endOfLife))
        self.pool.connectionBecameIdle(self)
    }

    private func timedOut() {
        guard self.exchange != nil else { return self.close() }
        self.fail(.timedOut, TransportError(.timedOut, "The server did not answer in time."))
    }

    func inputClosed() {
        guard self.tunnel == nil else { return self.serverEndedTunnel() }
        // An answer without a length ends here.
        if self.exchange != nil, self.connectionEndsAnswer() { return }
        self.fail(
            self.hasReceived ? .badAnswer : .connectionLost,
            TransportError(.closedByPeer, "The server closed the connection."))
    }

    func connectionClosed(_ cause: TransportError) {
        self.fail(self.hasReceived ? .badAnswer : self.isSent ? .connectionLost : .unreachable, cause)
        self.driver = nil
        self.box.value = nil
    }

    // MARK: The end

    private func stop(_ exchange: Exchange) {
        guard self.exchange === exchange else { return }
        self.fail(exchange.reason ?? .clientGone)
    }

    /// Closes an idle connection.
    func close() {
        self.end(nil)
    }

    func fail(_ kind: ForwardingFailure.Kind, _ cause: any Error) {
        self.fail(ForwardingFailure(kind: kind, possiblyExecuted: self.isSent, cause: cause))
    }

    func fail(_ failure: ForwardingFailure) {
        self.end(failure)
    }

    func end(_ failure: ForwardingFailure?) {
        // Taken first: closing comes back here with a cause of its own.
        let exchange = failure == nil ? nil : self.exchange.take()
        let answer = self.answer
        if !self.isEnded {
            self.isEnded = true
            self.timer?.end()
            self.pool.connectionEnded(self)
        }
        if let driver = self.driver {
            if self.tunnel != nil, failure != nil {
                driver.reset(TransportError(.broken, "The tunnel broke off."))
            } else if self.tunnel != nil {
                // What is on its way to the server still goes there.
                driver.closeGracefully()
            } else {
                driver.closeNow(TransportError(.closedLocally, "The connection is not needed any more."))
            }
        } else {
            self.box.value = nil
        }
        guard let failure, let exchange else { return }
        guard self.tunnel == nil else {
            exchange.upload?.cancel()
            answer.pipe?.fail()
            return
        }
        guard let pipe = answer.pipe, let head = answer.head else { return exchange.failed(failure) }
        exchange.upload?.cancel()
        // The end of the exchange first: when the client sees the end, it has been counted.
        exchange.brokeOff(head.status, bytes: pipe.total, after: failure)
        pipe.fail()
    }
}
