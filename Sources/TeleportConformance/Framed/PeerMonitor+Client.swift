/// What a client under test may send (sections 3, 4 and 7).
extension PeerMonitor {
    /// What the tool sent as a server.
    mutating func sentToClient(_ frame: Frame) {
        guard self.exchanges[frame.stream] != nil else { return }
        switch frame.kind {
        case .response, .data, .trailers:
            self.exchanges[frame.stream]?.isAnswerBegun = true
            if frame.flags.contains(.end) { self.exchanges[frame.stream]?.terminal = .end }
        case .cancel:
            if frame.cancelCode == .noError {
                self.exchanges[frame.stream]?.isStopped = true
            } else {
                self.exchanges[frame.stream]?.terminal = .cancelled(frame.cancelCode ?? .internal)
            }
        case .settings, .request, .secrets, .credit, .ping, .pong, .goAway, nil: break
        }
    }

    /// A frame of a stream came from the client.
    mutating func requestReceived(_ frame: Frame) throws(Fault) {
        switch frame.kind {
        case .response: throw Fault("V1-34", "\(frame.words) from a client")
        case .request: return try self.requestOpened(frame)
        case .secrets: return try self.secretsReceived(frame)
        default: break
        }
        guard var exchange = self.exchanges[frame.stream] else {
            throw Fault("V1-34", "\(frame.words), though that stream was never opened")
        }
        if frame.kind == .cancel {
            // More of them are read over (V1-36).
            if exchange.requestCancelled == nil { exchange.requestCancelled = frame.cancelCode }
        } else {
            guard exchange.requestCancelled == nil else { throw Fault("V1-36", "\(frame.words) behind CANCEL") }
            guard !exchange.isRequestEnded else { throw Fault("V1-34", "\(frame.words) behind END") }
            try self.checkSensitivity(frame, of: exchange)
            if frame.kind == .data {
                try self.dataReceived(frame)
                exchange.requestBody.append(data: frame.payload)
            } else {
                exchange.requestTrailers = try HeadReader.trailers(frame.payload)
            }
            if frame.flags.contains(.end) { try Self.requestEnded(&exchange) }
        }
        self.exchanges[frame.stream] = exchange
    }

    private mutating func requestOpened(_ frame: Frame) throws(Fault) {
        guard !self.isDraining else { throw Fault("V1-51", "\(frame.words) behind a GOAWAY that it knows of") }
        guard self.exchanges[frame.stream].map({ $0.isClosed }) ?? true else {
            throw Fault("V1-30", "\(frame.words) on a stream that is live")
        }
        guard frame.stream == self.lastStream &+ 1 else {
            throw Fault("V1-30", "\(frame.words) behind stream \(self.lastStream): ids count up by one")
        }
        self.lastStream = frame.stream
        let payload = try RequestPayload(frame)
        var exchange = Exchange(id: frame.stream, flags: frame.flags)
        let secrets = self.earlySecrets.removeValue(forKey: frame.stream)
        try Self.check(secrets, for: payload.head.fields)
        exchange.request = payload
        exchange.isHead = payload.head.methodName == "HEAD"
        exchange.requestBody.bytes = payload.body
        if frame.flags.contains(.end) { try Self.requestEnded(&exchange) }
        self.exchanges[frame.stream] = exchange
        let live = self.exchanges.values.count { !$0.isClosed && $0.terminal == nil }
        guard !self.isSettled || live <= self.own(.streams) else {
            throw Fault("V1-43", "\(frame.words): stream \(live) at the same time, where \(self.own(.streams)) may be")
        }
    }

    private mutating func secretsReceived(_ frame: Frame) throws(Fault) {
        guard self.exchanges[frame.stream] == nil, Int32(bitPattern: frame.stream &- self.lastStream) > 0 else {
            throw Fault("V1-65", "\(frame.words) behind the head that it could belong to")
        }
        guard self.earlySecrets[frame.stream] == nil else { throw Fault("V1-65", "\(frame.words) twice") }
        self.earlySecrets[frame.stream] = try HeadReader.secrets(frame.payload)
    }

    private static func requestEnded(_ exchange: inout Exchange) throws(Fault) {
        exchange.isRequestEnded = true
        try self.checkLength(exchange.request?.head.fields ?? [], exchange.requestBody.bytes.count)
    }
}
