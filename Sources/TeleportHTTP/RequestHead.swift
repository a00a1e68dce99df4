public import struct NIOCore.ByteBuffer

/// The head of a request: method, target, version and fields.
///
/// **Ownership.** A head that was parsed is a view of the buffer it was received in plus one array of entries, the only
/// allocation. It keeps that block alive; ``detached()`` copies it out.
public struct RequestHead: Sendable {
    /// The method.
    public var method: HTTPMethod
    /// The version the request came in. Encoders always write `HTTP/1.1`.
    public var version: HTTPVersion
    /// The fields in order.
    public var fields: Fields {
        @inlinable
        _read { yield self.storedFields }
        @inlinable
        _modify {
            // Whoever changes the fields may move their bytes, or put others in their place.
            self.separateTarget()
            yield &self.storedFields
        }
    }
    @usableFromInline var storedFields: Fields
    @usableFromInline var targetPlace: TargetPlace

    /// A head whose target stands in the buffer of its fields, or has one of its own.
    init(method: HTTPMethod, target: TargetPlace, version: HTTPVersion, fields: consuming Fields) {
        self.method = method
        self.version = version
        self.targetPlace = target
        self.storedFields = fields
    }

    /// The target as it stands in the request line, byte for byte: nothing is decoded, resolved or normalised.
    ///
    /// It is checked when the head is encoded.
    public var targetBytes: ByteBuffer {
        get {
            self.targetPlace.own.value
                ?? self.storedFields.slice(Int(self.targetPlace.start), Int(self.targetPlace.length))
        }
        set { self.targetPlace = TargetPlace(newValue) }
    }

    /// The number of bytes of the target.
    @inline(__always)
    var targetCount: Int {
        self.targetPlace.own.box?.value.readableBytes ?? Int(self.targetPlace.length)
    }

    @usableFromInline
    mutating func separateTarget() {
        if self.targetPlace.own.box == nil { self.targetPlace = TargetPlace(self.targetBytes) }
    }

    /// Calls `body` with the bytes of the fields and those of the target, which mostly are a part of them.
    @inline(__always)
    func withBytes<Value, Failure: Error>(
        _ body: (_ fields: RawSpan, _ target: RawSpan) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let source = self.storedFields.buffer.readableBytesSpan
        guard let box = self.targetPlace.own.box else {
            let start = Int(self.targetPlace.start)
            return try body(source, source.extracting(start..<start &+ Int(self.targetPlace.length)))
        }
        let own = box.value
        return try body(source, own.readableBytesSpan)
    }

    /// A head from its parts. `target` is what follows the method: `/path?query`, `*`, or an absolute URI.
    public init(method: HTTPMethod, target: String, version: HTTPVersion = .http11, fields: Fields = Fields()) {
        self.init(method: method, target: TargetPlace(ByteBuffer(string: target)), version: version, fields: fields)
    }

    /// ``targetBytes`` as text; bytes that are not UTF-8 become U+FFFD.
    public var target: String {
        get { String(buffer: targetBytes) }
        set { targetBytes = ByteBuffer(string: newValue) }
    }

    /// A copy in one buffer of its own, no larger than needed.
    public func detached() -> RequestHead {
        var buffer = ByteBuffer()
        let target = targetBytes
        buffer.reserveCapacity(minimumWritableBytes: target.readableBytes + fields.lineBytes)
        buffer.writeImmutableBuffer(target)
        return RequestHead(
            method: method, target: TargetPlace(start: 0, length: target.readableBytes), version: version,
            fields: fields.copied(behind: buffer))
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

extension RequestHead: Equatable {
    public static func == (left: RequestHead, right: RequestHead) -> Bool {
        left.method == right.method && left.version == right.version && left.fields == right.fields
            && left.targetBytes == right.targetBytes
    }
}
