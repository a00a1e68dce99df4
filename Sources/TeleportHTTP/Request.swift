import struct NIOCore.ByteBuffer

/// A whole request.
public struct Request: Sendable {
    /// Method, target, version and fields.
    public var head: RequestHead
    /// The content.
    public var body: Body
    /// Fields that came after a chunked body, `nil` if there were none. A v0 teleport stream does not carry them.
    @inlinable
    public var trailers: Fields? {
        get { self.rareTrailers.value }
        set { self.rareTrailers = Rare(newValue) }
    }
    @usableFromInline var rareTrailers: Rare<Fields>
    @inlinable package var hasTrailers: Bool { self.rareTrailers.box != nil }
    /// Whether it came, or is to be sent, under `https`. Carried by v1 only. Default false.
    public var isSecure: Bool
    /// Whether head, body and answer are to touch no compression history, on this connection and behind it (V1-23).
    /// Carried by v1 only; v0 refuses such a request. Lengths can be seen all the same. Default false.
    public var isSensitive: Bool
    /// Whether it asks for a tunnel (V1-70), as a `CONNECT` or an upgrade. ``body`` is then what the client sends through
    /// it: nothing of that may reach anybody before the tunnel is granted. Carried by v1 only. Default false.
    public var opensTunnel: Bool

    /// A request from its parts.
    @inlinable
    public init(
        head: RequestHead, body: Body = .empty, trailers: Fields? = nil, isSecure: Bool = false,
        isSensitive: Bool = false, opensTunnel: Bool = false
    ) {
        self.head = head
        self.body = body
        self.rareTrailers = Rare(trailers)
        self.isSecure = isSecure
        self.isSensitive = isSensitive
        self.opensTunnel = opensTunnel
    }

    /// A request with the given fields; one of them should be `Host`.
    public init(method: HTTPMethod, target: String, fields: Fields, body: Body = .empty, trailers: Fields? = nil) {
        self.init(head: RequestHead(method: method, target: target, fields: fields), body: body, trailers: trailers)
    }

    /// A request whose only field is `Host`: `Request(.get, "/index.html", host: "example.org")`.
    ///
    /// `host` and `target` are checked when the request is encoded: a wrong one throws there.
    public init(_ method: HTTPMethod, _ target: String, host: String, body: Body = .empty) {
        var fields = Fields(behind: target, reserving: host.utf8.count + 8)
        let isValid: Bool
        do {
            try fields.append(.host, host)
            isValid = true
        } catch {
            // Without a Host the encoder refuses the request, which is where its caller expects to hear of it.
            isValid = false
        }
        let place = isValid ? TargetPlace(start: 0, length: target.utf8.count) : TargetPlace(ByteBuffer(string: target))
        self.init(
            head: RequestHead(method: method, target: place, version: .http11, fields: isValid ? fields : Fields()),
            body: body)
    }

    /// The method.
    @inlinable
    public var method: HTTPMethod {
        get { head.method }
        set { head.method = newValue }
    }

    /// The target as text, for example `/path?query`.
    public var target: String {
        get { head.target }
        set { head.target = newValue }
    }

    /// The fields of the head.
    @inlinable
    public var fields: Fields {
        get { head.fields }
        _modify { yield &head.fields }
    }

    /// The same request without a share in the blocks it was received in.
    public func detached() -> Request {
        var copy = self
        copy.head = head.detached()
        copy.body = body.detached()
        copy.trailers = trailers?.detached()
        return copy
    }
}
