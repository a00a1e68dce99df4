import TeleportTestKit
import TeleportWire
import Testing

@testable import TeleportRPC

@Suite("Credit windows (V1-40, V1-41)")
struct CreditWindowTests {
    func code(_ body: () throws(WireError) -> Void) -> ErrorCode? {
        do throws(WireError) {
            try body()
            return nil
        } catch {
            guard case .violation(let code) = error.code else { return .internal }
            return code
        }
    }

    @Test("credit is added up to 2^31−1 and not beyond; none at all is an error")
    func sendWindow() throws {
        var window = SendWindow(100)
        window.sent(60)
        #expect(window.available == 40)
        try window.credited(SettingsV1.maximumCredit - 40)
        #expect(window.available == SettingsV1.maximumCredit)
        #expect(self.code { () throws(WireError) in try window.credited(1) } == .credit)
        #expect(self.code { () throws(WireError) in try window.credited(0) } == .credit)
        window.sent(1)
        #expect(self.code { () throws(WireError) in try window.credited(2) } == .credit)
        #expect(window.available == SettingsV1.maximumCredit - 1)
        try window.credited(1)
    }

    @Test("the largest CREDIT there can be is refused without a trap", arguments: [-5, 0, 1, Int(Int32.max)])
    func largestCredit(available: Int) {
        var window = SendWindow(available)
        #expect(self.code { () throws(WireError) in try window.credited(Int(UInt32.max)) } == .credit)
        #expect(window.available == available)
    }

    @Test("SETTINGS that allow less than was assumed leave a debt that credit pays first")
    func lateSettings() throws {
        var window = SendWindow(1000)
        window.sent(900)
        window.settled(assumed: 1000, actual: 10)
        #expect(window.available == -890)
        try window.credited(500)
        #expect(window.available == -390)
        try window.credited(400)
        #expect(window.available == 10)
        window.settled(assumed: 10, actual: 5000)
        #expect(window.available == 5000)
    }

    @Test("exactly what was granted may be sent, and not a byte more")
    func receiveWindow() throws {
        var window = ReceiveWindow(100)
        try window.received(99)
        #expect(self.code { () throws(WireError) in try window.received(2) } == .credit)
        try window.received(1)
        try window.received(0)
        #expect(self.code { () throws(WireError) in try window.received(1) } == .credit)
        #expect(window.unread == 100 && window.granted == 0)
    }

    @Test("credit is given back by halves, never less, never more than was taken", arguments: [1, 2, 3, 100, 101])
    func givingBack(size: Int) throws {
        var window = ReceiveWindow(size)
        try window.received(size)
        var given = 0
        for taken in 1...size {
            guard let credit = window.consumed(1) else { continue }
            given += credit
            #expect(credit * 2 >= size)
            #expect(given == taken && window.owed == 0 && window.granted == given)
        }
        // A sender that used up everything gets something: who waits is never forgotten.
        #expect(given * 2 >= size)
        #expect(window.unread == 0)
    }

    @Test("a window of nothing takes nothing and gives nothing")
    func nothing() {
        var window = ReceiveWindow(0)
        #expect(self.code { () throws(WireError) in try window.received(1) } == .credit)
        let grant = window.consumed(0)
        #expect(grant == nil && window.unread == 0)
    }

    @Test("a peer that does not know the size yet may send what it assumes, once; it counts")
    func assumed() throws {
        var window = ReceiveWindow(100, assumed: 1000)
        try window.received(600)
        #expect(window.granted == -500 && window.unread == 600)
        #expect(self.code { () throws(WireError) in try window.received(401) } == .credit)
        try window.received(400)
        #expect(self.code { () throws(WireError) in try window.received(1) } == .credit)
        let credit = window.consumed(950)
        #expect(credit == 950 && window.granted == 50 && window.unread == 50)
        try window.received(50)
        #expect(self.code { () throws(WireError) in try window.received(1) } == .credit)
        let rest = window.consumed(100)
        #expect(rest == 100 && window.granted == 100)
        // Never again more than the size.
        #expect(self.code { () throws(WireError) in try window.received(101) } == .credit)
    }

