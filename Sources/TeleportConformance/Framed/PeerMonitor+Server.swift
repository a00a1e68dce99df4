/// What a server under test may send (sections 3, 4 and 7).
extension PeerMonitor {
    /// What the tool sent as a client.
    mutating func sentToServer(_ frame: Frame) {
        switch frame.kind {
        case .request:
            self.lastStream = frame.stream
            var exchange = Exchange(id: frame.stream, flags: frame.flags)
            // Malformed heads are sent too; what matters is the method of those that are not.
            exchange.isHead = (try? RequestPayload(frame))?.head.methodName == "HEAD"
            exchange.isRequestEnded = frame.flags.contains(.end)
            self.exchanges[frame.stream] = exchange
        case .data, .trailers:
            if frame.flags.contains(.end) { self.exchanges[frame.stream]?.isRequestEnded = true }
        case .cancel:
            self.exchanges[frame.stream]?.requestCancelled = frame.cancelCode
        case .settings, .response, .secrets, .credit, .ping, .pong, .goAway, nil: break
        }
    }

    /// A frame of a stream came from the server.
    mutating func answerReceived(_ frame: Frame) throws(Fault) {
        guard frame.kind != .request else { throw Fault("V1-30", "\(frame.words) from a server") }
        guard var exchange = self.exchanges[frame.stream] else {
            throw Fault("V1-34", "\(frame.words), though that stream was never opened")
        }
        if frame.kind == .cancel {
            try Self.cancelReceived(frame, &exchange)
        } else {
            guard exchange.terminal == nil else {
                throw Fault("V1-33", "\(frame.words) behind the terminal frame of its stream")
            }
            try self.checkSensitivity(frame, of: exchange)
            switch frame.kind {
            case .response: try Self.responseReceived(frame, &exchange)
            case .secrets:
                guard exchange.answerSecrets == nil, exchange.head == nil else {
                    throw Fault("V1-65", "\(frame.words) twice for a head, or behind it")
                }
                exchange.answerSecrets = try HeadReader.secrets(frame.payload)
            case .data:
                guard exchange.head != nil else { throw Fault("V1-32", "\(frame.words) before the head") }
                try self.dataReceived(frame)
                exchange.body.append(data: frame.payload)
            case .trailers:
                guard exchange.head != nil else { throw Fault("V1-32", "\(frame.words) before the head") }
                exchange.trailers = try HeadReader.trailers(frame.payload)
            case .settings, .request, .cancel, .credit, .ping, .pong, .goAway, nil: break
            }
            if frame.flags.contains(.end) { try Self.answerEnded(&exchange) }
        }
        self.exchanges[frame.stream] = exchange
    }

    private static func responseReceived(_ frame: Frame, _ exchange: inout Exchange) throws(Fault) {
        guard exchange.head == nil else { throw Fault("V1-32", "\(frame.words): a second head") }
        let payload = try ResponsePayload(frame.payload)
        guard let head = payload.head else {
            guard exchange.isOneWay, frame.flags.contains(.end) else {
                throw Fault("V1-35", "an empty RESPONSE to a request that wants an answer")
            }
            exchange.terminal = .acknowledged
            return
        }
        guard !exchange.isOneWay else { throw Fault("V1-35", "\(frame.words) to a one-way request") }
        try self.check(exchange.answerSecrets, for: head.fields)
        exchange.answerSecrets = nil
        let isInterim = frame.flags.contains(.interim)
        try self.check(head, frame.flags)
        guard isInterim else {
            exchange.head = head
            exchange.body.bytes = payload.body
            return
        }
        guard !frame.flags.contains(.end), payload.body.isEmpty else {
            throw Fault("V1-21", "INTERIM with END or a body")
        }
        exchange.informational.append(head)
        guard exchange.informational.count <= 8 else { throw Fault("V1-32", "more than 8 informational answers") }
    }

    private static func answerEnded(_ exchange: inout Exchange) throws(Fault) {
        guard exchange.terminal == nil else { return }
        exchange.terminal = .end
        guard let head = exchange.head else { return }
        let count = exchange.body.bytes.count
        if exchange.isHead || head.status == 304 || head.status == 204 {
            guard count == 0 else { throw Fault("V1-64", "\(count) bytes of body where none can be") }
        } else {
            try self.checkLength(head.fields, count)
        }
    }

    private static func cancelReceived(_ frame: Frame, _ exchange: inout Exchange) throws(Fault) {
        let code = frame.cancelCode ?? .noError
        if code == .noError {
            guard exchange.terminal != nil else {
                throw Fault("V1-33", "\(frame.words) before the terminal frame of its stream")
            }
            guard !exchange.isStopped else { throw Fault("V1-33", "\(frame.words) twice") }
            exchange.isStopped = true
        } else {
            guard exchange.terminal == nil else {
                throw Fault("V1-33", "\(frame.words) behind the terminal frame of its stream")
            }
            exchange.terminal = .cancelled(code)
        }
    }
}
