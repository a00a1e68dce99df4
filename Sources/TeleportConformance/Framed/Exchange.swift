/// One stream as it was seen so far: what the client sent and what the server answered.
struct Exchange {
    let id: UInt32
    var isSensitive: Bool
    var isOneWay: Bool

    // The request.
    var request: RequestPayload?
    /// Whether the method is HEAD, whose answers have no body.
    var isHead = false
    var requestBody = BodyCount()
    var requestTrailers: [ReceivedField]?
    /// The client's END was there.
    var isRequestEnded = false
    /// The code of the client's CANCEL.
    var requestCancelled: Code?

    // The answer.
    var informational: [ReceivedResponseHead] = []
    var head: ReceivedResponseHead?
    /// Values that the server sent for the next head.
    var answerSecrets: [[UInt8]]?
    var body = BodyCount()
    var trailers: [ReceivedField]?
    /// How the server ended the stream.
    var terminal: Terminal?
    /// Whether the tool, as the server, sent a head or a part of one.
    var isAnswerBegun = false
    /// Whether the server asked, behind its answer, for no more of the request.
    var isStopped = false

    enum Terminal: Equatable {
        case end
        /// The empty RESPONSE of a one-way request.
        case acknowledged
        case cancelled(Code)
    }

    /// A body: all its bytes, and how many of them were DATA.
    struct BodyCount {
        var bytes: [UInt8] = []
        var data = 0
        /// The length of each DATA frame.
        var frames: [Int] = []

        mutating func append(data bytes: [UInt8]) {
            self.bytes += bytes
            self.data += bytes.count
            self.frames.append(bytes.count)
        }
    }

    init(id: UInt32, flags: FrameFlags) {
        self.id = id
        self.isSensitive = flags.contains(.sensitive)
        self.isOneWay = flags.contains(.noReply)
    }

    /// Whether nothing more has to come from either side (rule V1-33).
    var isClosed: Bool { self.terminal != nil && (self.isRequestEnded || self.requestCancelled != nil) }

    /// For the column "seen".
    var words: String {
        switch self.terminal {
        case nil: self.head.map { "\($0.status), \(self.body.bytes.count) bytes so far" } ?? "no answer"
        case .end:
            "\(self.head?.status ?? 0), \(self.body.bytes.count) bytes" + (self.isStopped ? ", CANCEL NO_ERROR" : "")
        case .acknowledged: "an empty RESPONSE"
        case .cancelled(let code): "CANCEL \(code.words)"
        }
    }
}
