import struct NIOCore.ByteBuffer

/// Reads the content of one message behind its head and says where it ends.
///
/// Sizes are judged where they are announced, before any of those bytes is handed out: so it does not matter in which
/// pieces a body arrives.
struct BodyDecoder: Sendable {
    enum Event {
        case piece(ByteBuffer)
        case end(trailers: Fields?)
    }

    private enum Phase: Sendable {
        case complete
        case length(remaining: Int)
        case chunkLine
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case untilClose
    }

    private var phase = Phase.complete
    private var trailers = HeadParser(dropping: .forbiddenInTrailers)
    /// Offset of the first byte of a chunk-size line that was not looked at.
    private var scanned = 0
    /// All content announced so far.
    private(set) var announced = 0
    private let limits: HTTPLimits
    /// Content above this ends the connection.
    private let maxSize: Int

    init(limits: HTTPLimits, maxSize: Int) {
        self.limits = limits
        self.maxSize = maxSize
    }

    mutating func beginNothing() {
        phase = .complete
        announced = 0
    }

    mutating func begin(length: Int) {
        phase = length == 0 ? .complete : .length(remaining: length)
        announced = length
    }

    mutating func beginChunks() {
        phase = .chunkLine
        announced = 0
        scanned = 0
        trailers.reset()
    }

    mutating func beginUntilClose() {
        phase = .untilClose
        announced = 0
    }

    /// Whether the end of the connection is the end of this body.
    var endsWithConnection: Bool {
        if case .untilClose = phase { true } else { false }
    }

    /// What is left of a body whose end is known and needs no decoding, 0 if there is none; else `nil`.
    var knownSize: Int? {
        switch phase {
        case .complete: 0
        case .length(let remaining): remaining
        case .chunkLine, .chunk, .chunkEnd, .trailers, .untilClose: nil
        }
    }

    /// What is left of a body whose length was announced; 0 for any other.
    var remaining: Int {
        if case .length(let remaining) = phase { remaining } else { 0 }
    }

    mutating func next(from buffer: inout ByteBuffer) throws(HTTPError) -> Event? {
        while true {
            switch phase {
            case .complete:
                return .end(trailers: nil)
            case .length(let remaining):
                guard let piece = take(remaining, from: &buffer) else { return nil }
                let left = remaining - piece.readableBytes
                phase = left == 0 ? .complete : .length(remaining: left)
                return .piece(piece)
            case .chunkLine:
                guard let (size, lineLength) = try chunkLine(buffer.readableBytesSpan) else { return nil }
                buffer.moveReaderIndex(forwardBy: lineLength)
                phase = size == 0 ? .trailers : .chunk(remaining: size)
            case .chunk(let remaining):
                guard let piece = take(remaining, from: &buffer) else { return nil }
                let left = remaining - piece.readableBytes
                phase = left == 0 ? .chunkEnd : .chunk(remaining: left)
                return .piece(piece)
            case .chunkEnd:
                guard try isChunkEnd(buffer.readableBytesSpan) else { return nil }
                buffer.moveReaderIndex(forwardBy: 2)
                phase = .chunkLine
            case .trailers:
                guard try trailerSection(buffer.readableBytesSpan) else { return nil }
                phase = .complete
                let section = buffer.readSlice(length: trailers.lineStart) ?? ByteBuffer()
                let entries = trailers.takeEntries()
                return .end(trailers: entries.isEmpty ? nil : Fields(buffer: section, entries: entries))
            case .untilClose:
                guard let piece = take(buffer.readableBytes, from: &buffer) else { return nil }
                announced += piece.readableBytes
                guard announced <= maxSize else { throw HTTPError(.bodyTooLarge) }
                return .piece(piece)
            }
        }
    }

    private func take(_ count: Int, from buffer: inout ByteBuffer) -> ByteBuffer? {
        let count = min(count, buffer.readableBytes)
        return count == 0 ? nil : buffer.readSlice(length: count)
    }

    /// `1*HEXDIG [BWS ";" extensions] CRLF` (RFC 9112 §7.1). Extensions are read over.
    private mutating func chunkLine(_ bytes: RawSpan) throws(HTTPError) -> (size: Int, lineLength: Int)? {
        let available = bytes.byteCount
        let end = min(available, limits.maxChunkLineSize)
        // Less than was looked at before says nothing new.
        guard scanned <= end else { return nil }
        let stop = ByteScan.lineStop(bytes, from: scanned, to: end)
        scanned = stop
        guard stop < end else {
            if available >= limits.maxChunkLineSize { throw HTTPError(.chunkLineTooLong) }
            return nil
        }
        switch ByteScan.byte(bytes, stop) {
        case ASCII.carriageReturn: break
        case ASCII.lineFeed: throw HTTPError(.bareLineFeed)
        case 0: throw HTTPError(.nulByte)
        default: throw HTTPError(.invalidChunk)
        }
        guard stop + 1 < end else {
            if available >= limits.maxChunkLineSize { throw HTTPError(.chunkLineTooLong) }
            return nil
        }
        guard ByteScan.byte(bytes, stop + 1) == ASCII.lineFeed else { throw HTTPError(.bareCarriageReturn) }
        let size = try Self.chunkSize(bytes, to: stop)
        let (total, overflow) = announced.addingReportingOverflow(size)
        guard !overflow, total <= maxSize else { throw HTTPError(.bodyTooLarge) }
        announced = total
        scanned = 0
        return (size, stop + 2)
    }

    private static func chunkSize(_ bytes: RawSpan, to end: Int) throws(HTTPError) -> Int {
        var size = 0
        var index = 0
        while index < end, let digit = hexadecimal(ByteScan.byte(bytes, index)) {
            guard size <= Int.max >> 4 else { throw HTTPError(.bodyTooLarge) }
            size = size << 4 | digit
            index += 1
        }
        guard index > 0 else { throw HTTPError(.invalidChunk) }
        if index == end { return size }
        while index < end, ASCII.isBlank(ByteScan.byte(bytes, index)) { index += 1 }
        guard index < end, ByteScan.byte(bytes, index) == ASCII.semicolon else { throw HTTPError(.invalidChunk) }
        return size
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }

    private func isChunkEnd(_ bytes: RawSpan) throws(HTTPError) -> Bool {
        guard bytes.byteCount > 0 else { return false }
        guard ByteScan.byte(bytes, 0) == ASCII.carriageReturn else { throw HTTPError(.invalidChunk) }
        guard bytes.byteCount > 1 else { return false }
        guard ByteScan.byte(bytes, 1) == ASCII.lineFeed else { throw HTTPError(.invalidChunk) }
        return true
    }

    /// Reads the trailer section, which is at least an empty line; false if it is not complete.
    private mutating func trailerSection(_ bytes: RawSpan) throws(HTTPError) -> Bool {
        let isComplete = try trailers.fieldLines(bytes, limit: limits.maxTrailerSize, maxCount: limits.maxFieldCount)
        if !isComplete, bytes.byteCount >= limits.maxTrailerSize { throw HTTPError(.trailersTooLarge) }
        return isComplete
    }
}

/// A body of the next `count` bytes, which are there, without copying them.
@inline(__always)
func takeBody(_ count: Int, from buffer: inout ByteBuffer) -> Body {
    count == 0 ? .empty : Body(buffer.readSlice(length: count) ?? ByteBuffer())
}
