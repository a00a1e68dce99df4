/// The head of a request as a check sends it (rule V1-61). Each part is kept as it is on the wire, so that any of them can
/// be replaced by one that is malformed.
struct RequestHead: Sendable {
    var method: [UInt8]
    var flags: UInt8 = 0
    var target: [UInt8]
    var authority: [UInt8]
    var fields: [UInt8]
    /// What stands behind the fields, which should be nothing.
    var rest: [UInt8] = []

    /// - Parameter method: the number of its method; 1 is `GET`.
    init(method: UInt8 = 1, target: String, authority: String, fields: [Field] = []) {
        self.method = [method]
        self.target = Self.text(target)
        self.authority = Self.text(authority)
        self.fields = fields.encoded
    }

    var bytes: [UInt8] { self.method + [self.flags] + self.target + self.authority + self.fields + self.rest }

    /// Text behind its length.
    static func text(_ text: some Sequence<UInt8>) -> [UInt8] {
        let text = Array(text)
        var bytes: [UInt8] = []
        bytes.append(varint: text.count)
        return bytes + text
    }

    static func text(_ text: String) -> [UInt8] { self.text(text.utf8) }
}

/// The head of a response as a check sends it (rule V1-62).
struct ResponseHead: Sendable {
    var status: UInt16
    var reason: [UInt8]
    var fields: [UInt8]
    var rest: [UInt8] = []

    init(status: UInt16 = 200, reason: String = "", fields: [Field] = []) {
        self.status = status
        self.reason = RequestHead.text(reason)
        self.fields = fields.encoded
    }

    var bytes: [UInt8] { .init(littleEndian: self.status) + self.reason + self.fields + self.rest }
}
