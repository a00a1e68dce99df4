public import struct NIOCore.ByteBuffer

/// A body or value as a recording describes it.
public struct TranscriptBody: Sendable, Hashable, Decodable {
    /// Its length in bytes.
    public var length: Int
    /// Its SHA-256 in lower-case hexadecimal.
    public var sha256: String
    /// The bytes as text, if they are text and not long.
    public var text: String?

    private enum CodingKeys: String, CodingKey {
        case length = "len"
        case sha256
        case text
    }

    /// Whether some bytes are this body: same length, same hash.
    public func matches(_ bytes: ByteBuffer) -> Bool {
        bytes.readableBytes == self.length && SHA256.hexDigest(of: bytes) == self.sha256
    }
}

/// A header field as a recording describes it.
public struct TranscriptField: Sendable, Hashable, Decodable {
    /// Its name as it was spelled.
    public var name: String
    /// Its value.
    public var value: String

    public init(from decoder: any Decoder) throws {
        var pair = try decoder.unkeyedContainer()
        self.name = try pair.decode(String.self)
        self.value = try pair.decode(String.self)
    }
}

/// A request of a recording.
public struct TranscriptRequest: Sendable, Decodable {
    /// Its id on the connection.
    public var id: UInt32
    /// HTTP: the method. TLV: `nil`.
    public var method: String?
    /// HTTP: the target. TLV: `nil`.
    public var target: String?
    /// TLV: the name. HTTP: `nil`.
    public var name: String?
    /// HTTP: the fields in the order they had on the wire. TLV: none.
    public var fields: [TranscriptField]
    /// The HTTP body or the TLV value.
    public var body: TranscriptBody
    /// HTTP: what the reference took for the length; −2 says that there was no such field.
    public var contentLength: Int?
    /// HTTP: where it stands in the plain bytes, its id included.
    public var plainRange: Range<Int>?

    private enum CodingKeys: String, CodingKey {
        case id, method, body, value
        case target = "uri"
        case name = "tlv_name"
        case fields = "headers_wire_order"
        case contentLength = "content_length"
        case plainOffset = "plain_offset"
        case plainEnd = "plain_end"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.id = try container.decode(UInt32.self, forKey: .id)
        self.method = try container.decodeIfPresent(String.self, forKey: .method)
        self.target = try container.decodeIfPresent(String.self, forKey: .target)
        self.name = try container.decodeIfPresent(String.self, forKey: .name)
        self.fields = try container.decodeIfPresent([TranscriptField].self, forKey: .fields) ?? []
        self.body =
            try container.decodeIfPresent(TranscriptBody.self, forKey: .body)
            ?? container.decode(TranscriptBody.self, forKey: .value)
        self.contentLength = try container.decodeIfPresent(Int.self, forKey: .contentLength)
        self.plainRange = try decodePlainRange(container, .plainOffset, .plainEnd)
    }
}

/// A response of a recording.
public struct TranscriptResponse: Sendable, Decodable {
    /// The id of the request that it answers.
    public var id: UInt32
    /// HTTP: the status code. TLV: `nil`.
    public var status: Int?
    /// HTTP: the fields, grouped as the reference lists them, which is not their order on the wire. TLV: none.
    public var fields: [TranscriptField]
    /// The HTTP body or the TLV value.
    public var body: TranscriptBody
    /// HTTP: what the reference took for the length; −2 says that there was no such field.
    public var contentLength: Int?
    /// HTTP: where it stands in the plain bytes, its id included.
    public var plainRange: Range<Int>?

    private enum CodingKeys: String, CodingKey {
        case id, status, body, value
        case fields = "headers_visit_all"
        case contentLength = "content_length"
        case plainOffset = "plain_offset"
        case plainEnd = "plain_end"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.id = try container.decode(UInt32.self, forKey: .id)
        self.status = try container.decodeIfPresent(Int.self, forKey: .status)
        self.fields = try container.decodeIfPresent([TranscriptField].self, forKey: .fields) ?? []
        self.body =
            try container.decodeIfPresent(TranscriptBody.self, forKey: .body)
            ?? container.decode(TranscriptBody.self, forKey: .value)
        self.contentLength = try container.decodeIfPresent(Int.self, forKey: .contentLength)
        self.plainRange = try decodePlainRange(container, .plainOffset, .plainEnd)
    }
}

/// What one caller of a recorded client got.
public struct TranscriptResult: Sendable, Decodable {
    /// HTTP: the method of the call.
    public var method: String?
    /// HTTP: the target of the call.
    public var target: String?
    /// TLV: the name of the call; a one-way call's too.
    public var name: String?
    /// HTTP: the status of the answer; `nil` if the call failed.
    public var status: Int?
    /// TLV: the value sent.
    public var requestValue: TranscriptBody?
    /// The body or value of the answer; `nil` if the call failed or was one-way.
    public var body: TranscriptBody?
    /// The reference's error text; `nil` if the call succeeded.
    public var error: String?
    /// Whether it was a one-way call.
    public var isOneWay: Bool

    private enum CodingKeys: String, CodingKey {
        case method, name, status, body, value, error
        case target = "uri"
        case requestValue = "req_value"
        case oneWayName = "nowait"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let oneWayName = try container.decodeIfPresent(String.self, forKey: .oneWayName)
        self.method = try container.decodeIfPresent(String.self, forKey: .method)
        self.target = try container.decodeIfPresent(String.self, forKey: .target)
        self.name = try container.decodeIfPresent(String.self, forKey: .name) ?? oneWayName
        self.status = try container.decodeIfPresent(Int.self, forKey: .status)
        self.requestValue = try container.decodeIfPresent(TranscriptBody.self, forKey: .requestValue)
        self.body =
            try container.decodeIfPresent(TranscriptBody.self, forKey: .body)
            ?? container.decodeIfPresent(TranscriptBody.self, forKey: .value)
        self.error = try container.decodeIfPresent(String.self, forKey: .error)
        self.isOneWay = oneWayName != nil
    }
}

/// Both ends of a range, or `nil` if the recording has none.
private func decodePlainRange<Key: CodingKey>(
    _ container: KeyedDecodingContainer<Key>, _ offset: Key, _ end: Key
) throws -> Range<Int>? {
    guard let lower = try container.decodeIfPresent(Int.self, forKey: offset),
        let upper = try container.decodeIfPresent(Int.self, forKey: end), lower <= upper
    else { return nil }
    return lower..<upper
}
