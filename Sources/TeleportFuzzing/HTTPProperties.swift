import TeleportHTTP

import struct NIOCore.ByteBuffer

/// How one input of an HTTP target is to be read; its first byte says so.
struct HTTPMode {
    let profile: HTTPProfile
    let limits: HTTPLimits
    /// How many bytes come at a time in the third way of cutting the input; the others are 1 and all.
    let step: Int
    /// The bits that are left, for a target's own choices.
    let choice: Int

    init(_ byte: UInt8) {
        profile = byte & 1 == 0 ? .http1 : .teleport
        limits = byte & 2 == 0 ? .default : HTTPMode.tight
        choice = Int(byte >> 2 & 3)
        step = 2 + Int(byte >> 4)
    }

    /// Limits that short inputs reach.
    private static let tight = HTTPLimits(
        maxHeadSize: 256, maxTargetSize: 64, maxFieldCount: 6, maxBodySize: 48, maxChunkLineSize: 16,
        maxTrailerSize: 48, maxDiscardedBody: 128, maxInformationalResponses: 2)

    /// Limits that nothing read under ``limits`` can exceed when it is written again.
    let roomy = HTTPLimits(maxHeadSize: 80 << 10, maxTargetSize: 80 << 10, maxFieldCount: 200, maxTrailerSize: 80 << 10)

    /// The most bytes a decoder may leave in the buffer and still ask for more.
    var maxUnread: Int {
        max(limits.maxHeadSize, limits.maxChunkLineSize, limits.maxTrailerSize)
    }
}

/// Something a decoder of heads of one kind reported, with the pieces of a body put together, so that only what was
/// said counts and not in how many pieces.
enum HTTPOccurrence<Head: Equatable>: Equatable {
    case message(Head, body: ByteBuffer, trailers: Fields?)
    case informational(Head)
    case refused(HTTPError)
    /// The end of the stream: what the decoder threw, if it did, and otherwise how much it left unread.
    case failed(HTTPError)
    /// A message had begun and the stream ended.
    case unfinished(Head?, body: ByteBuffer)
    case ended(unread: Int)
}

extension HTTPOccurrence {
    /// Whether it says something about a message, which both faces of a decoder must agree on.
    var isMessage: Bool {
        switch self {
        case .message, .refused, .failed: true
        case .informational, .unfinished, .ended: false
        }
    }
}

/// Reads a stream in every way there is, which must all come to the same.
///
/// - Parameters:
///   - events: reads it event by event, so many bytes at a time.
///   - messages: reads it message by message.
/// - Returns: what it says about messages.
func readEveryWay<Head>(
    _ stream: Slice<UnsafeRawBufferPointer>, _ mode: HTTPMode,
    events: (Slice<UnsafeRawBufferPointer>, HTTPMode, Int) -> [HTTPOccurrence<Head>],
    messages: (Slice<UnsafeRawBufferPointer>, HTTPMode, Int) -> [HTTPOccurrence<Head>]
) -> [HTTPOccurrence<Head>] {
    let whole = events(stream, mode, stream.count)
    for step in [1, mode.step] {
        precondition(whole == events(stream, mode, step), "What is read depends on how the input is cut.")
    }
    let result = whole.filter(\.isMessage)
    for step in [1, stream.count] {
        precondition(result == messages(stream, mode, step), "The two faces of the decoder disagree.")
    }
    return result
}

/// Hands out a stream's bytes, so many at a time.
struct Feeder {
    private var rest: Slice<UnsafeRawBufferPointer>
    private let step: Int
    var buffer = ByteBuffer()

    init(_ input: Slice<UnsafeRawBufferPointer>, step: Int) {
        rest = input
        self.step = max(1, step)
    }

    /// Appends the next bytes to the buffer; false if there are none.
    mutating func feed() -> Bool {
        guard !rest.isEmpty else { return false }
        buffer.writeBytes(rest.prefix(step))
        rest = rest.dropFirst(step)
        return true
    }
}

extension Fields {
    /// Names and values as text, without those an encoder leaves out or writes itself. What an encoder did is checked
    /// against this second, simpler reading of RFC 9110 §7.6.1.
    func expected(after filter: ExpectedFilter) -> [String] {
        var dropped: Set = ["transfer-encoding", "content-length"]
        if filter != .none {
            dropped.formUnion(["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"])
            for value in all(.connection) {
                for member in value.split(separator: ",") {
                    dropped.insert(member.trimmed.lowercased())
                }
            }
            // A Connection that names Host is not obeyed.
            dropped.remove("host")
        }
        if filter == .teleport { dropped.insert("expect") }
        return compactMap { name, value in
            dropped.contains(name.lowercased()) ? nil : "\(name): \(value)"
        }
    }
}

/// Which fields an encoder was told to leave out.
enum ExpectedFilter {
    case none, hopByHop, teleport
}

extension Substring {
    /// Without the blanks HTTP knows around it.
    fileprivate var trimmed: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let last = lastIndex(where: { !isBlank($0) }) else { return "" }
        return self[...last].drop(while: isBlank)
    }
}

/// Writes a body in chunks, and its end.
func encodeChunks(of body: ByteBuffer, trailers: Fields?, _ mode: HTTPMode, into buffer: inout ByteBuffer) {
    var rest = body
    while rest.readableBytes > 0, let piece = rest.readSlice(length: min(mode.step, rest.readableBytes)) {
        ChunkEncoder.encode(piece, into: &buffer)
    }
    ChunkEncoder.encodeEnd(trailers: trailers, into: &buffer)
}

/// Runs something that must not throw on what a decoder accepted.
func mustSucceed<Value>(_ what: String, _ body: () throws(HTTPError) -> Value) -> Value {
    do {
        return try body()
    } catch {
        preconditionFailure("\(what): \(error)")
    }
}
