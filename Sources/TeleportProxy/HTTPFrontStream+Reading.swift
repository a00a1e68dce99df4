internal import NIOCore
internal import Teleport

/// Reading requests: whole ones, ones whose bodies go on as they come, and ones that are refused.
extension HTTPFrontStream {
    func bytesReceived(_ bytes: inout ByteBuffer) {
        guard !self.isTunnel else { return self.tunnelRead(&bytes) }
        let before = bytes.readableBytes
        self.isReading = true
        do throws(HTTPError) {
            while self.pause.isEmpty, let event = try self.decoder.next(from: &bytes) { self.handle(event) }
            self.settle()
        } catch {
            self.giveUpReading(error)
        }
        self.isReading = false
        // Only what a body brings earns time.
        if self.readingKind != .nothing {
            self.patience.read(before - bytes.readableBytes, now: self.eventLoop.now)
        }
        self.writeAnswers()
    }

    private func handle(_ event: consuming RequestEvent) {
        switch consume event {
        case .head(let head):
            self.headRead(consume head)
        case .body(let piece):
            self.bodyRead(piece)
        case .end(let trailers):
            self.requestRead(trailers)
        case .refused(let error):
            self.requestRefused(error)
        }
    }

    private func headRead(_ head: consuming RequestHead) {
        if self.settings.gate.isTunnelRequest(head) { return self.tunnelHeadRead(consume head) }
        if let refusal = self.settings.gate.refusal(of: head) {
            // A client that waits to be told to go on may send the body or not: nobody knows where the next one begins.
            let isEndCertain = !head.expectsContinue || self.decoder.remainingBodySize == 0
            self.reading = .discarding
            return self.refuse(head, refusal, closing: !isEndCertain, because: "refused")
        }
        if head.expectsContinue, self.decoder.remainingBodySize != 0 { self.pipeline.continueExpected() }
        self.reading = .gathering(consume head, GatheredBody())
    }

    private func tunnelHeadRead(_ head: RequestHead) {
        let hasBody = self.decoder.remainingBodySize != 0
        if let refusal = self.settings.gate.tunnelRefusal(of: head, hasBody: hasBody) {
            self.reading = .discarding
            // Behind a body that should not be there nothing is certain.
            return self.refuse(head, refusal, closing: hasBody, because: "refused")
        }
        self.reading = .gathering(head, GatheredBody())
    }

    private func bodyRead(_ piece: ByteBuffer) {
        switch self.reading {
        case .gathering(let head, var body):
            // Taken out, so that it is not copied.
            self.reading = .nothing
            body.append(piece)
            self.reading = .gathering(head, body)
            if body.isDetached { self.hold(piece.readableBytes) }
        case .streaming(_, let pipe, _):
            if !pipe.append(piece) { self.pauseReading(.uploadFull) }
        case .discarding, .nothing, .asking, .tunnel, .tunnelEnded:
            break
        }
    }

    private func requestRead(_ trailers: Fields?) {
        self.pipeline.bodyArrived()
        self.letGo()
        switch self.takeReading() {
        case .gathering(let head, let body):
            guard !self.settings.gate.isTunnelRequest(head) else { return self.askForTunnel(head) }
            self.accept(
                Request(
                    head: consume head, body: body.count > 0 ? Body(body.bytes) : .empty, trailers: trailers),
                upload: nil)
        case .streaming(_, let pipe, let isLast):
            pipe.finish(trailers: trailers)
            if isLast { self.endInput() }
        case .discarding, .nothing, .asking, .tunnel, .tunnelEnded:
            break
        }
    }

    /// The body grew over the limit, or the whole request broke a rule; where it ends is certain.
    private func requestRefused(_ error: HTTPError) {
        self.pipeline.bodyArrived()
        self.letGo()
        switch self.takeReading() {
        case .streaming(let number, let pipe, let isLast):
            self.breakOff(number, pipe, error)
            if isLast { self.endInput() }
        case .discarding, .asking, .tunnel, .tunnelEnded:
            break
        case .gathering(let head, _):
            self.refuse(head, .refusal(error), closing: false, because: "\(error.code)")
        case .nothing:
            self.refuse(nil, .refusal(error), closing: false, because: "\(error.code)")
        }
    }

    /// All that could be read was. A request whose body is still coming goes on its way, or is kept for longer.
    private func settle() {
        guard self.readingKind == .body, case .gathering(let head, var body) = self.reading else { return }
        guard self.service.takesStream(after: body.count) else {
            guard body.isDetached else {
                self.reading = .nothing
                body.detach()
                // A slow client must not hold the whole block that its head was received in.
                self.reading = .gathering(head.detached(), body)
                return self.hold(body.count)
            }
            return
        }
        self.letGo()
        let pipe = BodyPipe(size: self.decoder.remainingBodySize.map { $0 + body.count }, producer: self.uploader)
        if body.count > 0 { _ = pipe.append(body.bytes) }
        // Before it is accepted: it may be answered at once.
        let number = self.nextNumber(head)
        self.reading = .streaming(number, pipe, isLast: !head.keepsAlive || self.isDraining)
        self.accept(Request(head: head.detached()), upload: pipe, number: number)
    }

    /// Counts bytes that are kept for a body whose rest may be long in coming.
    private func hold(_ bytes: Int) {
        self.heldBytes += bytes
        guard !self.settings.gathered.take(bytes) else { return }
        self.giveUpReading(.noRoomForBody)
    }

    func letGo() {
        guard self.heldBytes > 0 else { return }
        self.settings.gathered.giveBack(self.heldBytes)
        self.heldBytes = 0
    }

    private func nextNumber(_ head: borrowing RequestHead) -> UInt64 {
        let keepsAlive = head.keepsAlive && !self.isDraining
        return self.pipeline.requestRead(isHEAD: head.method == .head, version: head.version, keepsAlive: keepsAlive)
    }

    /// What is being read, which is over.
    private func takeReading() -> Reading {
        var reading = Reading.nothing
        swap(&reading, &self.reading)
        return reading
    }

    func accept(_ request: consuming Request, upload: BodyPipe?, number: UInt64? = nil) {
        let number = number ?? self.nextNumber(request.head)
        // Asked here too: to be asked there the head would be copied.
        let note = self.settings.accessLog == nil ? nil : self.note(request.head)
        if upload == nil, !request.head.keepsAlive || self.isDraining { self.endInput() }
        if self.pipeline.isFull { self.pauseReading(.pipelineFull) }
        do throws(HTTPError) {
            if request.opensTunnel { try self.settings.gate.adaptTunnel(&request.head) }
            try self.settings.gate.adapt(&request.head, client: self.clientAddress)
        } catch {
            upload?.cancel()
            let response = Response.refusal(error)
            note?.ended(
                response.status, requestBytes: 0, responseBytes: response.body.count ?? 0, failure: "\(error.code)")
            return self.answered(number, with: .whole(response))
        }
        request.isSecure = self.settings.isSecure
        let exchange = self.service.accept(
            InboundRequest(request: consume request, upload: upload, replyTo: .http(self.front, number), note: note))
        self.pipeline.accepted(number, by: exchange)
    }

    // MARK: Refusing

    /// Answers a request that is not forwarded. `closing`: nobody knows where the next one would begin.
    func refuse(_ head: RequestHead?, _ response: Response, closing: Bool, because failure: String) {
        let keepsAlive = (head?.keepsAlive ?? self.decoder.refusedKeepsAlive) && !closing && !self.isDraining
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
        self.letGo()
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
        case .discarding, .asking, .tunnel, .tunnelEnded:
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
}
