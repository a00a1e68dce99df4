/// Cuts the decoded bytes of a peer's blocks into frames (rules V1-21, V1-22, V1-24), and notes which blocks they came in
/// (rule V1-19).
struct FrameReader {
    /// The largest head that this side said it accepts.
    var headLimit: Int
    private var bytes: [UInt8] = []
    private var position = 0
    /// The blocks that the bytes came in.
    private var runs: [Run] = []

    private struct Run {
        let number: Int
        let codec: BlockCodec
        var left: Int
        /// Whether sensitive frames, and others, took bytes of this block.
        var isSensitive = false
        var isOrdinary = false
    }

    init(headLimit: Int) { self.headLimit = headLimit }

    /// Whether the peer stopped within a frame.
    var isWithinFrame: Bool { self.position < self.bytes.count }

    mutating func feed(_ piece: BlockReader.Piece) {
        if self.position == self.bytes.count {
            self.bytes = piece.bytes
        } else {
            self.bytes = self.bytes[self.position...] + piece.bytes
        }
        self.position = 0
        self.runs.append(Run(number: piece.number, codec: piece.codec, left: piece.bytes.count))
    }

    mutating func next() throws(Fault) -> Frame? {
        guard self.bytes.count - self.position >= Frame.headerLength else { return nil }
        var reader = ByteReader(self.bytes[self.position..<self.position + Frame.headerLength])
        guard let length = reader.u24(), let type = reader.byte(), let flags = reader.byte(),
            let stream: UInt32 = reader.integer()
        else { return nil }
        var frame = Frame(type: type, flags: FrameFlags(rawValue: flags), stream: stream)
        try self.check(frame, length)
        let end = self.position + Frame.headerLength + length
        guard self.bytes.count >= end else { return nil }
        frame.payload = Array(self.bytes[self.position + Frame.headerLength..<end])
        self.position = end
        try self.account(frame)
        return frame
    }

    private func check(_ frame: Frame, _ length: Int) throws(Fault) {
        let name = frame.kind?.name ?? "a frame of type \(frame.type)"
        guard length <= Frame.maximumData + self.headLimit + 7 else {
            throw Fault("V1-22", "\(name) of \(length) bytes")
        }
        guard let kind = frame.kind else { return }
        guard frame.flags.isDisjoint(with: .unknown) else { throw Fault("V1-24", "\(name) with \(frame.flags.words)") }
        guard kind.flags.isSuperset(of: frame.flags) else { throw Fault("V1-22", "\(name) with \(frame.flags.words)") }
        if let fixed = kind.fixedLength, length != fixed { throw Fault("V1-22", "\(name) of \(length) bytes") }
        if kind == .data, length > Frame.maximumData { throw Fault("V1-22", "\(name) of \(length) bytes") }
        if let isOnStream = kind.isOnStream, isOnStream != (frame.stream != 0) {
            throw Fault("V1-22", "\(name) \(isOnStream ? "without a stream id" : "with stream id \(frame.stream)")")
        }
        if kind == .trailers, !frame.flags.contains(.end) { throw Fault("V1-21", "TRAILERS without END") }
        if frame.flags.contains(.noReply), !frame.flags.contains(.end) {
            throw Fault("V1-21", "NO_REPLY without END")
        }
    }

    /// Notes which blocks the frame has bytes in.
    private mutating func account(_ frame: Frame) throws(Fault) {
        var left = Frame.headerLength + frame.payload.count
        while left > 0, !self.runs.isEmpty {
            if frame.isSensitive { self.runs[0].isSensitive = true } else { self.runs[0].isOrdinary = true }
            let run = self.runs[0]
            if frame.isSensitive, run.codec != .stored {
                throw Fault("V1-19", "\(frame.words) in a block coded in \(run.codec)")
            }
            if run.isSensitive, run.isOrdinary {
                throw Fault("V1-19", "a stored block with sensitive frames and others, \(frame.words) among them")
            }
            let taken = Swift.min(left, run.left)
            left -= taken
            self.runs[0].left -= taken
            if self.runs[0].left == 0 { self.runs.removeFirst() }
        }
    }
}
