import struct NIOCore.ByteBuffer

/// What becomes of the fields of one head or trailer section in the form of protocol v1 (V1-63).
///
/// It does not copy, and neither do the entries and bytes that are passed in, so that no closure counts references.
struct FramedFieldPlan: ~Copyable {
    /// Fields that are written.
    private(set) var count = 0
    /// Upper bound of what they take.
    let bound: Int
    /// Upper bound of what the secret values take; 0 if there are none.
    private(set) var secretBound = 0
    private let plan: FieldPlan
    private let dropsSecrets: Bool

    /// Beside name and value a field has at most a byte and two lengths, which is three more than its line has.
    private static let overhead = 3

    /// - Parameter dropsSecrets: Whether fields whose values are secret are left out.
    @inline(__always)
    init(
        _ entries: [FieldEntry], _ source: RawSpan, _ plan: consuming FieldPlan, _ secrets: borrowing SecretFields,
        dropsSecrets: Bool = false
    ) {
        bound = plan.bytes &+ Self.overhead &* entries.count
        self.plan = plan
        self.dropsSecrets = dropsSecrets
        for entry in entries where keeps(entry, of: entries, source, secrets) {
            count &+= 1
            if secrets.holds(entry, in: source) { secretBound &+= Int(entry.valueLength) &+ 3 }
        }
    }

    @inline(__always)
    private func keeps(
        _ entry: FieldEntry, of entries: [FieldEntry], _ source: RawSpan, _ secrets: borrowing SecretFields
    ) -> Bool {
        !plan.drops(entry, of: entries, source) && !(dropsSecrets && secrets.holds(entry, in: source))
    }

    /// Writes the fields that stay, without those values that are secret.
    func write(
        _ entries: [FieldEntry], _ source: RawSpan, secrets: borrowing SecretFields, to writer: inout HeadWriter
    ) {
        let values = ValueTable.shared
        for entry in entries where keeps(entry, of: entries, source, secrets) {
            if secrets.holds(entry, in: source) {
                writer.write(nameOf: entry, FramedField.secret, source)
            } else if entry.hasTableValue {
                writer.write(nameOf: entry, FramedField.tableValue, source)
                writer.write(byte: UInt8(truncatingIfNeeded: entry.valueStart))
            } else if let value = values.find(source, from: Int(entry.valueStart), to: entry.valueEnd) {
                writer.write(nameOf: entry, FramedField.tableValue, source)
                writer.write(byte: value)
            } else {
                writer.write(nameOf: entry, 0, source)
                writer.write(counted: source, from: Int(entry.valueStart), to: entry.valueEnd)
            }
        }
    }

    /// Appends the secret values to `buffer`, in the order of the fields (V1-65), and returns how many bytes.
    func writeSecrets(
        _ entries: [FieldEntry], _ source: RawSpan, secrets: SecretFields, to buffer: inout ByteBuffer
    ) -> Int {
        guard secretBound > 0 else { return 0 }
        let start = buffer.writerIndex
        HeadWriter.append(to: &buffer, atMost: secretBound) { writer in
            for entry in entries
            where keeps(entry, of: entries, source, secrets) && secrets.holds(entry, in: source) {
                Fields.withValue(of: entry, in: source) { writer.write(counted: $0) }
            }
        }
        return buffer.writerIndex - start
    }
}

/// The bits of the byte before each field (V1-63).
enum FramedField {
    /// The number of the name, 0 for one that follows.
    static let number: UInt8 = 0x3F
    /// The value is a byte, its number in the ``ValueTable``.
    static let tableValue: UInt8 = 0x40
    /// The value is the next one of SECRETS.
    static let secret: UInt8 = 0x80
}

extension HeadWriter {
    @inline(__always)
    fileprivate mutating func write(nameOf entry: FieldEntry, _ bits: UInt8, _ source: RawSpan) {
        if entry.isCanonical, entry.nameID <= FieldID.lastInTable {
            write(byte: entry.nameID | bits)
        } else {
            write(byte: bits)
            Fields.withName(of: entry, in: source) { write(counted: $0) }
        }
    }
}
