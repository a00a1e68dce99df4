// Outside of the machines, which are generic: the operations of an option set that is nested in a generic type look up its
// metadata each time wherever they are not specialised.

/// What a stream is to its client.
@usableFromInline
struct ClientStreamFlags: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @inlinable
    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// This side has neither ended its side of the stream nor cancelled it.
    @inlinable static var uploading: Self { Self(rawValue: 1) }
    /// The head of the final answer came; the stream is not over.
    @inlinable static var answering: Self { Self(rawValue: 2) }
    /// The server's terminal frame came.
    @inlinable static var answered: Self { Self(rawValue: 4) }
    /// The caller gave up: everything is read over until the terminal frame came.
    @inlinable static var cancelled: Self { Self(rawValue: 8) }
    @inlinable static var oneWay: Self { Self(rawValue: 16) }
    @inlinable static var sensitive: Self { Self(rawValue: 32) }
    /// SECRETS came, the head they belong to has not.
    @inlinable static var hasSecrets: Self { Self(rawValue: 64) }
    /// The request went on behind its first frame, so that there is credit to count.
    @inlinable static var streamed: Self { Self(rawValue: 128) }
}

/// What is asked for beside the answer.
public struct CallFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The request goes on behind its first frame.
    @inlinable public static var streamsBody: Self { Self(rawValue: 1) }
    /// Nobody waits for an answer.
    @inlinable public static var oneWay: Self { Self(rawValue: 16) }
    /// All frames of the stream are sensitive.
    @inlinable public static var sensitive: Self { Self(rawValue: 32) }
}

/// What a stream is to its server.
@usableFromInline
struct ServerStreamFlags: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @inlinable
    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The client has not ended its side.
    @inlinable static var receiving: Self { Self(rawValue: 1) }
    /// The head of the final answer was given; the body is under way.
    @inlinable static var answering: Self { Self(rawValue: 2) }
    /// The terminal frame was given.
    @inlinable static var answered: Self { Self(rawValue: 4) }
    /// The client does not want the answer; the terminal frame is owed all the same.
    @inlinable static var cancelled: Self { Self(rawValue: 8) }
    @inlinable static var oneWay: Self { Self(rawValue: 16) }
    @inlinable static var sensitive: Self { Self(rawValue: 32) }
    /// The request went on behind its first frame, so that there is credit to count.
    @inlinable static var streamed: Self { Self(rawValue: 64) }
    /// A tunnel is asked for; once the answer has begun: is granted. Its halves end each for itself.
    @inlinable static var tunnel: Self { Self(rawValue: 128) }

    /// Whether what the client sends is still wanted.
    @inlinable var wantsRequest: Bool {
        self.isDisjoint(with: [.answered, .cancelled]) || self.isHalfClosed
    }
    /// Whether it is a tunnel whose server has ended its half.
    @inlinable var isHalfClosed: Bool { self.isSuperset(of: [.answered, .tunnel]) }
}
