import struct NIOCore.ByteBuffer

/// Which fields an encoder leaves out, on top of `Content-Length` and `Transfer-Encoding`, which it always writes itself.
public struct FieldFilter: Hashable, Sendable {
    /// Well-known names to leave out.
    private(set) var ids: FieldSet
    /// Other names to leave out.
    private(set) var names: [FieldName]
    /// Whether fields that `Connection` names are left out.
    let followsConnection: Bool

    /// Those that stay whatever `Connection` names: without them a message has another address or another end.
    private static let protected = FieldSet(FieldID.host, FieldID.contentLength)

    private init(ids: FieldSet, followsConnection: Bool) {
        self.ids = ids
        self.names = []
        self.followsConnection = followsConnection
    }

    /// Leaves out nothing but the framing fields: for messages that speak for this connection, such as a 101.
    public static let none = FieldFilter(ids: FieldSet(), followsConnection: false)

    /// Leaves out what belongs to one connection alone (RFC 9110 §7.6.1): `Connection` and the fields it names,
    /// `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Upgrade`.
    ///
    /// A `Connection` that names `Host` or `Content-Length` is not obeyed.
    public static let hopByHop = FieldFilter(
        ids: FieldSet(
            FieldID.connection, FieldID.keepAlive, FieldID.proxyConnection, FieldID.te, FieldID.trailer,
            FieldID.upgrade),
        followsConnection: true)

    /// ``hopByHop`` and `Expect`: what may not stand on a v0 teleport stream, where no end could act on it.
    public static let teleport = hopByHop.dropping(.expect)

    /// The same filter, leaving out these fields as well.
    public func dropping(_ names: FieldName...) -> FieldFilter {
        var copy = self
        for name in names {
            if name.id == 0 { copy.names.append(name) } else { copy.ids.insert(name.id) }
        }
        return copy
    }

    /// Adds to `dropped` the well-known names in `Connection`; true if it has others.
    static func addNominated(by fields: Fields, to dropped: inout FieldSet) -> Bool {
        let bytes = fields.buffer.readableBytesSpan
        var nominated = FieldSet()
        var hasOthers = false
        for entry in fields.entries where entry.nameID == FieldID.connection {
            var members = ListMembers(from: Int(entry.valueStart), to: entry.valueEnd)
            while let (start, end) = members.next(in: bytes) {
                let id = NameTable.shared.find(bytes, from: start, to: end).id
                nominated.insert(id)
                hasOthers = hasOthers || id == 0
            }
        }
        nominated.subtract(protected)
        dropped.formUnion(nominated)
        return hasOthers
    }
}
