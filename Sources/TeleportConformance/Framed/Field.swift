/// A field as a check sends it (rule V1-63), well-formed or not.
struct Field: Sendable {
    /// How the name is written.
    enum Name: Sendable {
        case literal([UInt8])
        case number(UInt8)
    }

    /// How the value is written.
    enum Value: Sendable {
        case literal([UInt8])
        /// An entry of the table of values.
        case entry(UInt8)
        /// The next value of SECRETS.
        case secret
    }

    var name: Name
    var value: Value

    init(name: Name, value: Value) {
        self.name = name
        self.value = value
    }

    /// A field with both as text; the name goes by its number if the table has it in this spelling.
    init(_ name: String, _ value: String) {
        self.init(name: Self.name(name), value: .literal(Array(value.utf8)))
    }

    /// A field whose value is in SECRETS.
    init(secret name: String) {
        self.init(name: Self.name(name), value: .secret)
    }

    private static func name(_ name: String) -> Name {
        FieldTables.names.firstIndex(of: name).map { .number(UInt8($0 + 1)) } ?? .literal(Array(name.utf8))
    }

    var bytes: [UInt8] {
        var flags: UInt8 = 0
        switch self.value {
        case .literal: break
        case .entry: flags = 0x40
        case .secret: flags = 0x80
        }
        var bytes: [UInt8] = []
        switch self.name {
        case .number(let number): bytes.append(number | flags)
        case .literal(let name):
            bytes.append(flags)
            bytes.append(varint: name.count)
            bytes += name
        }
        switch self.value {
        case .literal(let value):
            bytes.append(varint: value.count)
            bytes += value
        case .entry(let entry): bytes.append(entry)
        case .secret: break
        }
        return bytes
    }
}

extension [Field] {
    /// The fields behind their count.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(varint: self.count)
        return bytes + self.flatMap(\.bytes)
    }
}
