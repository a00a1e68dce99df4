public import NIOCore
internal import NIOSSL

extension ConnectionDriver {
    /// Turns this client connection to TLS, here and now: the next bytes each way are the handshake. The stream is told
    /// ``ByteStream/tlsEstablished()`` or ``ByteStream/connectionClosed(_:)``.
    ///
    /// - Parameter bytes: what was received behind the last plain byte; it belongs to TLS already.
    public func startTLS(_ tls: ClientTLS, host: String?, received bytes: ByteBuffer) {
        self.requiredProtocol = tls.applicationProtocol
        self.insert(received: bytes) {
            try NIOSSLClientHandler.make(tls, host: host)
        }
    }

    /// Turns this server connection to TLS; see ``startTLS(_:host:received:)``.
    public func startTLS(_ tls: ServerTLS, received bytes: ByteBuffer) {
        self.requiredProtocol = tls.applicationProtocol
        self.insert(received: bytes) {
            NIOSSLServerHandler(context: tls.context)
        }
    }

    private func insert(received bytes: ByteBuffer, _ makeHandler: () throws -> some ChannelHandler) {
        guard let context = self.context else { return }
        do {
            let handler = try makeHandler()
            let pipeline = context.channel.pipeline.syncOperations
            // What counts at the socket has counted `bytes` already. It is below before TLS says its first word.
            let meter = self.meter.take().map { TrafficMeter($0) }
            if let meter { try pipeline.addHandler(meter, position: .first) }
            try pipeline.addHandler(handler, position: meter.map { .after($0) } ?? .first)
            // TLS keeps the end of this read batch to itself when it has nothing to pass on.
            self.readBatchIsOver()
            guard bytes.readableBytes > 0 else { return }
            if let meter { return meter.passOn(bytes) }
            context.channel.pipeline.fireChannelRead(bytes)
            context.channel.pipeline.fireChannelReadComplete()
        } catch {
            self.closeNow(TransportError(classifying: error))
        }
    }
}

extension NIOSSLClientHandler {
    /// A handler that verifies `tls.serverName`, or else `host`. An address is no server name: it is verified, but not
    /// sent.
    static func make(_ tls: ClientTLS, host: String?) throws -> NIOSSLClientHandler {
        let name = tls.serverName ?? host
        let isAddress = name.map { (try? SocketAddress(ipAddress: $0, port: 0)) != nil } ?? false
        return try NIOSSLClientHandler(context: tls.context, serverHostname: isAddress ? nil : name)
    }
}
