/// A request method: a case-sensitive token (RFC 9110 §9.1).
///
/// The methods everybody knows are held as a small tag, so reading and comparing them touches no `String`.
public struct HTTPMethod: Hashable, Sendable, CustomStringConvertible {
    @usableFromInline
    enum Storage: Hashable, Sendable {
        case get, head, post, put, delete, options, trace, connect, patch
        /// Never one of the spellings above: the initialisers see to it, so that equality is equality of tags.
        case other(String)
    }

    @usableFromInline
    let storage: Storage

    @inlinable
    init(storage: Storage) {
        self.storage = storage
    }

    /// `GET`
    @inlinable public static var get: Self { Self(storage: .get) }
    /// `HEAD`
    @inlinable public static var head: Self { Self(storage: .head) }
    /// `POST`
    @inlinable public static var post: Self { Self(storage: .post) }
    /// `PUT`
    @inlinable public static var put: Self { Self(storage: .put) }
    /// `DELETE`
    @inlinable public static var delete: Self { Self(storage: .delete) }
    /// `OPTIONS`
    @inlinable public static var options: Self { Self(storage: .options) }
    /// `TRACE`
    @inlinable public static var trace: Self { Self(storage: .trace) }
    /// `CONNECT`
    @inlinable public static var connect: Self { Self(storage: .connect) }
    /// `PATCH`
    @inlinable public static var patch: Self { Self(storage: .patch) }

    /// Makes a method from its spelling, or `nil` if that is not a token of RFC 9110 §5.6.2.
    public init?(_ rawValue: String) {
        let utf8 = rawValue.utf8.span
        guard let method = HTTPMethod(bytes: utf8.bytes, from: 0, to: utf8.count) else { return nil }
        self = method
    }

    /// The well-known spellings packed as ``ByteScan/packed(_:from:to:)`` packs them: first character lowest.
    private enum Packed {
        static let get: UInt64 = 0x54_45_47
        static let post: UInt64 = 0x54_53_4F_50
        static let head: UInt64 = 0x44_41_45_48
        static let put: UInt64 = 0x54_55_50
        static let delete: UInt64 = 0x45_54_45_4C_45_44
        static let options: UInt64 = 0x53_4E_4F_49_54_50_4F
        static let trace: UInt64 = 0x45_43_41_52_54
        static let connect: UInt64 = 0x54_43_45_4E_4E_4F_43
        static let patch: UInt64 = 0x48_43_54_41_50
    }

    /// Reads a method from `bytes[start..<end]`; `nil` if that is not a token.
    init?(bytes: RawSpan, from start: Int, to end: Int) {
        switch ByteScan.packed(bytes, from: start, to: end) {
        case Packed.get: storage = .get
        case Packed.post: storage = .post
        case Packed.head: storage = .head
        case Packed.put: storage = .put
        case Packed.delete: storage = .delete
        case Packed.options: storage = .options
        case Packed.trace: storage = .trace
        case Packed.connect: storage = .connect
        case Packed.patch: storage = .patch
        default:
            guard ByteScan.isToken(bytes, from: start, to: end) else { return nil }
            storage = .other(ByteScan.string(bytes, from: start, to: end))
        }
    }

    /// The number in heads of protocol v1 (V1-61), 0 for a method that has none.
    @inline(__always)
    var number: UInt8 {
        switch storage {
        case .other: 0
        case .get: 1
        case .head: 2
        case .post: 3
        case .put: 4
        case .delete: 5
        case .options: 6
        case .trace: 7
        case .connect: 8
        case .patch: 9
        }
    }

    /// The method with that ``number``, `nil` if none has it.
    @inline(__always)
    init?(number: UInt8) {
        switch number {
        case 1: storage = .get
        case 2: storage = .head
        case 3: storage = .post
        case 4: storage = .put
        case 5: storage = .delete
        case 6: storage = .options
        case 7: storage = .trace
        case 8: storage = .connect
        case 9: storage = .patch
        default: return nil
        }
    }

    /// The spelling on the wire, for example `"GET"`.
    public var rawValue: String {
        switch storage {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .patch: "PATCH"
        case .other(let spelling): spelling
        }
    }

    public var description: String { rawValue }

    /// Whether sending the request twice has the effect of sending it once (RFC 9110 §9.2.2).
    ///
    /// True for `GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS` and `TRACE`; false for every other, known or not.
    public var isIdempotent: Bool {
        switch storage {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// Whether a request without a body carries no `Content-Length` of zero, because nobody expects a body of it.
    var usuallyHasNoBody: Bool {
        storage == .get || storage == .head
    }
}
