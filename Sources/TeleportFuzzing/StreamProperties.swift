import TeleportRPC
import TeleportWire

/// Takes a fuzzer's input apart into choices.
struct Choices {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ input: UnsafeRawBufferPointer) { self.rest = input[...] }

    var isEmpty: Bool { self.rest.isEmpty }

    /// 0 when there are none left.
    mutating func byte() -> Int { Int(self.rest.popFirst() ?? 0) }

    mutating func flag() -> Bool { self.byte() & 1 == 1 }

    mutating func word() -> UInt32 { (0..<4).reduce(0) { word, _ in word << 8 | UInt32(self.byte()) } }

    /// A size at or beside a limit, or any.
    mutating func size() -> Int {
        let sizes = [0, 1, 2, 100, 1023, 1024, 16384, 65536]
        let byte = self.byte()
        return byte < sizes.count ? sizes[byte] : byte * 7
    }

    /// The bytes of a CREDIT.
    mutating func credit() -> Int {
        let credits = [0, 1, 1023, 1024, 262_144, Int(Int32.max) - 1, Int(Int32.max), Int(UInt32.max)]
        let byte = self.byte()
        return byte < credits.count ? credits[byte] : byte * 1000
    }

    /// One of `known`, counted from the last; or, seldom, any.
    mutating func id(_ known: [CallID]) -> CallID {
        let byte = self.byte()
        if byte < 200, !known.isEmpty { return known[known.count - 1 - byte % min(known.count, 16)] }
        return CallID(rawValue: max(1, self.word()))
    }

    mutating func code() -> ErrorCode { ErrorCode(rawValue: [0, 1, 2, 5, .max, 0, 7, 8][self.byte() & 7]) }

    mutating func settings() -> SettingsV1 {
        var settings = SettingsV1()
        settings.maxStreams = [1000, 0, 1, 3][self.byte() & 3]
        settings.streamCredit = [262_144, 0, 1, 5000][self.byte() & 3]
        settings.connectionCredit = [4_194_304, 65_536, 65_537, Int(Int32.max)][self.byte() & 3]
        return settings
    }
}

/// What an event came to, in words, so that what a machine did and what the rules say can be compared: the name of an
/// action, or `!` and the name of the violation.
func verdict(_ body: () throws(WireError) -> String) -> String {
    do throws(WireError) {
        return try body()
    } catch {
        guard case .violation(let code) = error.code else { preconditionFailure("\(error.code) is no violation.") }
        return "!\(code)"
    }
}

/// The simplest account of credit that can be given: what may be sent, as the sender sees it.
struct SendAccount {
    var available: Int

    /// Whether so much may be given. It is, if so.
    mutating func mayCredit(_ bytes: Int) -> Bool {
        guard bytes > 0, self.available + bytes <= Int(Int32.max) else { return false }
        self.available += bytes
        return true
    }
}

/// And what may come, as the receiver sees it.
struct ReceiveAccount {
    let size: Int
    /// What the peer may assume before it knows the size.
    let assumed: Int
    var received = 0
    var given = 0
    var taken = 0

    init(_ size: Int, assumed: Int = 0) {
        self.size = size
        self.assumed = assumed
    }

    var unread: Int { self.received - self.taken }

    mutating func mayReceive(_ bytes: Int) -> Bool {
        guard self.received + bytes <= max(self.size + self.given, self.assumed) else { return false }
        self.received += bytes
        return true
    }

    /// The credit to give for bytes that were taken.
    mutating func take(_ bytes: Int) -> Int? {
        self.taken += bytes
        let owed = self.taken - self.given
        guard owed > 0, owed * 2 >= self.size else { return nil }
        self.given = self.taken
        return owed
    }
}

/// In words.
func describe(_ grant: CreditGrant) -> String {
    "\(grant.stream.map { "\($0)" } ?? "-") \(grant.connection.map { "\($0)" } ?? "-")"
}
