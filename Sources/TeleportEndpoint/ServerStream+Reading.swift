public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// From received bytes to handlers, and when not to read.
extension ServerStream {
    @inlinable
    func received(_ bytes: inout ByteBuffer) {
        if case .awaitingPreface = self.phase {
            guard self.receivePreface(&bytes) else { return }
        }
        guard case .open = self.phase else { return }
        self.isDecoding = true
        defer { self.isDecoding = false }
        do throws(RPCError) {
            try self.inbound?.receive(&bytes) { self.decode(&$0) }
        } catch {
            self.fail(error)
        }
        guard let inbound = self.inbound, inbound.hasYielded, case .open = self.phase else { return }
        self.pauseReading(.yielding)
        self.connection.executor.eventLoop.assumeIsolated().execute { self.resumeReading(.yielding) }
    }

    /// Decodes and dispatches all whole requests. Returns false to stop.
    @inlinable
    func decode(_ bytes: inout ByteBuffer) -> Bool {
        while self.pause.isEmpty {
            let id: CallID
            if let begun = self.requestedID {
                id = begun
            } else {
                guard let next = CallID.decode(from: &bytes) else { return true }
                id = next
                self.requestedID = next
            }
            do throws(RPCError) {
                guard let received = try self.decoder.decode(from: &bytes) else { return true }
                self.requestedID = nil
                switch received {
                case .request(let request):
                    self.dispatch(request, id: id)
                case .refused(let response):
                    self.connection.answer(id, with: response)
                case .unreadable(let response, let error):
                    self.connection.answer(id, with: response)
                    self.finish(because: error)
                }
            } catch {
                self.fail(error)
            }
        }
        return false
    }

    @inlinable
    func dispatch(_ request: Codec.Request, id: CallID) {
        guard self.connection.load.enter() else {
            return self.connection.answer(
                id, with: self.codec.response(to: .tooManyConcurrent(limit: self.configuration.maxConcurrent)))
        }
        switch self.connection.state.withLock({ $0.machine.requestReceived(id) }) {
        case .dispatch(let token):
            // Set before the handler runs: it may answer at once, which takes it back.
            if self.configuration.limits.serial { self.pauseReading(.serial) }
            self.handler.handle(request, Responder(connection: self.connection, token: token))
        case .refuseTooManyConcurrent:
            self.connection.load.leave()
            self.connection.answer(
                id,
                with: self.codec.response(to: .tooManyConcurrent(limit: self.configuration.limits.maxConcurrent)))
        case .drop:
            self.connection.load.leave()
        }
    }

    @inlinable
    func pauseReading(_ reason: Pause) {
        self.pause.insert(reason)
        self.driver?.pauseReading()
    }

    @inlinable
    func resumeReading(_ reason: Pause) {
        guard self.pause.contains(reason) else { return }
        self.pause.remove(reason)
        guard self.pause.isEmpty, let driver = self.driver else { return }
        // A handler that answers at once ends the pause that its own request began: the loop over requests goes on.
        guard !self.isDecoding else { return driver.resumeReading() }
        // What was expanded before the pause comes first; then what the driver holds.
        var nothing = ByteBuffer()
        self.received(&nothing)
        if self.pause.isEmpty { driver.resumeReading() }
    }

    /// While the peer does not read its answers, its requests are not read.
    @inlinable
    func updateBackPressure() {
        guard let driver = self.driver else { return }
        let waiting = self.connection.state.withLock { $0.outbound.readableBytes }
        if waiting > self.configuration.outboundHighMark || !driver.isWritable {
            self.pauseReading(.outboundFull)
        } else {
            self.resumeReading(.outboundFull)
        }
    }
}
