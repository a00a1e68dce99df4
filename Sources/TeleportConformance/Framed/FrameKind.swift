/// The types of frames that the specification names (rule V1-21).
enum FrameKind: UInt8, Sendable, CaseIterable {
    case settings = 0
    case request = 1
    case response = 2
    case data = 3
    case trailers = 4
    case secrets = 5
    case cancel = 6
    case credit = 7
    case ping = 8
    case pong = 9
    case goAway = 10

    /// As the specification writes it.
    var name: String {
        switch self {
        case .settings: "SETTINGS"
        case .request: "REQUEST"
        case .response: "RESPONSE"
        case .data: "DATA"
        case .trailers: "TRAILERS"
        case .secrets: "SECRETS"
        case .cancel: "CANCEL"
        case .credit: "CREDIT"
        case .ping: "PING"
        case .pong: "PONG"
        case .goAway: "GOAWAY"
        }
    }

    /// The flags that may stand on it.
    var flags: FrameFlags {
        switch self {
        case .request: [.end, .sensitive, .noReply, .tunnel, .deadline]
        case .response: [.end, .sensitive, .interim, .tunnel]
        case .data, .trailers: [.end, .sensitive]
        case .secrets: [.sensitive]
        case .settings, .cancel, .credit, .ping, .pong, .goAway: []
        }
    }

    /// The length that its payload has, if it has only one.
    var fixedLength: Int? {
        switch self {
        case .cancel: 2
        case .credit: 4
        case .ping, .pong: 8
        case .settings, .request, .response, .data, .trailers, .secrets, .goAway: nil
        }
    }

    /// Whether it is on a stream; `nil` may be either.
    var isOnStream: Bool? {
        switch self {
        case .settings, .ping, .pong, .goAway: false
        case .request, .response, .data, .trailers, .secrets, .cancel: true
        case .credit: nil
        }
    }

    /// Whether it has the flag SENSITIVE on sensitive streams (rule V1-23).
    var carriesContent: Bool {
        switch self {
        case .request, .response, .data, .trailers, .secrets: true
        case .settings, .cancel, .credit, .ping, .pong, .goAway: false
        }
    }
}

/// The flags of frames (rule V1-21).
struct FrameFlags: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    static let end = FrameFlags(rawValue: 0x01)
    static let sensitive = FrameFlags(rawValue: 0x02)
    static let noReply = FrameFlags(rawValue: 0x04)
    static let interim = FrameFlags(rawValue: 0x08)
    static let tunnel = FrameFlags(rawValue: 0x10)
    static let deadline = FrameFlags(rawValue: 0x20)
    static let unknown = FrameFlags(rawValue: 0xC0)

    /// All that have a name, and it.
    static let named: [(flag: FrameFlags, name: String)] = [
        (.end, "END"), (.sensitive, "SENSITIVE"), (.noReply, "NO_REPLY"), (.interim, "INTERIM"), (.tunnel, "TUNNEL"),
        (.deadline, "DEADLINE"),
    ]

    var words: String {
        var words = Self.named.filter { self.contains($0.flag) }.map(\.name)
        if !self.isDisjoint(with: .unknown) { words.append("flags \(hex: self.rawValue & 0xC0)") }
        return words.joined(separator: "+")
    }
}

/// Why streams and connections end (rule V1-80).
struct Code: RawRepresentable, Sendable, Hashable {
    let rawValue: UInt16

    static let noError = Code(rawValue: 0)
    static let cancelled = Code(rawValue: 1)
    static let refused = Code(rawValue: 2)
    static let overloaded = Code(rawValue: 3)
    static let deadline = Code(rawValue: 4)
    static let `internal` = Code(rawValue: 5)
    static let `protocol` = Code(rawValue: 6)
    static let malformed = Code(rawValue: 7)
    static let slow = Code(rawValue: 8)
    static let tooLarge = Code(rawValue: 9)
    static let block = Code(rawValue: 16)
    static let frame = Code(rawValue: 17)
    static let settings = Code(rawValue: 18)
    static let stream = Code(rawValue: 19)
    static let credit = Code(rawValue: 20)
    static let secret = Code(rawValue: 21)
    static let abuse = Code(rawValue: 22)
    static let timeout = Code(rawValue: 23)

    private static let names: [UInt16: String] = [
        0: "NO_ERROR", 1: "CANCELLED", 2: "REFUSED", 3: "OVERLOADED", 4: "DEADLINE", 5: "INTERNAL", 6: "PROTOCOL",
        7: "MALFORMED", 8: "SLOW", 9: "TOO_LARGE", 16: "BLOCK", 17: "FRAME", 18: "SETTINGS", 19: "STREAM", 20: "CREDIT",
        21: "SECRET", 22: "ABUSE", 23: "TIMEOUT",
    ]

    /// The name that the specification gives it.
    var words: String { Self.names[self.rawValue] ?? "code \(self.rawValue)" }
}

extension String.StringInterpolation {
    /// Two digits in base 16.
    mutating func appendInterpolation(hex byte: UInt8) {
        self.appendLiteral(byte < 16 ? "0" : "")
        self.appendLiteral(String(byte, radix: 16))
    }
}

extension Sequence<UInt8> {
    /// In base 16, for people: at most the first `limit`.
    func hex(upTo limit: Int = 24) -> String {
        let bytes = Array(self)
        let text = bytes.prefix(limit).map { "\(hex: $0)" }.joined(separator: " ")
        return bytes.count > limit ? "\(text) … (\(bytes.count) bytes)" : text
    }
}
