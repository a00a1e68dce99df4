/// Follows a v1 connection from its frames, in both directions, and notices what the peer must not send.
///
/// What the tool itself sends may be wrong on purpose; only the peer is judged.
struct PeerMonitor {
    /// Who the peer is.
    let side: Side
    /// What the tool's SETTINGS said.
    let ownSettings: [SettingsKey: UInt32]
    /// What the peer's said, once they came.
    private(set) var peerSettings: [SettingsKey: UInt32]?

    var exchanges: [UInt32: Exchange] = [:]
    /// What the peer may send, and what the tool may.
    var inbound: CreditBook
    var outbound = CreditBook()
    /// Whether the peer has seen the tool's SETTINGS: only then can their credit be held against it (rule V1-25).
    private(set) var isSettled = false

    /// Whether PONGs may come that the tool did not ask for in so many words, as in a flood of bytes.
    var toleratesStrayPongs = false
    /// PINGs that the peer owes an answer to.
    private var pings: [[UInt8]] = []
    private(set) var pongs: [[UInt8]] = []
    private(set) var goAways: [(last: UInt32, code: Code, text: [UInt8])] = []
    /// The last stream that was opened.
    var lastStream: UInt32 = 0
    /// SECRETS of clients that wait for their REQUEST.
    var earlySecrets: [UInt32: [[UInt8]]] = [:]
    /// Whether the peer was told to open no more streams, and it answered a PING behind that.
    var isDraining = false

    static let defaults: [SettingsKey: UInt32] = [
        .streams: 1000, .headLimit: 65536, .streamCredit: 262_144, .connectionCredit: 4_194_304, .window: 17,
    ]

    init(side: Side, settings: [SettingsKey: UInt32]) {
        self.side = side
        self.ownSettings = settings
        // Until the peer has seen the tool's SETTINGS it takes the defaults for granted.
        self.inbound = CreditBook(
            streamCredit: Swift.max(Int(settings[.streamCredit] ?? 0), Int(Self.defaults[.streamCredit] ?? 0)),
            connectionCredit: Swift.max(
                Int(settings[.connectionCredit] ?? 0), Int(Self.defaults[.connectionCredit] ?? 0)))
    }

    /// The first request of a client that the tool has not begun to answer.
    var nextUnanswered: Exchange? {
        self.exchanges.values.filter { $0.terminal == nil && !$0.isAnswerBegun && $0.requestCancelled == nil }
            .min { Int32(bitPattern: $0.id &- $1.id) < 0 }
    }

    /// A value of the tool's SETTINGS.
    func own(_ key: SettingsKey) -> Int { Int(self.ownSettings[key] ?? Self.defaults[key] ?? 0) }
    /// A value of the peer's.
    func peer(_ key: SettingsKey) -> Int { Int(self.peerSettings?[key] ?? Self.defaults[key] ?? 0) }

    // MARK: Sent by the tool

    mutating func sent(_ frame: Frame) {
        switch frame.kind {
        case .ping: self.pings.append(frame.payload)
        case .credit: self.inbound.gave(Int(frame.creditBytes ?? 0), to: frame.stream)
        case .data: self.outbound.sent(frame.payload.count, on: frame.stream)
        case .settings, .request, .response, .trailers, .secrets, .cancel, .pong, .goAway, nil: break
        }
        switch self.side {
        case .server: self.sentToServer(frame)
        case .client: self.sentToClient(frame)
        }
    }

    // MARK: Received from the peer

    mutating func received(_ frame: Frame) throws(Fault) {
        if self.peerSettings == nil {
            guard frame.kind == .settings else { throw Fault("V1-25", "\(frame.words) before SETTINGS") }
        }
        switch frame.kind {
        case .settings: try self.settingsReceived(frame)
        case .pong: try self.pongReceived(frame)
        case .goAway: try self.goAwayReceived(frame)
        case .credit: try self.creditReceived(frame)
        case .ping, nil: break
        case .request, .response, .data, .trailers, .secrets, .cancel:
            switch self.side {
            case .server: try self.answerReceived(frame)
            case .client: try self.requestReceived(frame)
            }
        }
    }

    private mutating func settingsReceived(_ frame: Frame) throws(Fault) {
        guard self.peerSettings == nil else { throw Fault("V1-25", "SETTINGS twice") }
        self.peerSettings = try Self.settings(of: frame)
        self.outbound.streamCredit = self.peer(.streamCredit)
        self.outbound.connectionCredit = self.peer(.connectionCredit)
    }

    private static func settings(of frame: Frame) throws(Fault) -> [SettingsKey: UInt32] {
        guard frame.payload.count % 6 == 0 else { throw Fault("V1-25", "SETTINGS that end within a setting") }
        guard frame.payload.count <= 64 * 6 else { throw Fault("V1-25", "more than 64 settings") }
        var reader = ByteReader(frame.payload)
        var seen: Set<UInt16> = []
        var values: [SettingsKey: UInt32] = [:]
        while let number: UInt16 = reader.integer(), let value: UInt32 = reader.integer() {
            guard seen.insert(number).inserted else { throw Fault("V1-25", "setting \(number) twice") }
            guard let key = SettingsKey(rawValue: number) else { continue }
            guard key.allowed.contains(value) else { throw Fault("V1-25", "\(value) for setting \(number)") }
            values[key] = value
        }
        return values
    }

