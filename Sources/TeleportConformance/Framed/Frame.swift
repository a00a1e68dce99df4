/// A frame as it is on the wire (rule V1-21), well-formed or not.
struct Frame: Sendable, Equatable {
    var type: UInt8
    var flags: FrameFlags
    var stream: UInt32
    var payload: [UInt8]

    /// Bytes of a header.
    static let headerLength = 9
    /// The most payload of DATA.
    static let maximumData = 65536

    init(type: UInt8, flags: FrameFlags = [], stream: UInt32 = 0, payload: [UInt8] = []) {
        self.type = type
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    init(_ kind: FrameKind, flags: FrameFlags = [], stream: UInt32 = 0, payload: [UInt8] = []) {
        self.init(type: kind.rawValue, flags: flags, stream: stream, payload: payload)
    }

    /// What it is, if the specification knows it.
    var kind: FrameKind? { FrameKind(rawValue: self.type) }

    /// Header and payload.
    var bytes: [UInt8] { Self.header(self.payload.count, self.type, self.flags, self.stream) + self.payload }

    /// The bytes of a header, whatever it says.
    static func header(_ length: Int, _ type: UInt8, _ flags: FrameFlags = [], _ stream: UInt32 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(u24: length)
        bytes.append(type)
        bytes.append(flags.rawValue)
        bytes.append(littleEndian: stream)
        return bytes
    }

    static func header(
        _ length: Int, _ kind: FrameKind, _ flags: FrameFlags = [], _ stream: UInt32 = 0
    ) -> [UInt8] {
        self.header(length, kind.rawValue, flags, stream)
    }

    /// Whether it may share a block with secrets, and must not touch a history (rule V1-23).
    var isSensitive: Bool { self.kind == .secrets || self.flags.contains(.sensitive) }
}

// MARK: Well-formed ones

extension Frame {
    static func settings(_ values: [SettingsKey: UInt32] = [:]) -> Frame {
        .settings(values.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key.rawValue, $0.value) })
    }

    /// SETTINGS with these keys and values, allowed or not.
    static func settings(_ pairs: [(key: UInt16, value: UInt32)]) -> Frame {
        var payload: [UInt8] = []
        for pair in pairs {
            payload.append(littleEndian: pair.key)
            payload.append(littleEndian: pair.value)
        }
        return Frame(.settings, payload: payload)
    }

    static func request(
        _ stream: UInt32, _ head: RequestHead, flags: FrameFlags = .end, body: [UInt8] = [], deadline: UInt32? = nil
    ) -> Frame {
        var payload: [UInt8] = []
        var flags = flags
        if let deadline {
            payload.append(littleEndian: deadline)
            flags.insert(.deadline)
        }
        let head = head.bytes
        payload.append(u24: head.count)
        return Frame(.request, flags: flags, stream: stream, payload: payload + head + body)
    }

    static func response(
        _ stream: UInt32, _ head: ResponseHead, flags: FrameFlags = .end, body: [UInt8] = []
    ) -> Frame {
        let head = head.bytes
        var payload: [UInt8] = []
        payload.append(u24: head.count)
        return Frame(.response, flags: flags, stream: stream, payload: payload + head + body)
    }

    static func data(_ stream: UInt32, _ body: [UInt8], flags: FrameFlags = []) -> Frame {
        Frame(.data, flags: flags, stream: stream, payload: body)
    }

    static func data(_ stream: UInt32, count: Int, flags: FrameFlags = []) -> Frame {
        .data(stream, [UInt8](repeating: UInt8(ascii: "d"), count: count), flags: flags)
    }

    static func trailers(_ stream: UInt32, _ fields: [Field], flags: FrameFlags = .end) -> Frame {
        Frame(.trailers, flags: flags, stream: stream, payload: fields.encoded)
    }

    static func secrets(_ stream: UInt32, _ values: [String], flags: FrameFlags = []) -> Frame {
        var payload: [UInt8] = []
        for value in values {
            payload.append(varint: value.utf8.count)
            payload += value.utf8
        }
        return Frame(.secrets, flags: flags, stream: stream, payload: payload)
    }

    static func cancel(_ stream: UInt32, _ code: Code = .cancelled) -> Frame {
        Frame(.cancel, stream: stream, payload: .init(littleEndian: code.rawValue))
    }

    static func credit(_ stream: UInt32, _ bytes: UInt32) -> Frame {
        Frame(.credit, stream: stream, payload: .init(littleEndian: bytes))
    }

    static func ping(_ payload: [UInt8]) -> Frame { Frame(.ping, payload: payload) }

    static func pong(_ payload: [UInt8]) -> Frame { Frame(.pong, payload: payload) }

    static func goAway(_ last: UInt32, _ code: Code, text: String = "") -> Frame {
        var payload: [UInt8] = []
        payload.append(littleEndian: last)
        payload.append(littleEndian: code.rawValue)
        return Frame(.goAway, payload: payload + text.utf8)
    }
}

// MARK: What they say

extension Frame {
    /// The code of a CANCEL.
    var cancelCode: Code? {
        guard self.kind == .cancel else { return nil }
        var reader = ByteReader(self.payload)
        return reader.integer(UInt16.self).map(Code.init)
    }

    /// The bytes of a CREDIT.
    var creditBytes: UInt32? {
        guard self.kind == .credit else { return nil }
        var reader = ByteReader(self.payload)
        return reader.integer()
    }

    /// What a GOAWAY says.
    var goAway: (last: UInt32, code: Code, text: [UInt8])? {
        guard self.kind == .goAway else { return nil }
        var reader = ByteReader(self.payload)
        guard let last = reader.integer(UInt32.self), let code = reader.integer(UInt16.self) else { return nil }
        return (last, Code(rawValue: code), reader.rest())
    }

    /// For the column "seen": `RESPONSE 1 END (200, 5 bytes)`.
    var words: String {
        var words = [self.kind?.name ?? "frame of type \(self.type)"]
        if self.stream != 0 { words.append("\(self.stream)") }
        if !self.flags.isEmpty { words.append(self.flags.words) }
        words.append(self.content)
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private var content: String {
        switch self.kind {
        case .cancel: self.cancelCode?.words ?? "of \(self.payload.count) bytes"
        case .credit: self.creditBytes.map { "of \($0)" } ?? "of \(self.payload.count) bytes"
        case .ping, .pong: self.payload.hex()
        case .data: "of \(self.payload.count) bytes"
        case .goAway:
            self.goAway.map {
                "last \($0.last) \($0.code.words)"
                    + ($0.text.isEmpty ? "" : " \"\(String(decoding: $0.text, as: UTF8.self))\"")
            } ?? "of \(self.payload.count) bytes"
        case .response:
            (try? ResponsePayload(self.payload)).map {
                $0.isEmpty ? "(empty)" : "(\($0.head?.status ?? 0), \($0.body.count) bytes)"
            } ?? "(unreadable)"
        case .request:
            (try? RequestPayload(self)).map { "(\($0.head.methodName) \($0.head.target))" } ?? "(unreadable)"
        case .settings, .trailers, .secrets, nil: "(\(self.payload.count) bytes)"
        }
    }
}

/// The keys of SETTINGS (rule V1-25).
enum SettingsKey: UInt16, Sendable, CaseIterable {
    case streams = 1
    case headLimit = 2
    case streamCredit = 3
    case connectionCredit = 4
    case window = 5
}
