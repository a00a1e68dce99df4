/// How the encoders of HTTP/1.1 are to say where the body ends.
public enum BodyFraming: Hashable, Sendable {
    /// There is no body and no field about it: a request without one, a 1xx or a 204.
    case none
    /// `Content-Length` with this many bytes, which the caller appends behind the head.
    case length(Int)
    /// `Transfer-Encoding: chunked`; the caller goes on with ``ChunkEncoder``.
    case chunked
    /// The end of the connection ends the body. Responses only.
    case untilClose
    /// No body follows, but the fields describe one: the answer to a `HEAD`, a 304. `Content-Length` passes.
    case headOnly
}

/// What a message says about the connection it travels on.
public enum ConnectionDirective: Hashable, Sendable {
    /// Nothing; in HTTP/1.1 the connection stays open.
    case unsaid
    /// `Connection: close`
    case close
    /// `Connection: keep-alive`, for a peer that speaks HTTP/1.0.
    case keepAlive
    /// `Connection: Upgrade`, beside the field `Upgrade`: another protocol is asked for, or follows.
    case upgrade
}

extension BodyFraming {
    /// Upper bound of what ``write(to:)`` writes.
    static let maxBytes = 48

    func write(to writer: inout HeadWriter) {
        switch self {
        case .length(let count):
            writer.write("Content-Length: ")
            writer.write(decimal: max(0, count))
            writer.write("\r\n")
        case .chunked:
            writer.write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose, .headOnly:
            break
        }
    }
}

extension ConnectionDirective {
    /// Upper bound of what ``write(to:)`` writes.
    static let maxBytes = 24

    func write(to writer: inout HeadWriter) {
        switch self {
        case .unsaid: break
        case .close: writer.write("Connection: close\r\n")
        case .keepAlive: writer.write("Connection: keep-alive\r\n")
        case .upgrade: writer.write("Connection: Upgrade\r\n")
        }
    }
}
