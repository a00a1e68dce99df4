internal import NIOCore
internal import Teleport

/// One keep-alive connection to an HTTP server; one request at a time. Confined to its loop.
final class HTTPUpstreamConnection: ByteStream {
    private let pool: HTTPUpstreamPool
    private let eventLoop: any EventLoop
    private var decoder: ResponseDecoder
    private var driver: ConnectionDriver?
    /// The request under way.
    private var exchange: Exchange?
    private var outbound = ByteBuffer()
    /// Bytes of the answer under way were received.
    private var hasReceived = false
    private var isSent = false
    private var isEnded = false
    /// Ends a connection attempt that takes longer than the request may.
    private var timer: DeadlineTimer?

    init(pool: HTTPUpstreamPool, eventLoop: any EventLoop, limits: HTTPLimits, first: Exchange) {
        self.pool = pool
        self.eventLoop = eventLoop
        self.decoder = ResponseDecoder(profile: .http1, limits: limits)
        self.exchange = first
        self.timer = DeadlineTimer(eventLoop: eventLoop) { [unowned self] now in self.deadlineReached(now: now) }
        self.timer?.set(first.deadline)
    }

    // MARK: Requests

    /// Sends a request; the connection is idle.
    func send(_ exchange: Exchange) {
        self.exchange = exchange
        self.timer?.set(exchange.deadline)
        self.sendCurrent()
    }

    private func sendCurrent() {
        guard let exchange = self.exchange, let driver = self.driver else { return }
        let request = exchange.request
        let content = request.body.buffer ?? ByteBuffer()
        let framing: BodyFraming =
            content.readableBytes == 0 && (request.method == .get || request.method == .head)
            ? .none : .length(content.readableBytes)
        do throws(HTTPError) {
            // Expect is dropped with the hop-by-hop fields: the body is here already.
            try RequestEncoder.encode(request.head, framing: framing, filter: .teleport, into: &self.outbound)
        } catch {
            self.exchange = nil
            exchange.failed(ForwardingFailure(kind: .unsendable(error), possiblyExecuted: false, cause: error))
            return self.becomeIdle()
        }
        self.outbound.writeImmutableBuffer(content)
        self.decoder.expect(request.method)
        self.hasReceived = false
        self.isSent = true
        driver.scheduleFlush()
    }

    // MARK: Events

    func connectionOpened(_ driver: ConnectionDriver) {
        self.driver = driver
        guard !self.isEnded else { return self.close() }
        self.sendCurrent()
    }

    func connectingFailed(_ error: any Error) {
        self.end(ForwardingFailure(kind: .unreachable, possiblyExecuted: false, cause: error))
    }

    func bytesToSend() -> ByteBuffer? {
        guard self.outbound.readableBytes > 0 else { return nil }
        var bytes = ByteBuffer()
        swap(&bytes, &self.outbound)
        return bytes
    }

    func bytesReceived(_ bytes: inout ByteBuffer) {
        guard self.exchange != nil else {
            // A server that speaks unasked cannot be understood.
            return self.fail(.badAnswer, TransportError(.broken, "The server sent bytes that nobody asked for."))
        }
        self.hasReceived = true
        do throws(HTTPError) {
            if let response = try self.decoder.nextMessage(from: &bytes) { self.answered(response, rest: bytes) }
        } catch {
            self.fail(.badAnswer, error)
        }
    }

    private func answered(_ response: Response, rest: ByteBuffer) {
        guard let exchange = self.exchange else { return }
        self.exchange = nil
        self.isSent = false
        // After 101, which the exchange takes for a failure, the connection is no HTTP any more.
        if response.head.keepsAlive, rest.readableBytes == 0, !response.status.isInformational {
            self.becomeIdle()
        } else {
            self.end(nil)
        }
        exchange.succeeded(response)
    }

    private func becomeIdle() {
        guard self.exchange == nil, !self.isEnded else { return }
        self.timer?.set(nil)
        self.pool.connectionBecameIdle(self)
    }

    func deadlineReached(now: NIODeadline) {
        guard self.exchange != nil else { return }
        self.fail(.timedOut, TransportError(.timedOut, "The server did not answer in time."))
    }

    func inputClosed() {
        // An answer without a length ends here.
        if self.exchange != nil, let response = try? self.decoder.lastMessage(), let exchange = self.exchange {
            self.exchange = nil
            self.end(nil)
            return exchange.succeeded(response)
        }
        self.fail(
            self.hasReceived ? .badAnswer : .connectionLost,
            TransportError(.closedByPeer, "The server closed the connection."))
    }

    func connectionClosed(_ cause: TransportError) {
        self.fail(self.hasReceived ? .badAnswer : .connectionLost, cause)
        self.driver = nil
    }

    // MARK: The end

    /// Closes an idle connection.
    func close() {
        self.end(nil)
    }

    private func fail(_ kind: ForwardingFailure.Kind, _ cause: any Error) {
        self.end(ForwardingFailure(kind: kind, possiblyExecuted: self.isSent, cause: cause))
    }

    private func end(_ failure: ForwardingFailure?) {
        // Taken first: closing comes back here with a cause of its own.
        let exchange = failure == nil ? nil : self.exchange.take()
        if !self.isEnded {
            self.isEnded = true
            self.timer?.set(nil)
            self.pool.connectionEnded(self)
        }
        self.driver?.closeNow(TransportError(.closedLocally, "The connection is not needed any more."))
        if let failure { exchange?.failed(failure) }
    }
}
