internal import NIOCore
internal import Teleport
internal import TeleportEndpoint
internal import TeleportRPC
internal import TeleportWire

/// What a Teleport server reports, and bodies that have to be gathered for it or for a client that speaks v0.
extension Exchange {
    /// The request as a Teleport link is given it: a body that is still coming is its source.
    var outboundRequest: Request {
        guard let upload = self.upload else { return self.request }
        let source = PipeSource(upload)
        // So that the pipe outlives an attempt that did not begin with it.
        _ = source.handOn()
        var request = self.request
        request.body = Body(source: source)
        return request
    }

    /// The whole answer came, or its head and a pipe.
    func callSucceeded(_ response: consuming Response) {
        if self.request.opensTunnel,
            response.grantsTunnel || self.request.method == .connect && response.status.isSuccessful
        {
            return self.tunnelAnswered(response)
        }
        guard response.body.isStream, let body = (response.body.source as? PipeSource)?.handOn() else {
            guard !self.wantsWholeAnswer || response.body.count ?? 0 <= self.forwarder.maxAnswer else {
                return self.failed(.answerTooLarge)
            }
            return self.succeeded(consume response)
        }
        if self.wantsWholeAnswer { return self.gatherAnswer(response.head, body) }
        let status = response.status
        body.observeEnd { ending, bytes in
            switch ending {
            case .complete: self.ended(status, bytes: bytes)
            case .cancelled: self.brokeOff(status, bytes: bytes, after: .clientGone)
            case .failed(let error):
                self.brokeOff(status, bytes: bytes, after: ForwardingFailure(answerBrokenOff: error))
            }
        }
        self.began(response.head, body)
    }

    private func tunnelAnswered(_ response: Response) {
        let pipe = (response.body.source as? PipeSource)?.handOn()
        // Without the flag it is no tunnel (V1-70), and a client of HTTP/1.1 would take it for one all the same.
        guard response.grantsTunnel, self.isGranted(by: response.head) else {
            pipe?.cancel()
            return self.failed(.switchedProtocols)
        }
        self.opened(response.head, pipe ?? BodyPipe(whole: response.body.buffer ?? ByteBuffer()))
    }

    func callFailed(_ error: RPCError) {
        if let upload = self.upload {
            // Its client is told by the connection that it comes from.
            if upload.hasFailed { return self.failed(.clientGone) }
            // The server was thought to speak v1, and does not.
            if error.cause is StreamOnV0, self.request.opensTunnel { return self.failed(.tunnelOnV0) }
            if error.cause is StreamOnV0, self.isReplayable, self.beginAgain() {
                return self.gather(upload) { _ in false }
            }
        }
        self.failed(ForwardingFailure(error, isSensitive: self.request.isSensitive))
    }

    // MARK: Gathering

    /// Takes the rest of the request's body before it is sent, until there is enough of it.
    func gatherUpload(until isEnough: @escaping @Sendable (Int) -> Bool) {
        guard let upload = self.upload, self.begin() else { return }
        self.gather(upload, until: isEnough)
    }

    private func gather(_ upload: BodyPipe, until isEnough: @escaping @Sendable (Int) -> Bool) {
        let gatherer = BodyGatherer(
            upload, on: self.replyTo.eventLoop, limit: self.forwarder.maxRequest, budget: self.forwarder.gathered,
            isEnough: isEnough
        ) { outcome in
            self.gathered(outcome)
        }
        self.started(.gathering(gatherer))
        gatherer.start()
    }

    private func gathered(_ outcome: BodyGatherer.Outcome) {
        switch outcome {
        case .whole(let bytes, let trailers):
            var request = self.request
            request.body = bytes.readableBytes > 0 ? Body(bytes) : .empty
            request.trailers = trailers
            self.forwarder.goOn(
                self, as: InboundRequest(request: request, upload: nil, replyTo: self.replyTo, note: self.note))
        case .goesOn:
            self.forwarder.goOn(
                self,
                as: InboundRequest(request: self.request, upload: self.upload, replyTo: self.replyTo, note: self.note))
        case .failed:
            self.failed(.clientGone)
        case .tooLarge:
            self.failed(.unsendable(HTTPError(.bodyTooLarge)))
        case .noRoom:
            self.failed(.unsendable(.noRoomForBody))
        }
    }

    /// A v0 client takes whole answers only, and within the time of the request.
    private func gatherAnswer(_ head: ResponseHead, _ body: BodyPipe) {
        let expiry = self.replyTo.eventLoop.scheduleTask(deadline: self.deadline) { self.giveUp(.timedOut) }
        let gatherer = BodyGatherer(body, on: self.replyTo.eventLoop, limit: self.forwarder.maxAnswer) { outcome in
            expiry.cancel()
            switch outcome {
            case .whole(let bytes, let trailers):
                self.succeeded(
                    Response(head: head, body: bytes.readableBytes > 0 ? Body(bytes) : .empty, trailers: trailers))
            case .failed(let error):
                self.failed(ForwardingFailure(answerBrokenOff: error))
            case .tooLarge, .goesOn, .noRoom:
                self.failed(.answerTooLarge)
            }
        }
        gatherer.start()
    }
}

/// Completes a Teleport call by telling its exchange.
struct ExchangeCompletion: CallCompletion {
    let exchange: Exchange

    func succeed(_ response: consuming Response) { self.exchange.callSucceeded(response) }
    func fail(_ error: RPCError) { self.exchange.callFailed(error) }
    func inform(_ response: Response) { self.exchange.informed(response.head) }
}

extension HTTPError {
    /// Too much memory is taken by bodies that are not complete.
    static let noRoomForBody = HTTPError(
        .bodyTooLarge, status: .serviceUnavailable,
        message: "Too many requests are incomplete at the same time. Try again later.")
}
