internal import NIOCore
internal import Teleport

/// Puts the answers of one HTTP/1.1 connection into the order of their requests (RFC 9112 §9.3.2).
///
/// Pure: it moves no byte but into the buffer that it is given.
struct FrontPipeline {
    private struct Entry {
        let isHEAD: Bool
        let version: HTTPVersion
        let keepsAlive: Bool
        var response: Response?
    }

    enum Outcome {
        case open
        /// The answer just written is the last on this connection.
        case close
    }

    private let limit: Int
    private var entries: CircularBuffer<Entry> = []
    /// The number of the first entry.
    private var firstNumber: UInt64 = 0
    /// A client waits for `100 (Continue)` before it sends the body of the request after the last entry.
    private var owesContinue = false

    /// - Parameter limit: requests that may be under way at the same time.
    init(limit: Int) { self.limit = Swift.max(1, limit) }

    var isEmpty: Bool { self.entries.isEmpty }
    var isFull: Bool { self.entries.count >= self.limit }

    /// The head of a request was read, whose client waits to be told to go on.
    mutating func continueExpected() { self.owesContinue = true }

    /// The body is here, with or without having been asked for.
    mutating func bodyArrived() { self.owesContinue = false }

    /// A request was read. Returns its number.
    mutating func requestRead(isHEAD: Bool, version: HTTPVersion, keepsAlive: Bool) -> UInt64 {
        self.entries.append(Entry(isHEAD: isHEAD, version: version, keepsAlive: keepsAlive))
        return self.firstNumber + UInt64(self.entries.count) - 1
    }

    mutating func answered(_ number: UInt64, with response: Response) {
        guard number >= self.firstNumber, number - self.firstNumber < UInt64(self.entries.count) else { return }
        let index = self.entries.index(self.entries.startIndex, offsetBy: Int(number - self.firstNumber))
        self.entries[index].response = response
    }

    /// Writes all answers whose turn it is.
    ///
    /// - Parameter closing: the connection is to end as soon as nothing is owed; clients are told with the last answer.
    mutating func writeReadyAnswers(closing: Bool, into buffer: inout ByteBuffer) -> Outcome {
        while let entry = self.entries.first, let response = entry.response {
            self.entries.removeFirst()
            self.firstNumber += 1
            let closes = !entry.keepsAlive || (closing && self.entries.isEmpty)
            self.write(response, for: entry, closes: closes, into: &buffer)
            if closes { return .close }
        }
        if self.owesContinue, self.entries.isEmpty {
            self.owesContinue = false
            buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        }
        return .open
    }

    private func write(_ response: Response, for entry: Entry, closes: Bool, into buffer: inout ByteBuffer) {
        let content = response.body.buffer ?? ByteBuffer()
        let framing: BodyFraming =
            if entry.isHEAD || response.status == .notModified {
                .headOnly
            } else if response.status.forbidsBody {
                .none
            } else {
                .length(content.readableBytes)
            }
        let directive: ConnectionDirective =
            if closes { .close } else if entry.version == .http10 { .keepAlive } else { .unsaid }
        do throws(HTTPError) {
            try ResponseEncoder.encode(response.head, framing: framing, connection: directive, into: &buffer)
            if case .length = framing { buffer.writeImmutableBuffer(content) }
        } catch {
            // The framing above always fits the status, so this is unreachable; an answer is owed all the same.
            buffer.writeStaticString("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        }
    }
}
