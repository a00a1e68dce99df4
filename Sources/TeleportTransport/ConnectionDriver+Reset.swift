internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

extension ConnectionDriver {
    /// Closes with a reset where the operating system knows one: what the peer has so far cannot be taken for all of it.
    public func reset(_ cause: TransportError) {
        if let options = self.context?.channel as? any SocketOptionProvider {
            // On the loop this takes effect before it returns; where it fails the close is an ordinary one.
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        self.closeNow(cause)
    }
}