    private mutating func pongReceived(_ frame: Frame) throws(Fault) {
        guard !self.toleratesStrayPongs else { return }
        guard !self.pings.isEmpty else { throw Fault("V1-50", "\(frame.words), though no PING waits for it") }
        let ping = self.pings.removeFirst()
        guard ping == frame.payload else {
            throw Fault("V1-50", "\(frame.words) to PING \(ping.hex())")
        }
        self.pongs.append(frame.payload)
        guard !self.isSettled else { return }
        self.isSettled = true
        self.inbound.streamCredit = self.own(.streamCredit)
        self.inbound.connectionCredit = self.own(.connectionCredit)
    }

    private mutating func goAwayReceived(_ frame: Frame) throws(Fault) {
        guard let goAway = frame.goAway else { throw Fault("V1-22", "\(frame.words): too short") }
        guard goAway.text.count <= 256 else { throw Fault("V1-22", "a GOAWAY with \(goAway.text.count) bytes of text") }
        self.goAways.append(goAway)
    }

    private mutating func creditReceived(_ frame: Frame) throws(Fault) {
        let bytes = Int(frame.creditBytes ?? 0)
        guard bytes > 0 else { throw Fault("V1-41", "\(frame.words)") }
        if frame.stream != 0, self.exchanges[frame.stream] == nil {
            throw Fault("V1-34", "\(frame.words), though that stream was never opened")
        }
        self.outbound.gave(bytes, to: frame.stream)
        let (given, sent) =
            frame.stream == 0
            ? (self.outbound.givenInAll, self.outbound.sentInAll)
            : (self.outbound.given(to: frame.stream), self.outbound.sent(on: frame.stream))
        guard given <= sent else {
            throw Fault(
                "V1-41", "\(frame.words): \(given) bytes of credit given back in all, though only \(sent) of DATA came")
        }
    }

    /// Counts DATA of the peer against the tool's credit.
    mutating func dataReceived(_ frame: Frame) throws(Fault) {
        self.inbound.sent(frame.payload.count, on: frame.stream)
        guard self.inbound.left(on: frame.stream) >= 0 else {
            throw Fault("V1-40", "\(frame.words), \(-self.inbound.left(on: frame.stream)) over the stream's credit")
        }
        guard self.inbound.left >= 0 else {
            throw Fault("V1-40", "\(frame.words), \(-self.inbound.left) over the connection's credit")
        }
    }

    /// Checks that a frame is as sensitive as its stream.
    func checkSensitivity(_ frame: Frame, of exchange: Exchange) throws(Fault) {
        if frame.kind == .secrets, !exchange.isSensitive { return }
        guard frame.flags.contains(.sensitive) == exchange.isSensitive else {
            throw Fault(
                "V1-23", "\(frame.words) on a stream that is \(exchange.isSensitive ? "" : "not ")sensitive")
        }
    }

    /// Checks that a head uses up the secrets before it.
    static func check(_ secrets: [[UInt8]]?, for fields: [ReceivedField]) throws(Fault) {
        let wanted = fields.count { $0.value == nil }
        let count = secrets?.count ?? 0
        guard wanted == count else {
            throw Fault("V1-65", "a head whose fields refer to \(wanted) secrets, behind \(count)")
        }
    }

    /// Checks a head of a response (V1-62, V1-64).
    static func check(_ head: ReceivedResponseHead, _ flags: FrameFlags) throws(Fault) {
        let isAllowed =
            if flags.contains(.interim) {
                (100..<200).contains(head.status) && head.status != 101
            } else if flags.contains(.tunnel) {
                head.status == 101 || (200..<300).contains(head.status)
            } else {
                (200..<600).contains(head.status)
            }
        guard isAllowed else {
            throw Fault("V1-62", "status \(head.status) with \(flags.words.isEmpty ? "no flag" : flags.words)")
        }
    }

    /// Checks `Content-Length` against the bytes that came.
    static func checkLength(_ fields: [ReceivedField], _ count: Int) throws(Fault) {
        let lengths = fields.filter { $0.isNamed("Content-Length") }
        guard lengths.count <= 1 else { throw Fault("V1-64", "\(lengths.count) Content-Length") }
        guard let length = lengths.first else { return }
        guard let text = length.value, !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw Fault("V1-64", "Content-Length \(length.value ?? "in SECRETS")")
        }
        guard Int(text) == count else { throw Fault("V1-64", "Content-Length \(text), and \(count) bytes") }
    }
}

extension SettingsKey {
    /// What may stand there (rule V1-25).
    var allowed: ClosedRange<UInt32> {
        switch self {
        case .streams: 0...(1 << 24)
        case .headLimit: 256...(1 << 20)
        case .streamCredit: 0...UInt32(Int32.max)
        case .connectionCredit: 65536...UInt32(Int32.max)
        case .window: 17...27
        }
    }
}
