public import struct NIOCore.ByteBuffer
public import struct NIOCore.NIODeadline

/// The seam between sockets and protocols: what a ``ConnectionDriver`` drives.
///
/// A byte stream knows no socket. It is told what arrived and what time it is, and asked what to send. All of it happens
/// on the event loop of the connection, so a conforming class needs no locks for what only these methods touch.
///
/// The order of events: ``connectionOpened(_:)``; then any of the others; ``connectionClosed(_:)`` once, last.
public protocol ByteStream: AnyObject {
    /// The connection is established (and, where TLS comes first, the handshake done). Keep `driver` to act on it.
    func connectionOpened(_ driver: ConnectionDriver)

    /// Bytes arrived. Consume what you can from the front; the rest is offered again together with what follows.
    ///
    /// The driver never writes into a buffer that was offered, so slices of it stay what they are.
    func bytesReceived(_ bytes: inout ByteBuffer)

    /// All bytes that could be read for now were offered: the moment to act on a batch.
    func readBatchEnded()

    /// The next batch to send, if any. Called when it is time to flush; whatever is waiting should be in it.
    func bytesToSend() -> ByteBuffer?

    /// The handshake of a TLS upgrade is done; what follows is encrypted.
    func tlsEstablished()

    /// The peer sends nothing more; it may still read.
    func inputClosed()

    /// The time set by ``ConnectionDriver/setDeadline(_:)`` has come.
    func deadlineReached(now: NIODeadline)

    /// The socket takes bytes again (true), or has more than enough of them for now (false).
    func writabilityChanged(_ isWritable: Bool)

    /// The connection is gone, for this reason. Nothing follows.
    func connectionClosed(_ cause: TransportError)
}

extension ByteStream {
    public func readBatchEnded() {}
    public func tlsEstablished() {}
    public func deadlineReached(now: NIODeadline) {}
    public func writabilityChanged(_ isWritable: Bool) {}
}
