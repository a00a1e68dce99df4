/// Rule V1-25: SETTINGS.
enum SettingsChecks {
    static var server: [Check] { self.both.filter { $0.side == .server } }
    static var client: [Check] { self.both.filter { $0.side == .client } }

    @ChecksBuilder
    private static var both: [Check] {
        Check.both("V1-25", "sent", "The peer's first frame", expected: "SETTINGS with allowed values, once") { run in
            let peer = try await run.open()
            try await peer.barrier()
            let values = peer.monitor.peerSettings ?? [:]
            guard !values.isEmpty else { return "SETTINGS without values" }
            let words = values.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
            return "SETTINGS: \(words.joined(separator: ", "))"
        }
        self.first("ping-first", "PING before SETTINGS", .ping(.init(repeating: 7, count: 8)))
        self.first("credit-first", "CREDIT before SETTINGS", .credit(0, 1024))
        self.first("goaway-first", "GOAWAY before SETTINGS", .goAway(.max, .noError))
        Check.both("V1-25", "twice", "SETTINGS twice", expected: "GOAWAY SETTINGS") { run in
            try await run.open().provoke(.settings, with: [.settings()])
        }
        Check.both("V1-25", "twice-at-once", "SETTINGS twice in one block", expected: "GOAWAY SETTINGS") { run in
            try await run.begin(offering: 0).provoke(.settings, with: [.settings(), .settings()])
        }
        for setting in Self.forbidden {
            self.refused(setting.word, setting.title, [(setting.key.rawValue, setting.value)])
        }
        self.refused("key-twice", "A key twice", [(1, 10), (1, 10)])
        self.refused("unknown-key-twice", "An unknown key twice", [(777, 1), (777, 2)])
        Check.both("V1-25", "half", "SETTINGS that end within a setting", expected: "GOAWAY SETTINGS or FRAME") { run in
            let peer = try await run.begin(offering: 0)
            return try await peer.provoke(.settings, .frame, with: [Frame(.settings, payload: [1, 0, 10])])
        }
        Check.both("V1-25", "over-64", "65 settings", expected: "GOAWAY SETTINGS or FRAME") { run in
            let peer = try await run.begin(offering: 0)
            let pairs = (1000..<1065).map { (key: UInt16($0), value: 0 as UInt32) }
            return try await peer.provoke(.settings, .frame, with: [.settings(pairs)])
        }
        Check.both("V1-25", "unknown-keys", "64 settings with unknown keys", expected: "ignored: PONG") { run in
            let peer = try await run.begin(offering: 0)
            try await peer.send(.settings((1000..<1064).map { (key: UInt16($0), value: .max) }))
            try await peer.barrier()
            return "PONG"
        }
        Check.both("V1-25", "extremes", "The largest values that are allowed", expected: "accepted: an exchange") {
            run in
            let settings = Dictionary(uniqueKeysWithValues: SettingsKey.allCases.map { ($0, $0.allowed.upperBound) })
            let peer = try await run.open(offering: 0, settings: settings)
            try await run.survives(peer)
            return "an exchange"
        }
        Check.both("V1-25", "smallest", "The smallest values that are allowed", expected: "accepted: PONG") { run in
            let settings = Dictionary(uniqueKeysWithValues: SettingsKey.allCases.map { ($0, $0.allowed.lowerBound) })
            let peer = try await run.open(offering: 0, settings: settings)
            try await peer.barrier()
            return "PONG"
        }
    }

    private static let forbidden: [(word: String, title: String, key: SettingsKey, value: UInt32)] = [
        ("streams-high", "2^24 + 1 streams", .streams, 1 << 24 + 1),
        ("head-limit-low", "A head limit of 255", .headLimit, 255),
        ("head-limit-high", "A head limit of 2^20 + 1", .headLimit, 1 << 20 + 1),
        ("stream-credit-high", "2^31 for the credit of a stream", .streamCredit, 1 << 31),
        ("connection-credit-low", "65,535 for the credit of the connection", .connectionCredit, 65535),
        ("connection-credit-high", "2^31 for the credit of the connection", .connectionCredit, 1 << 31),
        ("window-low", "A window of 2^16", .window, 16),
        ("window-high", "A window of 2^28", .window, 28),
    ]

    private static func refused(_ word: String, _ title: String, _ pairs: [(key: UInt16, value: UInt32)]) -> [Check] {
        let frame = Frame.settings(pairs)
        return Check.both("V1-25", word, title, expected: "GOAWAY SETTINGS") { run in
            try await run.begin(offering: 0).provoke(.settings, with: [frame])
        }
    }

    private static func first(_ word: String, _ title: String, _ frame: Frame) -> [Check] {
        Check.both("V1-25", word, title, expected: "GOAWAY SETTINGS") { run in
            let peer = try await run.begin(offering: 0)
            await peer.send(raw: frame.bytes)
            return try await peer.connectionError(.settings)
        }
    }
}