    @Test("granted, under way, unread and owed are the size, whatever happens", arguments: 0..<50)
    func conservation(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let size = Int.random(in: 1...5000, using: &random)
        let assumed = seed % 3 == 0 ? 5000 : size
        var sender = SendWindow(assumed)
        var receiver = ReceiveWindow(size, assumed: assumed)
        var data: [Int] = []
        var credit: [Int] = []
        var (unread, isSettled) = (0, false)
        var (sent, taken) = (0, 0)
        for _ in 0..<500 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1, 2:
                guard sender.available > 0 else { continue }
                let bytes = Int.random(in: 0...sender.available, using: &random)
                sender.sent(bytes)
                data.append(bytes)
                sent += bytes
            case 3, 4:
                guard !data.isEmpty else { continue }
                let bytes = data.removeFirst()
                try receiver.received(bytes)
                unread += bytes
            case 5, 6:
                let bytes = Int.random(in: 0...unread, using: &random)
                unread -= bytes
                taken += bytes
                if let grant = receiver.consumed(bytes) { credit.append(grant) }
            default:
                // SETTINGS are the first frame, so before any CREDIT.
                if !isSettled {
                    isSettled = true
                    sender.settled(assumed: assumed, actual: size)
                } else if !credit.isEmpty {
                    try sender.credited(credit.removeFirst())
                }
            }
            let underWay = data.reduce(0, +) + credit.reduce(0, +)
            #expect(receiver.unread == unread, "\(random)")
            #expect(receiver.granted + unread + receiver.owed == size, "\(random)")
            #expect(receiver.owed * 2 < size, "\(random)")
            let known = isSettled ? sender.available : sender.available - assumed + size
            #expect(known + underWay + unread + receiver.owed == size, "\(random)")
        }
        #expect(taken > size || sent == 0, "\(random): the test should go on behind the first credit")
    }
}

@Suite("Credit of a connection and its streams (section 5)")
struct StreamWindowsTests {
    func settings(stream: Int, connection: Int) -> SettingsV1 {
        var settings = SettingsV1()
        settings.streamCredit = stream
        settings.connectionCredit = connection
        return settings
    }

    let one = CallID(rawValue: 1)
    let two = CallID(rawValue: 2)

    @Test("a turn is at most 16 KiB, the stream's credit and the connection's (V1-44)")
    func allowance() {
        var windows = StreamWindows(own: SettingsV1())
        windows.settled(self.settings(stream: 20_000, connection: 100_000))
        windows.open(self.one, now: 0)
        #expect(windows.allowance(self.one) == 16384)
        windows.sent(16384, on: self.one)
        #expect(windows.allowance(self.one) == 20_000 - 16384)
        windows.sent(20_000 - 16384, on: self.one)
        #expect(windows.allowance(self.one) == 0)
        #expect(windows.allowance(self.two) == 0)
        for id in 2...5 as ClosedRange<UInt32> {
            windows.open(CallID(rawValue: id), now: 0)
            windows.sent(19_000, on: CallID(rawValue: id))
        }
        #expect(windows.send.available == 4000)
        windows.open(CallID(rawValue: 6), now: 0)
        #expect(windows.allowance(CallID(rawValue: 6)) == 4000)
    }

    @Test("late SETTINGS change the streams that are open and those that come, also to debts")
    func lateSettings() {
        var windows = StreamWindows(own: SettingsV1())
        windows.open(self.one, now: 0)
        windows.sent(16384, on: self.one)
        windows.settled(self.settings(stream: 10_000, connection: 70_000))
        windows.open(self.two, now: 0)
        #expect(windows.allowance(self.one) == 0)
        #expect(windows.allowance(self.two) == 10_000)
        #expect(windows.send.available == 70_000 - 16384)
    }

