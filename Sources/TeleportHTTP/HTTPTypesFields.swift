public import HTTPTypes

import struct NIOCore.ByteBuffer

extension Fields {
    /// The fields of an `HTTPFields`, in order.
    ///
    /// - Throws: What ``append(_:_:)`` throws.
    public init(_ fields: HTTPFields) throws(HTTPError) {
        self.init()
        try append(fields, except: nil)
    }

    mutating func append(_ fields: HTTPFields, except excluded: FieldName?) throws(HTTPError) {
        for field in fields {
            let name = FieldName(field.name.rawName)
            if name == excluded { continue }
            let value = field.withUnsafeBytesOfValue { ByteBuffer(bytes: $0) }
            try append(name, bytes: value)
        }
    }
}

extension HTTPFields {
    /// The fields as `HTTPFields`, in order. Names keep their spelling.
    ///
    /// - Throws: ``HTTPError/Code/inexpressible`` if a name is not accepted there or a value is not UTF-8.
    public init(_ fields: Fields) throws(HTTPError) {
        try self.init(fields, except: nil)
    }

    init(_ fields: Fields, except excluded: FieldName?) throws(HTTPError) {
        self.init()
        for entry in fields.entries {
            if let excluded, excluded.id == entry.nameID { continue }
            let spelling = Fields.withName(of: entry, in: fields.buffer.readableBytesSpan) { name in
                ByteScan.string(name, from: 0, to: name.byteCount)
            }
            guard let name = HTTPField.Name(spelling),
                let value = String(validating: fields.valueBytes(of: entry))
            else { throw HTTPError(.inexpressible) }
            append(HTTPField(name: name, value: value))
        }
    }
}

extension String {
    /// The bytes as text; `nil` if they are not UTF-8.
    init?(validating buffer: ByteBuffer) {
        guard let text = buffer.withUnsafeReadableBytes({ String(validating: $0, as: UTF8.self) }) else { return nil }
        self = text
    }
}
