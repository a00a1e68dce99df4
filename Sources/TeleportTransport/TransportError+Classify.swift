internal import NIOCore
internal import NIOPosix
internal import NIOSSL

extension TransportError {
    /// What an error of the sockets or of TLS means to a connection that was established.
    init(classifying error: any Error) {
        switch error {
        case let error as TransportError:
            self = error
        case let error as NIOSSLError:
            switch error {
            case .uncleanShutdown:
                self.init(.closedByPeer, "The peer closed the connection without ending TLS.", cause: error)
            default:
                self.init(.tlsFailed, "The TLS handshake failed.", cause: error)
            }
        case is NIOSSLExtraError:
            self.init(.tlsFailed, "The peer's certificate does not verify.", cause: error)
        case is BoringSSLError:
            self.init(.tlsFailed, "TLS failed.", cause: error)
        case let error as IOError where error.errnoCode == ECONNRESET:
            self.init(.broken, "The peer reset the connection.", cause: error)
        default:
            self.init(.broken, "The connection broke.", cause: error)
        }
    }

    /// What an error means to a connection that was being made to `address`.
    init(connectingTo address: TransportAddress, failedWith error: any Error) {
        switch error {
        case let error as TransportError:
            self = error
        case ChannelError.connectTimeout:
            self.init(.timedOut, "Connecting to \(address) took too long.", cause: error)
        case let error as NIOConnectionError where error.connectionErrors.isEmpty:
            self.init(
                .connectFailed,
                """
                No connection to \(address) could be made: the name "\(error.host)" could not be resolved. Check its \
                spelling, and this machine's name servers.
                """,
                cause: error.dnsAError ?? error.dnsAAAAError ?? error)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            self.init(classifying: error)
        default:
            self.init(.connectFailed, "No connection to \(address) could be made.", cause: error)
        }
    }
}
