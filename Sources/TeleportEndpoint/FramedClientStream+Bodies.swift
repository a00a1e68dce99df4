public import NIOCore
public import Synchronization
public import TeleportRPC
public import TeleportTransport
public import TeleportWire

/// Bodies that go on behind the first frame of their message.
extension FramedClientStream {
    // MARK: Requests

    /// A request whose body goes on was put into the outbox.
    @usableFromInline
    func started(_ upload: Connection.Upload) {
        // It may have ended meanwhile.
        guard self.isOpen, self.connection.state.withLock({ $0.machine.isUploading(upload.id) }) else {
            return upload.rest.begin().cancel()
        }
        let (id, pipe) = (upload.id, upload.rest.begin())
        pipe.attach(
            .consumer(on: self.connection.eventLoop) { [connection = self.connection] in
                connection.stream.value?.uploadChanged(id)
            })
        self.senders.add(id, pipe, isSensitive: upload.isSensitive)
        self.driver?.scheduleFlush()
    }

    private func uploadChanged(_ id: CallID) {
        if self.senders.wake(id) { self.driver?.scheduleFlush() }
    }

    /// Adds DATA to the batch that leaves.
    @inlinable
    func fillBodies() {
        var left = BodySenders.batchLimit
        while left > 0 {
            let turn = self.senders.takeTurn(
                into: &self.output.batch,
                allowance: { id in
                    self.connection.state.withLock { $0.machine.isUploading(id) ? $0.machine.allowance(id) : nil }
                },
                encodeTrailers: {
                    try self.connection.codec.encodeTrailers($0, into: &$1)
                    let limit = self.connection.state.withLock { $0.machine.peerHeadLimit }
                    guard $1.readableBytes <= limit else { throw self.connection.headTooLarge }
                })
            switch turn {
            case nil:
                return
            case .wrote(let id, let count, let ends):
                self.connection.state.withLock { $0.machine.dataEncoded(id, count: count, ends: ends) }
                left -= count
                if ends { self.connection.eventLoop.assumeIsolated().execute { self.uploadEnded() } }
            case .failed(let id, let error):
                self.uploadFailed(id, error)
            }
        }
        // The rest in the next turn of the loop, if the socket takes it.
        self.connection.eventLoop.assumeIsolated().execute { self.driver?.scheduleFlush() }
    }

    /// The stream may be over with it, and its place free.
    @usableFromInline
    func uploadEnded() {
        guard self.isOpen else { return }
        self.admitWaiting()
        self.closeIfFinished()
    }

    /// The source of a body failed: the call fails with its error.
    @usableFromInline
    func uploadFailed(_ id: CallID, _ error: RPCError) {
        let call = self.connection.state.withLock { state -> Connection.Call? in
            switch state.machine.callCancelled(id) {
            case .none:
                return nil
            case .stop:
                self.output.batch.cancel(id, .cancelled)
                return nil
            case .cancel(let call):
                self.output.batch.cancel(id, .cancelled)
                return call
            }
        }
        call?.completion?.fail(Self.brokenUpload(error))
        self.connection.eventLoop.assumeIsolated().execute {
            // An answer that is being read breaks off too.
            self.receivers.fail(id, Self.brokenUpload(error))
            self.uploadEnded()
        }
    }

    private static func brokenUpload(_ error: RPCError) -> RPCError {
        RPCError(.unsendable, "The body of the request broke off.", possiblyExecuted: true, cause: error)
    }

    // MARK: Answers

    /// The connection as the producer of an answer's body.
    @inlinable
    func producer(of id: CallID) -> BodyPipe.Side {
        .producer(on: self.connection.eventLoop) { [connection = self.connection] in
            connection.stream.value?.downloadChanged(id)
        }
    }

    /// The caller took something, or wants no more.
    @inlinable
    func downloadChanged(_ id: CallID) {
        let change = self.receivers.changed(id)
        if change.taken > 0 { self.give(change.taken, id) }
        if change.isUnwanted { self.cancelUnwanted(id) }
    }

    @usableFromInline
    func cancelUnwanted(_ id: CallID) { self.connection.cancel(id) }

    @inlinable
    func give(_ count: Int, _ id: CallID) {
        let now = self.now
        let gave = self.connection.state.withLock { state in
            state.give(state.machine.dataConsumed(id, count: count, now: now), to: id)
        }
        if gave { self.driver?.scheduleFlush() }
    }

    @inlinable
    func receiveBody(_ action: ClientStreamMachine<Connection.Call>.BodyAction, _ frame: Frame) {
        guard let id = frame.header.stream else { return }
        switch action {
        case .drop(let grant):
            if self.connection.state.withLock({ $0.give(grant, to: id) }) { self.driver?.scheduleFlush() }
        case .deliver(let ends):
            let delivery =
                frame.header.type == .trailers
                ? self.receiveTrailers(id, frame.payload) : self.receivers.deliver(frame.payload, to: id, ends: ends)
            switch delivery {
            case .delivered:
                break
            case .unknown:
                self.give(frame.header.type == .data ? frame.header.length : 0, id)
            case .unacceptable(let excess):
                self.breakOff(id, excess)
            }
        }
    }

    /// An answer is not as long as its head says, or too long.
    @usableFromInline
    func breakOff(_ id: CallID, _ excess: BodyPipe.Excess) {
        self.receivers.fail(id, RPCError(.unacceptableAnswer, excess.message, possiblyExecuted: true))
        self.connection.cancel(id, code: excess.code)
    }

    @usableFromInline
    func receiveTrailers(_ id: CallID, _ bytes: ByteBuffer) -> BodyReceivers.Delivery {
        do throws(RPCError) {
            return self.receivers.finish(id, trailers: try self.connection.codec.decodeTrailers(bytes))
        } catch {
            self.receivers.fail(id, error)
            return .delivered
        }
    }

    /// The caller leaves an answer unread for too long.
    func cancelSlow(_ id: CallID) {
        self.receivers.fail(
            id, RPCError(.timedOut, "The body was left unread for too long.", possiblyExecuted: true))
        self.connection.cancel(id, code: .slow)
    }

    /// The stream is over for its caller.
    func dropBodies(of id: CallID) {
        self.senders.remove(id)
        self.receivers.fail(id, RPCError(.cancelled, "The call was cancelled.", possiblyExecuted: true))
    }
}

extension FramedClientConnection.State {
    /// Puts credit into the outbox. True if there was any.
    @inlinable
    mutating func give(_ grant: CreditGrant, to id: CallID) -> Bool {
        if let bytes = grant.stream { self.outbox.credit(bytes, to: id) }
        if let bytes = grant.connection { self.outbox.credit(bytes, to: nil) }
        return !grant.isEmpty
    }
}