    @Test("dropped data counts for the connection only, and so does what is taken when the stream is over")
    func dropped() throws {
        var windows = StreamWindows(own: self.settings(stream: 1000, connection: 4000))
        windows.open(self.one, now: 0)
        try windows.received(900)
        try windows.received(900, on: self.one, now: 0)
        #expect(windows.consumed(600, on: self.one, isOpen: true, now: 1) == CreditGrant(stream: 600))
        windows.close(self.one)
        #expect(windows.consumed(300, on: self.one, isOpen: false, now: 1) == CreditGrant())
        try windows.received(1100)
        #expect(windows.dropped(1100) == CreditGrant(connection: 2000))
        #expect(windows.receive.granted == 4000)
    }

    @Test("CREDIT is judged on whatever stream, and kept on one with a body only")
    func credited() throws {
        var windows = StreamWindows(own: SettingsV1())
        windows.open(self.one, now: 0)
        let before = windows.allowance(self.one)
        windows.sent(before, on: self.one)
        try windows.credited(5, to: self.two)
        windows.open(self.two, now: 0)
        windows.sent(262_144 - 7, on: self.two)
        #expect(windows.allowance(self.two) == 7)
        for bytes in [0, Int(UInt32.max)] {
            for id in [self.one, self.two, CallID(rawValue: 3)] {
                #expect(throws: WireError.self) { try windows.credited(bytes, to: id) }
            }
            #expect(throws: WireError.self) { try windows.credited(bytes) }
        }
    }

    @Test("a stream is slow when it fills its credit and nothing was taken for as long as the limit (V1-42)")
    func slow() throws {
        var windows = StreamWindows(own: self.settings(stream: 1000, connection: 4000))
        windows.open(self.one, now: 0)
        #expect(windows.unread(since: 50, now: 1000).isEmpty)
        try windows.received(400, on: self.one, now: 1000)
        #expect(windows.unread(since: 50, now: 5000).isEmpty, "it does not fill its credit")
        try windows.received(600, on: self.one, now: 1010)
        #expect(windows.unread(since: 50, now: 1049).isEmpty)
        #expect(windows.unread(since: 50, now: 1050) == [self.one])
        _ = windows.consumed(1, on: self.one, isOpen: true, now: 1060)
        #expect(windows.unread(since: 50, now: 1109).isEmpty)
        #expect(windows.unread(since: 50, now: 1110) == [self.one])
        _ = windows.consumed(999, on: self.one, isOpen: true, now: 1111)
        #expect(windows.unread(since: 50, now: .max).isEmpty)
        #expect(windows.unread(since: .never, now: .max).isEmpty)
    }

    @Test("what is taken behind the end of a body counts as read: nobody is slow who has read everything")
    func readBehindTheEnd() throws {
        var windows = StreamWindows(own: self.settings(stream: 1000, connection: 4000))
        windows.open(self.one, now: 0)
        try windows.received(1000)
        try windows.received(1000, on: self.one, now: 0)
        #expect(windows.consumed(1000, on: self.one, isOpen: false, now: 1).stream == nil)
        #expect(windows.unread(since: 50, now: 10_000).isEmpty)
    }

    @Test("a client that has not seen the SETTINGS may send what it assumes; a client takes no such excuse")
    func early() throws {
        let small = self.settings(stream: 1000, connection: 70_000)
        var server = StreamWindows(own: small, isServer: true)
        server.open(self.one, now: 0)
        try server.received(262_144)
        try server.received(262_144, on: self.one, now: 0)
        #expect(throws: WireError.self) { try server.received(1, on: self.one, now: 0) }
        #expect(server.consumed(262_144, on: self.one, isOpen: true, now: 0).stream == 262_144)
        #expect(throws: WireError.self) { try server.received(1001, on: self.one, now: 0) }
        var client = StreamWindows(own: small)
        client.open(self.one, now: 0)
        #expect(throws: WireError.self) { try client.received(70_001) }
        #expect(throws: WireError.self) { try client.received(1001, on: self.one, now: 0) }
    }
}
