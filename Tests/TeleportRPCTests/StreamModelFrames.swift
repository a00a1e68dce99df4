import TeleportRPC
import TeleportTestKit
import TeleportWire

/// A frame as the model sends it. Beside what a frame says it carries the number of the call that its sender means, and
/// the place of its bytes in their body: nobody but the checks looks at them.
enum ModelFrame: Sendable {
    case settings(SettingsV1)
    case request(CallID, flags: FrameFlags, bytes: Int, call: Int, milliseconds: UInt64?)
    case response(CallID, ends: Bool, isInterim: Bool, isEmpty: Bool, isSensitive: Bool, call: Int)
    case data(CallID, ModelPiece, ends: Bool, isSensitive: Bool)
    case trailers(CallID, ModelPiece, isSensitive: Bool)
    case secrets(CallID, bytes: Int)
    case cancel(CallID, ErrorCode)
    case credit(CallID?, Int)
    case ping(Int)
    case pong(Int)
    case goAway(GoAway)

    /// Of the connection, or credit.
    var isControl: Bool {
        switch self {
        case .settings, .credit, .ping, .pong, .goAway: true
        default: false
        }
    }

    var isSecrets: Bool {
        if case .secrets = self { true } else { false }
    }
}

/// So many bytes at a place of the body of a call.
struct ModelPiece: Sendable {
    var call: Int
    var offset: Int
    var count: Int
    /// Of the whole body.
    var length: Int
}

/// First in, first out.
struct ModelQueue {
    private var frames: [ModelFrame] = []
    private var head = 0

    var isEmpty: Bool { self.head == self.frames.count }
    var rest: ArraySlice<ModelFrame> { self.frames[self.head...] }

    mutating func append(_ frame: ModelFrame) { self.frames.append(frame) }

    mutating func popFirst() -> ModelFrame? {
        guard !self.isEmpty else { return nil }
        defer { self.head += 1 }
        if self.head > 64 {
            self.frames.removeFirst(self.head)
            self.head = 0
        }
        return self.frames[self.head]
    }

    /// Gives all that is in it.
    mutating func takeAll() -> ArraySlice<ModelFrame> {
        defer { self.removeAll() }
        return self.rest
    }

    mutating func removeAll() {
        self.frames.removeAll(keepingCapacity: true)
        self.head = 0
    }

    /// Bytes of DATA, and of credit, that are in it for a stream, or for the connection.
    func sums(_ id: CallID?) -> (data: Int, credit: Int) {
        var (data, credit) = (0, 0)
        for frame in self.rest {
            switch frame {
            case .data(let stream, let piece, _, _) where id == nil || stream == id: data += piece.count
            case .credit(let stream, let bytes) where stream == id: credit += bytes
            default: break
            }
        }
        return (data, credit)
    }
}

/// What a call is like.
struct ModelPlan: Sendable {
    /// Bytes of the request that are exempt from credit.
    var bytes = 0
    /// The body behind the first frame, if there is one.
    var upload: Int?
    var hasTrailers = false
    var isOneWay = false
    var isSensitive = false
    var secrets = 0
    var milliseconds: UInt64?
}

/// How a call ended.
enum ModelOutcome: Sendable, Equatable {
    case answered
    case acknowledged
    /// CANCEL came.
    case failed(ErrorCode)
    case cancelled
    case expired
    /// It lay beyond the last stream of a drain.
    case notTaken
    /// The connection took no new calls, or the request could not be encoded.
    case notMade
    case lost(possiblyExecuted: Bool)
}

/// An invariant that does not hold.
struct ModelFailure: Error, CustomStringConvertible {
    let description: String
}

func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw ModelFailure(description: what()) }
}

/// All chance of one sequence.
final class Dice {
    var random: SeededRandom

    init(seed: UInt64) { self.random = SeededRandom(seed: seed) }

    func below(_ bound: Int) -> Int { Int(self.random.next() % UInt64(bound)) }
    func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + self.below(range.count) }
    /// True once in so many times.
    func once(in count: Int) -> Bool { self.below(count) == 0 }
    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[self.below(elements.count)]
    }
}
