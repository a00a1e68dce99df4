/// A peer broke a rule in what it sent.
struct Fault: Error, Sendable {
    /// The rule, such as `V1-63`.
    let rule: String
    /// What it did.
    let text: String

    init(_ rule: String, _ text: String) {
        self.rule = rule
        self.text = text
    }
}

/// A field that a peer sent.
struct ReceivedField: Sendable, Equatable {
    let name: String
    /// `nil` if the value is the next one of SECRETS.
    let value: String?

    func isNamed(_ name: String) -> Bool { self.name.lowercased() == name.lowercased() }
}

/// The head of a request that a peer sent.
struct ReceivedRequestHead: Sendable {
    let methodName: String
    let flags: UInt8
    let target: String
    let authority: String
    let fields: [ReceivedField]
}

/// The head of a response that a peer sent.
struct ReceivedResponseHead: Sendable {
    let status: UInt16
    let reason: String
    let fields: [ReceivedField]
}

/// Reads heads that a peer sent, as strictly as the specification has them (rules V1-61 to V1-68).
struct HeadReader {
    private var reader: ByteReader

    private init(_ bytes: [UInt8]) { self.reader = ByteReader(bytes) }

    static func request(_ bytes: [UInt8]) throws(Fault) -> ReceivedRequestHead {
        var reader = HeadReader(bytes)
        let method = try reader.method()
        let flags = try reader.byte("V1-61", "the flags")
        guard flags & 0xFC == 0 else { throw Fault("V1-61", "unknown flags \(hex: flags) in a head") }
        let target = try reader.text("V1-61", "the target")
        guard !target.isEmpty, target.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Fault("V1-61", "a target that is empty, or has a space or control character")
        }
        let authority = try reader.text("V1-61", "the authority")
        guard authority.allSatisfy(Self.isOfAuthority) else {
            throw Fault("V1-61", "an authority with characters that no host and port have")
        }
        let fields = try reader.fields(isInTrailers: false)
        try reader.end()
        guard !fields.contains(where: { $0.isNamed("Host") }) else { throw Fault("V1-61", "a Host among the fields") }
        return ReceivedRequestHead(
            methodName: method, flags: flags, target: String(decoding: target, as: UTF8.self),
            authority: String(decoding: authority, as: UTF8.self), fields: fields)
    }

    static func response(_ bytes: [UInt8]) throws(Fault) -> ReceivedResponseHead {
        var reader = HeadReader(bytes)
        guard let status = reader.reader.integer(UInt16.self) else { throw Fault("V1-62", "a head without a status") }
        guard (100...599).contains(status) else { throw Fault("V1-62", "status \(status)") }
        let reason = try reader.text("V1-62", "the reason")
        guard Self.isText(reason) else { throw Fault("V1-62", "a reason with control characters") }
        let fields = try reader.fields(isInTrailers: false)
        try reader.end()
        return ReceivedResponseHead(status: status, reason: String(decoding: reason, as: UTF8.self), fields: fields)
    }

    static func trailers(_ bytes: [UInt8]) throws(Fault) -> [ReceivedField] {
        var reader = HeadReader(bytes)
        let fields = try reader.fields(isInTrailers: true)
        try reader.end()
        return fields
    }

    /// The values in the payload of SECRETS.
    static func secrets(_ bytes: [UInt8]) throws(Fault) -> [[UInt8]] {
        var reader = HeadReader(bytes)
        var values: [[UInt8]] = []
        while reader.reader.count > 0 {
            let value = try reader.text("V1-65", "a secret")
            guard Self.isValue(value) else { throw Fault("V1-63", "a secret that no field may have as its value") }
            values.append(value)
        }
        return values
    }

    // MARK: Parts

    private mutating func method() throws(Fault) -> String {
        let number = try self.byte("V1-61", "the method")
        if number == 0 {
            guard let length = self.reader.byte(), let token = self.reader.take(Int(length)), Self.isToken(token) else {
                throw Fault("V1-61", "a method that is no token")
            }
            return String(decoding: token, as: UTF8.self)
        }
        guard number <= FieldTables.methods.count else { throw Fault("V1-61", "method number \(number)") }
        return FieldTables.methods[Int(number) - 1]
    }

    private mutating func fields(isInTrailers: Bool) throws(Fault) -> [ReceivedField] {
        let count = try self.varint("V1-63", "the count of fields")
        var fields: [ReceivedField] = []
        for _ in 0..<count {
            let field = try self.field()
            let name = field.name.lowercased()
            if isInTrailers {
                guard !FieldTables.notInTrailers.contains(name) else {
                    throw Fault("V1-66", "\(field.name) in trailers")
                }
                guard field.value != nil else { throw Fault("V1-65", "a field of trailers that refers to SECRETS") }
            } else {
                guard !FieldTables.ofConnection.contains(name) else {
                    throw Fault("V1-63", "\(field.name), which concerns one connection")
                }
            }
            fields.append(field)
        }
        return fields
    }

    private mutating func field() throws(Fault) -> ReceivedField {
        let tag = try self.byte("V1-63", "a name")
        let number = tag & 0x3F
        let name: [UInt8]
        if number == 0 {
            name = try self.text("V1-63", "a name")
            guard Self.isToken(name) else { throw Fault("V1-63", "a name that is no token") }
        } else {
            guard number <= FieldTables.names.count else { throw Fault("V1-67", "name number \(number)") }
            name = Array(FieldTables.names[Int(number) - 1].utf8)
        }
        let nameText = String(decoding: name, as: UTF8.self)
        switch tag & 0xC0 {
        case 0x80: return ReceivedField(name: nameText, value: nil)
        case 0x40:
            let entry = try self.byte("V1-68", "a value")
            guard Int(entry) < FieldTables.values.count else { throw Fault("V1-68", "value number \(entry)") }
            return ReceivedField(name: nameText, value: FieldTables.values[Int(entry)])
        case 0:
            let value = try self.text("V1-63", "the value of \(nameText)")
            guard Self.isValue(value) else {
                throw Fault("V1-63", "a value of \(nameText) with control characters, or blanks around it")
            }
            return ReceivedField(name: nameText, value: String(decoding: value, as: UTF8.self))
        default: throw Fault("V1-63", "a field whose value is both in SECRETS and in the table")
        }
    }

    private mutating func byte(_ rule: String, _ what: String) throws(Fault) -> UInt8 {
        guard let byte = self.reader.byte() else { throw Fault(rule, "a head that ends before \(what)") }
        return byte
    }

    private mutating func varint(_ rule: String, _ what: String) throws(Fault) -> Int {
        var value = 0
        for place in 0..<3 {
            let byte = try self.byte(rule, what)
            value |= Int(byte & 0x7F) << (7 * place)
            guard byte & 0x80 == 0 else { continue }
            guard place == 0 || byte != 0 else { throw Fault("V1-61", "a varint that is longer than needed") }
            return value
        }
        throw Fault("V1-61", "a varint of more than 3 bytes")
    }

    private mutating func text(_ rule: String, _ what: String) throws(Fault) -> [UInt8] {
        let length = try self.varint(rule, what)
        guard let text = self.reader.take(length) else { throw Fault(rule, "a length that reaches beyond the head") }
        return text
    }

    private func end() throws(Fault) {
        guard self.reader.count == 0 else { throw Fault("V1-61", "\(self.reader.count) bytes behind the fields") }
    }

    // MARK: Characters

    static func isToken(_ bytes: [UInt8]) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func isValue(_ bytes: [UInt8]) -> Bool {
        let blanks: [UInt8] = [0x20, 0x09]
        return self.isText(bytes) && !blanks.contains(bytes.first ?? 0) && !blanks.contains(bytes.last ?? 0)
    }

    /// No control character but tabs.
    private static func isText(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }

    private static func isOfAuthority(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && !"/?#@\\\"<>^`{|}".utf8.contains(byte)
    }
}
