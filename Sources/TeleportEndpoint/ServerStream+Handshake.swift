public import NIOCore
internal import Synchronization
internal import TeleportRPC
internal import TeleportTransport
internal import TeleportWire

/// Preface and TLS.
extension ServerStream {
    @usableFromInline
    func handshakeTimedOut() {
        self.fail(RPCError(.handshakeFailed, "The client did not complete the handshake within the limit."))
    }

    /// - Returns: whether the connection is open now and there may be more to read.
    @usableFromInline
    func receivePreface(_ bytes: inout ByteBuffer) -> Bool {
        let preface: PrefaceV0
        do throws(WireError) {
            guard let decoded = try PrefaceV0.decode(identity: self.configuration.identity, from: &bytes) else {
                return false
            }
            preface = decoded
        } catch {
            let failure = RPCError(.handshakeFailed, "The client's handshake is not acceptable.", cause: error)
            if case .unknownCompression = error.code {
                self.refuseHandshake(tls: false, failure)
            } else {
                self.fail(failure)
            }
            return false
        }
        switch (preface.tls, self.configuration.tls) {
        case (false, nil):
            self.established(preface, tls: false)
            return true
        case (false, _?) where self.configuration.allowPlaintext:
            self.established(preface, tls: false)
            return true
        case (true, let tls?):
            self.phase = .awaitingTLS(preface)
            self.sendPreface(tls: true)
            let rest = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
            self.driver?.startTLS(tls, received: rest)
        case (true, nil):
            self.refuseHandshake(
                tls: false, RPCError(.handshakeFailed, "The client asks for TLS, which is not configured here."))
        case (false, _?):
            self.refuseHandshake(
                tls: true, RPCError(.handshakeFailed, "The client asks for a plain connection; this server has TLS."))
        }
        return false
    }

    @usableFromInline
    func tlsEstablished() {
        guard case .awaitingTLS(let preface) = self.phase else { return }
        self.established(preface, tls: true)
    }

    func established(_ preface: PrefaceV0, tls: Bool) {
        self.phase = .open
        // A megabyte at a time: what is small on the wire may be a great many requests.
        self.inbound = InboundPath(
            preface.compression, piecesPerTurn: 16,
            meter: self.configuration.meter(on: self.connection.executor.eventLoop))
        self.driver?.setDeadline(nil)
        if !tls { self.sendPreface(tls: false) }
    }

    func sendPreface(tls: Bool) {
        var preface = ByteBuffer()
        PrefaceV0(compression: CompressionTag(self.configuration.compression), tls: tls)
            .encode(identity: self.configuration.identity, into: &preface)
        self.prefaceToSend = preface
        self.driver?.flush()
    }

    /// Tells the peer what this side speaks, which is all that v0 has to tell it why, and closes.
    func refuseHandshake(tls: Bool, _ error: RPCError) {
        self.violation = error
        self.phase = .finishing
        self.driver?.setDeadline(nil)
        self.sendPreface(tls: tls)
        self.driver?.closeGracefully()
    }
}
