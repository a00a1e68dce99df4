import struct NIOCore.ByteBuffer

/// Which fields an encoder leaves out, on top of `Content-Length` and `Transfer-Encoding`, which it always writes itself.
public struct FieldFilter: Hashable, Sendable {
    /// Well-known names to leave out.
    private(set) var ids: FieldSet
    /// Other names to leave out. Not an empty array, references to which would be counted for each message.
    private(set) var names: [FieldName]?
    /// Whether fields that `Connection` names are left out.
    let followsConnection: Bool
    /// Those that stay whatever `Connection` names: without them a message has another address or another end.
    private let protected: FieldSet

    private init(
        ids: FieldSet, followsConnection: Bool,
        protected: FieldSet = FieldSet().with(FieldID.host).with(FieldID.contentLength)
    ) {
        self.ids = ids
        self.followsConnection = followsConnection
        self.protected = protected
    }

    /// Leaves out nothing but the framing fields: for messages that speak for this connection, such as a 101.
    public static var none: FieldFilter { FieldFilter(ids: FieldSet(), followsConnection: false) }

    /// Leaves out what belongs to one connection alone (RFC 9110 §7.6.1): `Connection` and the fields it names,
    /// `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Upgrade`.
    ///
    /// A `Connection` that names `Host` or `Content-Length` is not obeyed.
    public static var hopByHop: FieldFilter { FieldFilter(ids: .hopByHop, followsConnection: true) }

    /// ``hopByHop`` and `Expect`: what may not stand on a v0 teleport stream, where no end could act on it.
    public static var teleport: FieldFilter {
        FieldFilter(ids: .hopByHop.with(FieldID.expect), followsConnection: true)
    }

    /// ``teleport`` without `Upgrade`: for a message that asks for another protocol, or switches to one, along with
    /// ``ConnectionDirective/upgrade``.
    public static var upgrade: FieldFilter {
        FieldFilter(
            ids: .hopByHop.with(FieldID.expect).without(FieldID.upgrade), followsConnection: true,
            protected: FieldSet().with(FieldID.host).with(FieldID.contentLength).with(FieldID.upgrade))
    }

    /// What may not stand in a head of protocol v1 (V1-63): ``teleport`` without `Trailer`, because it has trailers.
    static var framed: FieldFilter { FieldFilter(ids: .ofConnection, followsConnection: true) }

    /// ``framed`` without `Upgrade`, also where `Connection` names it, as it has to: a message that asks for a tunnel or
    /// grants one says to what.
    static var framedTunnel: FieldFilter {
        FieldFilter(
            ids: .ofConnection.without(FieldID.upgrade), followsConnection: true,
            protected: FieldSet().with(FieldID.host).with(FieldID.contentLength).with(FieldID.upgrade))
    }

    /// What may not stand among trailers: also what is about framing, routing and authentication (RFC 9110 §6.5.1).
    static var trailers: FieldFilter { FieldFilter(ids: .forbiddenInTrailers, followsConnection: true) }

    /// The same filter, leaving out these fields as well.
    public func dropping(_ names: FieldName...) -> FieldFilter {
        var copy = self
        for name in names {
            if name.id == 0 { copy.names = (copy.names ?? []) + [name] } else { copy.ids.insert(name.id) }
        }
        return copy
    }

    private static func isKeepAlive(_ value: RawSpan) -> Bool {
        let text = "keep-alive"
        let word = text.utf8.span.bytes
        return value.byteCount == word.byteCount
            && ByteScan.equalIgnoringCase(value, at: 0, word, at: 0, count: word.byteCount)
    }

    /// Adds to `dropped` the well-known names in `Connection`; true if it has others.
    func addNominated(by fields: Fields, to dropped: inout FieldSet) -> Bool {
        let bytes = fields.buffer.readableBytesSpan
        var nominated = FieldSet()
        var hasOthers = false
        for entry in fields.entries where entry.nameID == FieldID.connection {
            Fields.withValue(of: entry, in: bytes) { value in
                // What most say, and nothing else.
                guard !Self.isKeepAlive(value) else { return nominated.insert(FieldID.keepAlive) }
                var members = ListMembers(from: 0, to: value.byteCount)
                while let (start, end) = members.next(in: value) {
                    let id = NameTable.shared.find(value, from: start, to: end).id
                    nominated.insert(id)
                    hasOthers = hasOthers || id == 0
                }
            }
        }
        nominated.subtract(protected)
        dropped.formUnion(nominated)
        return hasOthers
    }
}
