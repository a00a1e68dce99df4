internal import NIOCore
internal import Teleport

/// What was read of the answer under way.
struct AnswerReading {
    var head: ResponseHead?
    var body = GatheredBody()
    /// The body goes on as it comes.
    var pipe: BodyPipe?

    var isStreaming: Bool { self.pipe != nil }
}

/// Reading answers.
extension HTTPUpstreamConnection {
    func readAnswer(_ bytes: inout ByteBuffer) {
        do throws(HTTPError) {
            while let exchange = self.exchange, let event = try self.decoder.next(from: &bytes) {
                switch consume event {
                case .informational(let head):
                    exchange.informed(head)
                case .head(let head):
                    if self.decoder.isTunnel, exchange.isGranted(by: head) { return self.beginTunnel(head, &bytes) }
                    // After 101 the connection is no HTTP any more.
                    if head.status.isInformational { return self.fail(.switchedProtocols) }
                    self.answer.head = consume head
                case .body(let piece):
                    self.bodyRead(piece)
                case .end(let trailers):
                    return self.answerRead(trailers, rest: bytes.readableBytes)
                }
            }
            self.settle()
        } catch {
            self.fail(.badAnswer, error)
        }
    }

    private func bodyRead(_ piece: ByteBuffer) {
        guard let pipe = self.answer.pipe else { return self.answer.body.append(piece) }
        if pipe.append(piece) {
            self.watchProgress()
        } else {
            // It is the client that does not take it, and not the server that does not send.
            self.stopWatching()
            self.driver?.pauseReading()
        }
    }

    /// All that could be read was: the head of an answer whose body is still coming goes on, or is kept for longer.
    private func settle() {
        guard let exchange = self.exchange, let head = self.answer.head, !self.answer.isStreaming else { return }
        guard !exchange.wantsWholeAnswer else {
            let announced = self.decoder.remainingBodySize ?? 0
            guard self.answer.body.count + announced <= self.maxWholeAnswer else { return self.fail(.answerTooLarge) }
            guard !self.answer.body.isDetached else { return }
            self.answer.body.detach()
            self.answer.head = head.detached()
            return
        }
        let body = self.answer.body
        let pipe = BodyPipe(size: self.decoder.remainingBodySize.map { $0 + body.count }, producer: self.producer)
        self.answer.pipe = pipe
        self.answer.body = GatheredBody()
        self.answer.head = head.detached()
        if body.count > 0 { _ = pipe.append(body.bytes) }
        self.watchProgress()
        exchange.began(self.answer.head ?? head, pipe)
    }

    private func answerRead(_ trailers: Fields?, rest: Int) {
        guard let exchange = self.exchange, self.answer.head != nil else { return }
        guard !exchange.wantsWholeAnswer || self.answer.body.count <= self.maxWholeAnswer else {
            return self.fail(.answerTooLarge)
        }
        var answer = AnswerReading()
        swap(&answer, &self.answer)
        guard let head = answer.head.take() else { return }
        // What follows an answer was asked for by nobody.
        self.answerEnded(keepsAlive: head.keepsAlive && rest == 0)
        guard let pipe = answer.pipe else {
            let content = answer.body.count > 0 ? Body(answer.body.bytes) : .empty
            return exchange.succeeded(Response(head: consume head, body: content, trailers: trailers))
        }
        exchange.ended(head.status, bytes: pipe.total)
        pipe.finish(trailers: trailers)
    }

    /// The server closed. True if that is what ends its answer.
    func connectionEndsAnswer() -> Bool {
        guard self.answer.head != nil, case .end? = try? self.decoder.inputClosed() else { return false }
        self.answerRead(nil, rest: 1)
        return true
    }

    /// There is room again in the pipe, or nobody wants the rest.
    func answerPipeChanged() {
        guard let pipe = self.answer.pipe else { return }
        guard !pipe.isCancelled else { return self.fail(.clientGone) }
        if self.tunnel?.isServerDone == true { return }
        self.watchProgress()
        self.driver?.resumeReading()
    }
}
