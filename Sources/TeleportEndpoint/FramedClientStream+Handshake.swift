public import NIOCore
internal import Synchronization
internal import TeleportRPC
public import TeleportTransport
internal import TeleportWire

/// The preface, and what becomes of calls that waited for it (rules V1-1 to V1-5).
extension FramedClientStream {
    @usableFromInline
    func opened(_ driver: ConnectionDriver) {
        self.driver = driver
        guard case .connecting = self.phase else {
            return driver.closeNow(TransportError(.closedLocally, "Nobody waits for this connection any more."))
        }
        self.phase = .awaitingPreface
        var preface = ByteBuffer()
        PrefaceV1(decodes: .all).encode(identity: self.connection.configuration.framedIdentity, into: &preface)
        self.ahead = preface
        driver.setDeadline(self.handshakeDeadline)
        driver.flush()
    }

    /// - Returns: whether the connection is open now and there may be more to read.
    @usableFromInline
    func receivePreface(_ bytes: inout ByteBuffer) -> Bool {
        self.hasHeard = self.hasHeard || bytes.readableBytes > 0
        do throws(WireError) {
            guard
                let preface = try PrefaceV1.decode(
                    identity: self.connection.configuration.framedIdentity, from: &bytes)
            else { return false }
            self.prefaceReceived(preface)
            return true
        } catch {
            self.fail(RPCError(.handshakeFailed, "The server's handshake is not acceptable.", cause: error))
            return false
        }
    }

    private func prefaceReceived(_ preface: PrefaceV1) {
        self.phase = .open
        self.output.peerDecodes(preface.decodes)
        self.liveliness.bytesReceived(now: self.now)
        self.connection.state.withLock { $0.outbox.settings(self.connection.configuration.settings) }
    }

    /// The server's SETTINGS are here: they come with its preface, and say how many calls there may be. Before, more might be
    /// made than it takes, and be refused (V1-25).
    @usableFromInline
    func settled() {
        self.isEstablished = true
        self.driver?.setDeadline(nil)
        self.connection.state.withLock { $0.machine.opened() }
        self.onEstablished(nil)
        self.admitWaiting()
        if self.closesWhenEstablished { self.closeIdle() }
    }

    @usableFromInline
    func handshakeTimedOut() {
        self.fail(
            RPCError(
                .handshakeFailed,
                "The server accepted the connection, but did not complete the handshake within the limit."))
    }

    /// Gives places to calls that wait, as far as there are places.
    @usableFromInline
    func admitWaiting() {
        var failed: [(Connection.Waiting, RPCError)] = []
        var stranded: [Connection.Waiting] = []
        var uploads: [Connection.Upload] = []
        var signal: Connection.Signal = []
        let now = self.now
        self.connection.state.withLock { state in
            while !state.waiting.isEmpty, case .admit(let id) = state.machine.callRequested() {
                let call = state.waiting.removeFirst()
                do throws(RPCError) {
                    let upload = try self.connection.append(
                        call.request, self.connection.codec.outboundRequest(call.request), id: id,
                        deadline: call.deadline, now: now, completion: call.completion, &state, &signal)
                    if let upload { uploads.append(upload) }
                    call.handle.placed { [connection = self.connection] in
                        // Not in place: the lock is held here.
                        connection.eventLoop.execute { connection.cancel(id) }
                    }
                } catch {
                    failed.append((call, error))
                }
            }
            stranded = state.takeStranded()
            if state.waiting.isEmpty { state.earliestWaiting = .never }
        }
        for upload in uploads { self.connection.start(upload) }
        for (call, error) in failed { call.completion?.fail(error) }
        for call in stranded { call.completion?.fail(RPCError(answeredBy: .refused)) }
        if !signal.isEmpty { self.signalled(signal) }
    }
}
