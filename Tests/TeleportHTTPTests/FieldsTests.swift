import NIOCore
import TeleportHTTP
import Testing

@Suite struct FieldsTests {
    let sample: Fields = ["Host": "a", "X-One": "1", "Set-Cookie": "a=1", "x-one": "2", "set-cookie": "b=2"]

    @Test func keepsOrderDuplicatesAndSpelling() {
        #expect(sample.map(\.name) == ["Host", "X-One", "Set-Cookie", "x-one", "Set-Cookie"])
        #expect(sample.map(\.value) == ["a", "1", "a=1", "2", "b=2"])
        #expect(sample.count == 5)
    }

    @Test func parsedFieldsKeepTheirSpelling() throws {
        let request = try #require(requests("GET / HTTP/1.1\r\nhOST: a\r\nx-ONE:1\r\n\r\n").first?.request)
        #expect(request.fields.map(\.name) == ["hOST", "x-ONE"])
        #expect(request.fields.first(.host) == "a")
        #expect(request.fields.first("X-One") == "1")
    }

    @Test func looksUpWithoutCase() {
        #expect(sample.first("HOST") == "a")
        #expect(sample.first("X-ONE") == "1")
        #expect(sample.all("X-One") == ["1", "2"])
        #expect(sample.all(.setCookie) == ["a=1", "b=2"])
        #expect(sample.contains("x-ONE"))
        #expect(!sample.contains("X-Two"))
        #expect(sample.first(.via) == nil)
        #expect(sample.firstBytes("x-one")?.text == "1")
        #expect(sample.withValue(.setCookie) { $0.count } == 3)
        #expect(sample.withValue(.via) { $0.count } == nil)
    }

    @Test func findsTokensInLists() throws {
        var fields = Fields()
        try fields.append(.connection, "keep-alive,  Upgrade\t, ,x")
        try fields.append(.connection, "Close")
        for token in ["keep-alive", "upgrade", "X", "close"] { #expect(fields.containsToken(.connection, token)) }
        for token in ["keep", "alive", "", "upgrade,"] { #expect(!fields.containsToken(.connection, token)) }
    }

    @Test(arguments: ["", "a b", "a:", "a\r", "é", "a\0", "(", "a\n"])
    func refusesNamesThatAreNoTokens(_ name: String) {
        var fields = sample
        #expect { try fields.append(FieldName(name), "x") } throws: { ($0 as? HTTPError)?.code == .invalidFieldName }
        #expect(fields == sample)
    }

    @Test(arguments: [" a", "a ", "\ta", "a\r\nX: y", "a\nb", "a\0", "\u{7F}", "\u{1}"])
    func refusesValuesThatWouldBreakTheLine(_ value: String) {
        var fields = sample
        #expect { try fields.append(.via, value) } throws: { ($0 as? HTTPError)?.code == .invalidFieldValue }
        #expect { try fields.set(.host, value) } throws: { ($0 as? HTTPError)?.code == .invalidFieldValue }
        #expect(fields == sample)
    }

    @Test func takesTabsInsideAndBytesAboveASCII() throws {
        var fields = Fields()
        try fields.append("X", "a\tb é")
        try fields.append("Y", bytes: ByteBuffer(bytes: [0xFF, 0x61]))
        try fields.append("Z", "")
        #expect(fields.first("X") == "a\tb é")
        #expect(fields.firstBytes("Y") == ByteBuffer(bytes: [0xFF, 0x61]))
        #expect(fields.first("Y") == "\u{FFFD}a")
        #expect(fields.first("Z") == "")
    }

    @Test func setReplacesInPlace() throws {
        var fields = sample
        try fields.set("X-ONE", "9")
        #expect(fields.map(\.value) == ["a", "9", "a=1", "b=2"])
        try fields.set(.via, "new")
        #expect(fields.map(\.value) == ["a", "9", "a=1", "b=2", "new"])
    }

    @Test func removeDropsAllOfAName() {
        var fields = sample
        #expect(fields.remove("x-one") == 2)
        #expect(fields.remove("x-one") == 0)
        #expect(fields.remove(.setCookie) == 2)
        #expect(fields.map(\.name) == ["Host"])
    }

    @Test func replacingForEverDoesNotGrow() throws {
        var fields = sample
        for round in 0..<10_000 { try fields.set("X-Round", "\(round)") }
        let copy = fields.detached()
        #expect(copy == fields)
        #expect(copy.first("x-round") == "9999")
        #expect((fields.firstBytes("X-Round")?.storageCapacity ?? .max) < 8192)
    }

    @Test func equalityIsByContent() throws {
        let one: Fields = ["A": "1", "B": "2"]
        let request = try #require(requests("GET / HTTP/1.0\r\na:  1 \r\nb:2\r\n\r\n").first?.request)
        #expect(request.fields == one)
        #expect(one != ["B": "2", "A": "1"])
        #expect(one != ["A": "1"])
        #expect(one != ["A": "1", "B": "3"])
        #expect(one != ["A": "1", "C": "2"])
    }

    @Test func aCopyIsIndependent() throws {
        var copy = sample
        try copy.append("X-New", "1")
        #expect(sample.count == 5)
        #expect(copy.count == 6)
        #expect(!sample.contains("X-New"))
    }

    @Test func theThrowingInitialiserChecks() throws {
        #expect(try Fields([("Host", "a")]) == ["Host": "a"])
        #expect(throws: HTTPError.self) { try Fields([("Host", "a\n")]) }
    }
}
