import Testing

@Suite("The command line of httptp", .timeLimit(.minutes(2)))
struct CommandLineTests {
    private func run(_ arguments: [String]) async throws -> (status: Int32, text: String) {
        try await ChildProcess.run(Programs.httptp, arguments)
    }

    @Test(
        "options that are not there yet are refused by name, never ignored",
        arguments: ["-inAllowIP", "--inGetOnly", "-expvarAddr=x", "-autocertCacheDir", "-inTLSCert", "-clientIPHeader"])
    func notYet(option: String) async throws {
        let (status, text) = try await self.run([option, "x"])
        #expect(status != 0)
        #expect(text.contains("does not have yet"), "\(text)")
    }

    @Test(
        "mistakes are told",
        arguments: [
            (["-bogus", "1"], "-bogus"), (["-inType", "https"], "http"), (["-outTimeout", "3x"], "-outTimeout"),
            (["-inDelay=-5ms"], "-inDelay"), (["-in", "nowhere"], "host:port"),
            (["-outConnsPerAddr", "0"], "at least 1"),
            (["-concurrency", "0"], "at least 1"), (["-inCompress", "zip"], "flate"),
            (["-out", "a:1,,b:2"], "host:port"),
            (["-in", ":0", "-in", ":1"], "twice"), (["stray"], "stands alone"), (["-in"], "-in"),
        ])
    func mistakes(arguments: [String], word: String) async throws {
        let (status, text) = try await self.run(arguments)
        #expect(status != 0)
        #expect(text.contains(word), "\(text)")
    }

    @Test("an address in use is told by name")
    func addressInUse() async throws {
        let first = try await HTTPTPProcess(["-out", "127.0.0.1:1"])
        let (status, text) = try await self.run(["-in", "127.0.0.1:\(first.port)"])
        #expect(status != 0)
        #expect(text.contains("127.0.0.1:\(first.port)"), "\(text)")
        let code = try await first.stop()
        #expect(code == 0)
    }

    @Test(
        "every spelling of an option is taken",
        arguments: ["-outTimeout 1m30s", "-outTimeout=100us", "--outTimeout 2s", "--outTimeout=0.5s"])
    func spellings(option: String) async throws {
        let process = try await HTTPTPProcess(option.split(separator: " ").map(String.init) + ["-out", "127.0.0.1:1"])
        let code = try await process.stop()
        #expect(code == 0)
    }
}
