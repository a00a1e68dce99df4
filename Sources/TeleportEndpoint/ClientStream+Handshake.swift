public import NIOCore
internal import Synchronization
internal import TeleportRPC
public import TeleportTransport
internal import TeleportWire

/// Preface and TLS.
extension ClientStream {
    @usableFromInline
    func opened(_ driver: ConnectionDriver) {
        self.driver = driver
        guard case .connecting = self.phase else {
            return driver.closeNow(TransportError(.closedLocally, "Nobody waits for this connection any more."))
        }
        self.phase = .awaitingPreface
        let configuration = self.connection.configuration
        var preface = ByteBuffer()
        PrefaceV0(compression: CompressionTag(configuration.compression), tls: configuration.tls != nil)
            .encode(identity: configuration.identity, into: &preface)
        self.prefaceToSend = preface
        driver.setDeadline(self.handshakeDeadline)
        driver.flush()
    }

    /// - Returns: whether the connection is open now and there may be more to read.
    @usableFromInline
    func receivePreface(_ bytes: inout ByteBuffer) -> Bool {
        let configuration = self.connection.configuration
        let preface: PrefaceV0
        do throws(WireError) {
            guard let decoded = try PrefaceV0.decode(identity: configuration.identity, from: &bytes) else {
                return false
            }
            preface = decoded
        } catch {
            self.fail(RPCError(.handshakeFailed, "The server's handshake is not acceptable.", cause: error))
            return false
        }
        switch (configuration.tls, preface.tls) {
        case (nil, false):
            self.established(preface)
            return true
        case (let tls?, true):
            self.phase = .awaitingTLS(preface)
            let rest = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
            self.driver?.startTLS(tls, host: configuration.address.host, received: rest)
        case (_?, false):
            self.fail(
                RPCError(.handshakeFailed, "TLS is asked for, but the server does not offer it. Configure it there."))
        case (nil, true):
            self.fail(RPCError(.handshakeFailed, "The server insists on TLS. Configure it here."))
        }
        return false
    }

    @usableFromInline
    func tlsEstablished() {
        guard case .awaitingTLS(let preface) = self.phase else { return }
        self.established(preface)
    }

    func established(_ preface: PrefaceV0) {
        self.phase = .open
        self.inbound = InboundPath(
            preface.compression, meter: self.connection.configuration.meter(on: self.connection.eventLoop))
        self.driver?.setDeadline(nil)
        self.connection.state.withLock { $0.machine.connected() }
        self.onEstablished(nil)
        self.driver?.flush()
        if self.closesWhenEstablished { self.closeIdle() }
    }

    @usableFromInline
    func handshakeTimedOut() {
        self.fail(
            RPCError(
                .handshakeFailed,
                "The server accepted the connection, but did not complete the handshake within the limit."))
    }
}
