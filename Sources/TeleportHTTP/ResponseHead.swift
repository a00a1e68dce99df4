import struct NIOCore.ByteBuffer

/// The head of a response: version, status, reason phrase and fields.
///
/// **Ownership.** As ``RequestHead``: a parsed head is a view of the buffer it was received in plus one array.
public struct ResponseHead: Sendable, Equatable {
    /// The status.
    public var status: Status
    /// The version the response came in. Encoders always write `HTTP/1.1`.
    public var version: HTTPVersion
    /// The fields in order.
    public var fields: Fields
    /// The reason phrase if it is not the one of the registry.
    var customReason: ByteBuffer? {
        get { self.rareReason.value }
        set { self.rareReason = Rare(newValue) }
    }
    private var rareReason: Rare<ByteBuffer>

    init(status: Status, version: HTTPVersion, customReason: ByteBuffer?, fields: Fields) {
        self.status = status
        self.version = version
        self.fields = fields
        self.rareReason = Rare(customReason)
    }

    /// A head from its parts, with the reason phrase of the registry.
    public init(status: Status, version: HTTPVersion = .http11, fields: Fields = Fields()) {
        self.init(status: status, version: version, customReason: nil, fields: fields)
    }

    /// The reason phrase as text. Clients ignore it; it is kept only to pass it on.
    public var reasonPhrase: String {
        customReason.map { String(buffer: $0) } ?? status.reasonPhrase
    }

    /// Gives the response a reason phrase of its own.
    ///
    /// - Throws: ``HTTPError/Code/invalidStatusLine`` if it contains a control character.
    public mutating func setReasonPhrase(_ reason: String) throws(HTTPError) {
        let bytes = reason.utf8.span.bytes
        guard ByteScan.lineStop(bytes, from: 0, to: bytes.byteCount) == bytes.byteCount else {
            throw HTTPError(.invalidStatusLine, message: "The reason phrase contains a control character.")
        }
        customReason = reason == status.reasonPhrase ? nil : ByteBuffer(string: reason)
    }

    /// A copy in one buffer of its own, no larger than needed.
    public func detached() -> ResponseHead {
        var buffer = ByteBuffer()
        let reasonLength = customReason?.readableBytes ?? 0
        buffer.reserveCapacity(minimumWritableBytes: reasonLength + fields.lineBytes)
        if let customReason { buffer.writeImmutableBuffer(customReason) }
        let fields = self.fields.copied(behind: buffer)
        let reason = customReason == nil ? nil : fields.slice(0, reasonLength)
        return ResponseHead(status: status, version: version, customReason: reason, fields: fields)
    }

    /// Whether the connection can carry another message after this one, as far as version and `Connection` say. A body
    /// that ends with the connection, and 101, end it all the same.
    public var keepsAlive: Bool {
        fields.keepsConnectionAlive(version)
    }
}
