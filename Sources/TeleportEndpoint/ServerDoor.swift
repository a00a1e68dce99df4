internal import Logging
internal import NIOCore
public import TeleportRPC
public import TeleportTransport
internal import TeleportWire

/// What a server sees of a connection before it knows what the client speaks: the first bytes decide (V1-4).
///
/// ```
/// first byte 16: TLS here and now, and v1 inside      68 …, version 00: v0      68 …, version 01: v1
/// ```
///
/// It consumes nothing; whoever takes over reads the preface. Confined to the loop of its connection.
@usableFromInline
final class ServerDoor {
    /// Who takes over, once it is known: made only then.
    @usableFromInline
    struct Ways {
        let v0: () -> Owner
        let v1: () -> Owner

        @usableFromInline
        init(v0: @escaping () -> Owner, v1: @escaping () -> Owner) {
            self.v0 = v0
            self.v1 = v1
        }
    }

    /// A stream that took over.
    @usableFromInline
    struct Owner {
        let takeOver: (ByteStreamAdapter, ConnectionDriver) -> Void
        let drain: () -> Void
        let fail: (RPCError) -> Void

        @usableFromInline
        init(
            takeOver: @escaping (ByteStreamAdapter, ConnectionDriver) -> Void, drain: @escaping () -> Void,
            fail: @escaping (RPCError) -> Void
        ) {
            self.takeOver = takeOver
            self.drain = drain
            self.fail = fail
        }
    }

    private let configuration: ServerConfiguration
    private let ways: Ways
    private let onClosed: () -> Void
    private let adapter = ByteStreamAdapter()
    private var driver: ConnectionDriver?
    private var isEncrypted = false
    private var isDraining = false
    private var owner: Owner?
    /// The owner can tell its client to leave: no call is lost by that.
    private var canSayGoAway = false

    init(configuration: ServerConfiguration, ways: Ways, onClosed: @escaping () -> Void) {
        self.configuration = configuration
        self.ways = ways
        self.onClosed = onClosed
    }

    func makeStream() -> any ByteStream {
        self.adapter.onOpened = { driver in
            self.driver = driver
            if self.isDraining { return self.refuse("The server is shutting down.") }
            driver.setDeadline((driver.eventLoop?.now ?? .now()) + self.configuration.handshakeTimeout)
        }
        self.adapter.onBytes = { self.received(&$0) }
        self.adapter.onInputClosed = { self.refuse("The client closed the connection before the handshake.") }
        self.adapter.onDeadline = { _ in self.refuse("The client did not complete the handshake within the limit.") }
        self.adapter.onClosed = { cause in
            self.configuration.logger.debug("connection ended", metadata: ["reason": "\(cause)"])
            self.driver = nil
            self.onClosed()
        }
        return self.adapter
    }

    /// The server shuts down.
    func drain() {
        if let owner = self.owner { return owner.drain() }
        self.isDraining = true
        self.refuse("The server is shutting down.")
    }

    /// Has the client leave if that costs it nothing. A v0 client cannot be told: what it is just sending would be lost.
    func retire() {
        if self.canSayGoAway { self.owner?.drain() }
    }

    /// And has waited long enough.
    func fail(_ error: RPCError) {
        if let owner = self.owner { return owner.fail(error) }
        self.refuse(error.message)
    }

    private func refuse(_ why: String) {
        self.driver?.closeNow(TransportError(.closedLocally, why))
    }

    private func received(_ bytes: inout ByteBuffer) {
        guard let driver = self.driver else { return }
        let wire = self.configuration.wire
        if let tls = self.configuration.tls, !self.isEncrypted, wire.permitsV1(self.configuration.identity),
            bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 0x16
        {
            self.isEncrypted = true
            let rest = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
            return driver.startTLS(tls.offering(WireVersion.applicationProtocol), received: rest)
        }
        switch self.version(of: bytes) {
        case .undecided: break
        case .v0: self.handOver(self.ways.v0, driver, &bytes)
        case .v1 where self.configuration.tls != nil && !self.isEncrypted && !self.configuration.allowPlaintext:
            self.refuse("The client asks for a plain connection; this server has TLS.")
        case .v1:
            self.canSayGoAway = true
            self.handOver(self.ways.v1, driver, &bytes)
        }
    }

    private enum Version {
        case undecided, v0, v1
    }

    /// What the first bytes say. What fits neither is v0's to refuse; inside TLS from the first byte, v1's.
    private func version(of bytes: ByteBuffer) -> Version {
        let (wire, identity) = (self.configuration.wire, self.configuration.identity)
        if self.isEncrypted || !wire.permitsV0 { return .v1 }
        guard wire.permitsV1(identity) else { return .v0 }
        let view = bytes.readableBytesView
        let magic = identity.magic
        guard view.elementsEqual(magic.prefix(view.count)) || view.starts(with: magic) else { return .v0 }
        guard view.count > magic.count else { return .undecided }
        return view[view.startIndex + magic.count] == self.configuration.framedIdentity.version ? .v1 : .v0
    }

    private func handOver(_ way: () -> Owner, _ driver: ConnectionDriver, _ bytes: inout ByteBuffer) {
        let owner = way()
        // From here on the adapter's closures are the owner's.
        owner.takeOver(self.adapter, driver)
        self.owner = owner
        self.driver = nil
        self.adapter.onBytes(&bytes)
    }
}
