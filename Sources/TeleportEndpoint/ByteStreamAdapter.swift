public import NIOCore
public import TeleportTransport

/// Connects a generic stream to the byte-stream seam.
///
/// A generic class that conformed itself would be called through a witness table, which holds unspecialised code: every
/// message would pay for it. These closures are made where the types are known, so what is behind them is specialised;
/// the price is one closure call a batch.
@usableFromInline
final class ByteStreamAdapter: ByteStream {
    @usableFromInline var onOpened: (ConnectionDriver) -> Void = { _ in }
    @usableFromInline var onBytes: (inout ByteBuffer) -> Void = { _ in }
    @usableFromInline var onReadBatchEnded: () -> Void = {}
    @usableFromInline var onBytesWanted: () -> ByteBuffer? = { nil }
    @usableFromInline var onTLSEstablished: () -> Void = {}
    @usableFromInline var onInputClosed: () -> Void = {}
    @usableFromInline var onDeadline: (NIODeadline) -> Void = { _ in }
    @usableFromInline var onWritability: (Bool) -> Void = { _ in }
    @usableFromInline var onClosed: (TransportError) -> Void = { _ in }

    @usableFromInline
    init() {}

    @usableFromInline func connectionOpened(_ driver: ConnectionDriver) { self.onOpened(driver) }
    @usableFromInline func bytesReceived(_ bytes: inout ByteBuffer) { self.onBytes(&bytes) }
    @usableFromInline func readBatchEnded() { self.onReadBatchEnded() }
    @usableFromInline func bytesToSend() -> ByteBuffer? { self.onBytesWanted() }
    @usableFromInline func tlsEstablished() { self.onTLSEstablished() }
    @usableFromInline func inputClosed() { self.onInputClosed() }
    @usableFromInline func deadlineReached(now: NIODeadline) { self.onDeadline(now) }
    @usableFromInline func writabilityChanged(_ isWritable: Bool) { self.onWritability(isWritable) }

    @usableFromInline func connectionClosed(_ cause: TransportError) {
        let onClosed = self.onClosed
        // The closures hold the stream, which holds its driver, which holds this object.
        self.onOpened = { _ in }
        self.onBytes = { _ in }
        self.onReadBatchEnded = {}
        self.onBytesWanted = { nil }
        self.onTLSEstablished = {}
        self.onInputClosed = {}
        self.onDeadline = { _ in }
        self.onWritability = { _ in }
        self.onClosed = { _ in }
        onClosed(cause)
    }
}
