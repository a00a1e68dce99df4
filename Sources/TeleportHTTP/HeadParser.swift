/// Reads the lines of a head or a trailer section from the front of a buffer, left to right, each byte once.
///
/// It consumes nothing. Between calls it remembers how far it came, as offsets from the front, so feeding it byte by byte
/// costs no more than feeding it all at once, and every decision depends only on the bytes before it: both ways end in the
/// same result or the same error.
///
/// Entries gather in a scratch array that keeps its capacity; ``takeEntries()`` copies them out in one allocation of the
/// right size.
struct HeadParser: Sendable {
    /// What framing and routing depend on, noted while the fields pass by.
    private(set) var facts = HeadFacts()
    /// Where the next line begins.
    private(set) var lineStart = 0
    private var entries: [FieldEntry] = []
    private var scanned = 0
    /// Behind the colon of the current line; 0 while its name is being read.
    private var valueStart = 0
    private var nameID: UInt8 = 0
    private var nameFlags: UInt8 = 0
    /// Ids of fields that are noted and left out.
    private let dropped: FieldSet

    /// - Parameter dropped: Ids of fields to leave out.
    init(dropping dropped: FieldSet = FieldSet()) {
        self.dropped = dropped
    }

    /// Whether some of a line has been seen.
    var hasBegun: Bool { scanned > 0 }

    mutating func reset() {
        facts = HeadFacts()
        lineStart = 0
        entries.removeAll(keepingCapacity: true)
        scanned = 0
        valueStart = 0
    }

    func takeEntries() -> [FieldEntry] {
        entries.isEmpty ? [] : entries.withUnsafeBufferPointer { Array($0) }
    }

    /// The start line: where it ends, or `nil` if it is not complete.
    mutating func startLine(_ bytes: RawSpan, limit: Int) throws(HTTPError) -> Int? {
        let end = min(bytes.byteCount, limit)
        // Less than was looked at before says nothing new.
        guard scanned <= end else { return nil }
        let stop = ByteScan.lineStop(bytes, from: scanned, to: end)
        scanned = stop
        guard try isLineEnd(bytes, at: stop, end: end, otherwise: .invalidRequestLine) else { return nil }
        nextLine(after: stop)
        return stop
    }

    /// Field lines up to and with the empty line; false if that has not come.
    ///
    /// - Parameter limit: Of the bytes from the front that may be looked at; the caller gives up when they are all there.
    mutating func fieldLines(_ bytes: RawSpan, limit: Int, maxCount: Int) throws(HTTPError) -> Bool {
        let end = min(bytes.byteCount, limit)
        guard scanned <= end else { return false }
        let names = NameTable.shared
        while true {
            if valueStart == 0 {
                if scanned == lineStart {
                    guard lineStart < end else { return false }
                    let first = ByteScan.byte(bytes, lineStart)
                    if first == ASCII.carriageReturn {
                        guard try isLineEnd(bytes, at: lineStart, end: end, otherwise: .invalidFieldName) else {
                            return false
                        }
                        nextLine(after: lineStart)
                        return true
                    }
                    if ASCII.isBlank(first) { throw HTTPError(.obsoleteLineFolding) }
                }
                let colon = ByteScan.nameStop(bytes, from: scanned, to: end)
                scanned = colon
                guard colon < end else { return false }
                try name(bytes, endsAt: colon, names)
                valueStart = colon &+ 1
                scanned = valueStart
            }
            let stop = ByteScan.lineStop(bytes, from: scanned, to: end)
            scanned = stop
            guard try isLineEnd(bytes, at: stop, end: end, otherwise: .invalidFieldValue) else { return false }
            guard entries.count < maxCount else { throw HTTPError(.tooManyFields) }
            field(bytes, endsAt: stop)
            nextLine(after: stop)
        }
    }

    @inline(__always)
    private mutating func nextLine(after stop: Int) {
        lineStart = stop &+ 2
        scanned = lineStart
        valueStart = 0
    }

    /// Whether a line ends at `stop`; false if that cannot be told yet.
    @inline(__always)
    private func isLineEnd(
        _ bytes: RawSpan, at stop: Int, end: Int, otherwise code: HTTPError.Code
    ) throws(HTTPError) -> Bool {
        guard stop < end else { return false }
        let byte = ByteScan.byte(bytes, stop)
        guard byte == ASCII.carriageReturn else { throw HTTPError(Self.fault(of: byte) ?? code) }
        guard stop &+ 1 < end else { return false }
        guard ByteScan.byte(bytes, stop &+ 1) == ASCII.lineFeed else { throw HTTPError(.bareCarriageReturn) }
        return true
    }

    private static func fault(of byte: UInt8) -> HTTPError.Code? {
        switch byte {
        case ASCII.lineFeed: .bareLineFeed
        case 0: .nulByte
        default: nil
        }
    }

    @inline(__always)
    private mutating func name(_ bytes: RawSpan, endsAt colon: Int, _ names: NameTable) throws(HTTPError) {
        let byte = ByteScan.byte(bytes, colon)
        guard byte == ASCII.colon else { throw HTTPError(Self.fault(of: byte) ?? .invalidFieldName) }
        let match = names.find(bytes, from: lineStart, to: colon)
        nameID = match.id
        nameFlags = match.isCanonical ? FieldEntry.canonicalName : 0
        guard match.id != 0 || ByteScan.isToken(bytes, from: lineStart, to: colon),
            colon &- lineStart <= Int(UInt16.max)
        else { throw HTTPError(.invalidFieldName) }
    }

    @inline(__always)
    private mutating func field(_ bytes: RawSpan, endsAt lineEnd: Int) {
        var start = valueStart
        var end = lineEnd
        while start < end, ASCII.isBlank(ByteScan.byte(bytes, start)) { start &+= 1 }
        while end > start, ASCII.isBlank(ByteScan.byte(bytes, end &- 1)) { end &-= 1 }
        let isVerbatim =
            start == valueStart &+ 1 && end == lineEnd && ByteScan.byte(bytes, valueStart) == ASCII.space
        let entry = FieldEntry(
            nameStart: UInt32(truncatingIfNeeded: lineStart),
            valueStart: UInt32(truncatingIfNeeded: start),
            valueLength: UInt32(truncatingIfNeeded: end &- start),
            nameLength: UInt16(truncatingIfNeeded: valueStart &- 1 &- lineStart),
            nameID: nameID,
            flags: nameFlags | (isVerbatim ? FieldEntry.verbatimLine : 0))
        if nameID != 0 {
            facts.note(entry)
            if dropped.contains(nameID) { return }
        }
        entries.append(entry)
    }
}
