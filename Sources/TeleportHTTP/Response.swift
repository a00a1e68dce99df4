import struct NIOCore.ByteBuffer

/// A whole response.
public struct Response: Sendable {
    /// Status, version and fields.
    public var head: ResponseHead
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
    /// Whether it grants the tunnel that its request asks for (V1-70): 101 to an upgrade, 2xx to a `CONNECT`. ``body`` is
    /// then what the server sends through it. Carried by v1 only. Default false.
    public var grantsTunnel: Bool

    /// A response from its parts.
    @inlinable
    public init(head: ResponseHead, body: Body = .empty, trailers: Fields? = nil, grantsTunnel: Bool = false) {
        self.head = head
        self.body = body
        self.rareTrailers = Rare(trailers)
        self.grantsTunnel = grantsTunnel
    }

    /// A response with the given fields. `Content-Length` is added when it is encoded.
    public init(status: Status = .ok, fields: Fields = Fields(), body: Body = .empty, trailers: Fields? = nil) {
        self.init(head: ResponseHead(status: status, fields: fields), body: body, trailers: trailers)
    }

    /// A text in UTF-8 with `Content-Type: text/plain; charset=utf-8`.
    public static func text(_ text: String, status: Status = .ok) -> Response {
        Response(status: status, fields: plainText, body: Body(text))
    }

    /// Shared by all text responses: copying it allocates nothing.
    private static let plainText: Fields = ["Content-Type": "text/plain; charset=utf-8"]

    /// The status.
    @inlinable
    public var status: Status {
        get { head.status }
        set { head.status = newValue }
    }

    /// The fields of the head.
    @inlinable
    public var fields: Fields {
        get { head.fields }
        _modify { yield &head.fields }
    }

    /// The same response without a share in the blocks it was received in.
    public func detached() -> Response {
        Response(
            head: head.detached(), body: body.detached(), trailers: trailers?.detached(), grantsTunnel: grantsTunnel)
    }
}
