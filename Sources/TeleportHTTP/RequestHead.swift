public import struct NIOCore.ByteBuffer

/// The head of a request: method, target, version and fields.
///
/// **Ownership.** A head that was parsed is two views of the buffer it was received in plus one array of entries, the only
/// allocation. It keeps that block alive; ``detached()`` copies it out.
public struct RequestHead: Sendable, Equatable {
    /// The method.
    public var method: HTTPMethod
    /// The version the request came in. Encoders always write `HTTP/1.1`.
    public var version: HTTPVersion
    /// The fields in order.
    public var fields: Fields
    /// The target as it stands in the request line, byte for byte: nothing is decoded, resolved or normalised.
    ///
    /// It is checked when the head is encoded.
    public var targetBytes: ByteBuffer

    @inlinable
    init(method: HTTPMethod, targetBytes: ByteBuffer, version: HTTPVersion, fields: Fields) {
        self.method = method
        self.version = version
        self.fields = fields
        self.targetBytes = targetBytes
    }

    /// A head from its parts. `target` is what follows the method: `/path?query`, `*`, or an absolute URI.
    public init(method: HTTPMethod, target: String, version: HTTPVersion = .http11, fields: Fields = Fields()) {
        self.init(method: method, targetBytes: ByteBuffer(string: target), version: version, fields: fields)
    }

    /// ``targetBytes`` as text; bytes that are not UTF-8 become U+FFFD.
    public var target: String {
        get { String(buffer: targetBytes) }
        set { targetBytes = ByteBuffer(string: newValue) }
    }

    /// A copy in one buffer of its own, no larger than needed.
    public func detached() -> RequestHead {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(minimumWritableBytes: targetBytes.readableBytes + fields.lineBytes)
        buffer.writeImmutableBuffer(targetBytes)
        let fields = self.fields.copied(behind: buffer)
        let target = fields.slice(0, targetBytes.readableBytes)
        return RequestHead(method: method, targetBytes: target, version: version, fields: fields)
    }

    /// Whether the connection stays open after the answer (RFC 9112 §9.3): in HTTP/1.1 unless `Connection` says `close`,
    /// in HTTP/1.0 only if it says `keep-alive` and not `close`.
    public var keepsAlive: Bool {
        fields.keepsConnectionAlive(version)
    }

    /// Whether the client waits for `100 (Continue)` before it sends the body (RFC 9110 §10.1.1).
    public var expectsContinue: Bool {
        version == .http11 && fields.containsToken(.expect, "100-continue")
    }
}

extension Fields {
    func keepsConnectionAlive(_ version: HTTPVersion) -> Bool {
        guard contains(.connection) else { return version == .http11 }
        if containsToken(.connection, "close") { return false }
        return version == .http11 || containsToken(.connection, "keep-alive")
    }
}
