internal import Teleport

/// How long requests of one method that were answered with one status took.
public struct DurationClass: Sendable, Hashable {
    /// The upper bounds of the buckets, in seconds; one more bucket has the rest.
    public static let bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// The method, `_OTHER` for those that are seldom: whoever makes methods up makes no new classes.
    public var method: String { self.key.method.rawValue }
    /// The status that the client was answered.
    public var status: Int { Int(self.key.status) }
    /// How many took up to the bound and more than the one before; the last, how many took longer than all.
    public var buckets: [Int] { self.counts.buckets }
    /// Seconds, of all together.
    public var sum: Double { Double(self.counts.nanoseconds) / 1e9 }

    let key: Key
    let counts: Counts

    enum Method: String, Hashable, Comparable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
        case patch = "PATCH"
        case options = "OPTIONS"
        case trace = "TRACE"
        case connect = "CONNECT"
        case other = "_OTHER"

        init(_ method: HTTPMethod) {
            switch method {
            case .get: self = .get
            case .post: self = .post
            case .head: self = .head
            case .put: self = .put
            case .delete: self = .delete
            case .patch: self = .patch
            case .options: self = .options
            case .trace: self = .trace
            case .connect: self = .connect
            default: self = .other
            }
        }

        static func < (left: Method, right: Method) -> Bool { left.rawValue < right.rawValue }
    }

    struct Key: Hashable, Comparable {
        let method: Method
        let status: UInt16

        static func < (left: Key, right: Key) -> Bool {
            (left.method, left.status) < (right.method, right.status)
        }
    }

    struct Counts: Hashable {
        var buckets = [Int](repeating: 0, count: DurationClass.bounds.count + 1)
        var nanoseconds: Int64 = 0

        mutating func add(_ nanoseconds: Int64) {
            let seconds = Double(nanoseconds) / 1e9
            let bucket = DurationClass.bounds.firstIndex { seconds <= $0 } ?? DurationClass.bounds.count
            self.buckets[bucket] += 1
            self.nanoseconds += nanoseconds
        }

        func adding(_ other: Counts) -> Counts {
            var sum = self
            for index in sum.buckets.indices { sum.buckets[index] += other.buckets[index] }
            sum.nanoseconds += other.nanoseconds
            return sum
        }
    }
}
