/// Which fields have values that no compression history may hold, and so travel apart from their heads in SECRETS (V1-65).
///
/// A value that came in SECRETS is sent on in SECRETS, whatever is said here (V1-69).
public struct SecretFields: Hashable, Sendable {
    private var ids: FieldSet
    /// Names without an id.
    private var names: [FieldName] = []

    private init(ids: FieldSet) {
        self.ids = ids
    }

    /// `Authorization`, `Proxy-Authorization`, `Cookie` and `Set-Cookie`.
    public static var `default`: SecretFields {
        SecretFields(
            ids: FieldSet().with(FieldID.authorization).with(FieldID.proxyAuthorization).with(FieldID.cookie)
                .with(FieldID.setCookie))
    }

    /// None: for traffic of which nobody else can choose a part, or that is not compressed.
    public static var none: SecretFields { SecretFields(ids: FieldSet()) }

    /// Those of ``default`` and these.
    public init(adding names: [FieldName]) {
        self = .default
        for name in names {
            if name.id == 0 { self.names.append(name) } else { ids.insert(name.id) }
        }
    }

    /// Whether fields of that name are among them.
    public func contains(_ name: FieldName) -> Bool {
        name.id == 0 ? names.contains(name) : ids.contains(name.id)
    }

    /// Whether the value of a field is secret: by its name, or because it came as a secret.
    @inline(__always)
    func holds(_ entry: FieldEntry, in bytes: RawSpan) -> Bool {
        if entry.isSecret { return true }
        if entry.nameID != 0 { return ids.contains(entry.nameID) }
        return !names.isEmpty && holdsName(of: entry, in: bytes)
    }

    private func holdsName(of entry: FieldEntry, in bytes: RawSpan) -> Bool {
        names.contains { Fields.entry(entry, in: bytes, isNamed: 0, $0.literal.utf8.span.bytes) }
    }
}
