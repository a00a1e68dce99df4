/// What a frame is (rule V1-21).
public enum FrameType: UInt8, Sendable, Hashable, CaseIterable {
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

    /// The flags that may stand on it (rule V1-21).
    var allowedFlags: FrameFlags {
        switch self {
        case .request: [.end, .sensitive, .noReply, .tunnel, .deadline]
        case .response: [.end, .sensitive, .interim, .tunnel]
        case .data, .trailers: [.end, .sensitive]
        case .secrets: [.sensitive]
        case .settings, .cancel, .credit, .ping, .pong, .goAway: []
        }
    }

    /// The length that its payload has, if it is always the same.
    var fixedLength: Int? {
        switch self {
        case .cancel: 2
        case .credit: 4
        case .ping, .pong: 8
        case .settings, .request, .response, .data, .trailers, .secrets, .goAway: nil
        }
    }

    /// Whether it belongs to a stream, to the connection, or to either.
    var place: Place {
        switch self {
        case .settings, .ping, .pong, .goAway: .connection
        case .request, .response, .data, .trailers, .secrets, .cancel: .stream
        case .credit: .either
        }
    }

    enum Place {
        case connection, stream, either
    }
}

/// What is said about a frame beside its type (rule V1-21).
public struct FrameFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The sender's side of the stream ends with this frame.
    @inlinable public static var end: FrameFlags { FrameFlags(rawValue: 0x01) }
    /// The frame must touch no history.
    @inlinable public static var sensitive: FrameFlags { FrameFlags(rawValue: 0x02) }
    /// Nobody waits for an answer.
    @inlinable public static var noReply: FrameFlags { FrameFlags(rawValue: 0x04) }
    /// An informational answer; the final one follows.
    @inlinable public static var interim: FrameFlags { FrameFlags(rawValue: 0x08) }
    /// A tunnel is asked for, or granted.
    @inlinable public static var tunnel: FrameFlags { FrameFlags(rawValue: 0x10) }
    /// The payload begins with the milliseconds that are left.
    @inlinable public static var deadline: FrameFlags { FrameFlags(rawValue: 0x20) }
}
