import Testing

@testable import TeleportConformance

@Suite("What there are checks for")
struct RegistryTests {
    @Test("every rule of both specifications has a check, or a reason why it has none")
    func coverage() throws {
        let rules = try Specification.rules()
        #expect(rules.count > 100)
        let covered = Set(Checks.all.map(\.rule))
        let excused = Set(NotObservable.reasons.keys)
        for rule in rules { #expect(covered.contains(rule) != excused.contains(rule), "\(rule)") }
    }

    @Test("every check and every excuse is for a rule that there is")
    func existence() throws {
        let rules = Set(try Specification.rules())
        for rule in Checks.all.map(\.rule) + NotObservable.reasons.keys { #expect(rules.contains(rule), "\(rule)") }
    }

    @Test("names are unique on each side, and made of words")
    func names() {
        for side in Side.allCases {
            let names = Checks.all.filter { $0.side == side }.map(\.name)
            let twice = Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys
            #expect(twice.isEmpty)
        }
        for check in Checks.all {
            #expect(check.name.wholeMatch(of: /V[01]-\d+\/[A-Za-z0-9-]+/) != nil, "\(check.name)")
            #expect(!check.title.isEmpty && !check.expected.isEmpty)
        }
    }

    @Test("names, values, methods and codes are those of the specification")
    func tables() throws {
        let names = try Specification.rule("V1-67").matches(of: /(\d+) `([\w-]+)`/)
        #expect(names.map { String($0.2) } == FieldTables.names)
        let values = try Specification.rule("V1-68").matches(of: /(\d+)\s`([^`]+)`/)
        #expect(values.map { String($0.2) } == FieldTables.values)
        let methods = try Specification.rule("V1-61").matches(of: /\b([1-9]) ([A-Z]+)\b/)
        #expect(methods.map { String($0.2) } == FieldTables.methods)
        let codes = try Specification.rule("V1-80").matches(of: /\| (\d+) \| ([A-Z_]+) \|/)
        #expect(codes.count == 18)
        for code in codes { #expect(Code(rawValue: UInt16(code.1) ?? .max).words == String(code.2)) }
    }

    @Test("the settings and their limits are those of the specification")
    func settings() throws {
        let rows = try Specification.rule("V1-25").matches(
            of: /\| (\d) \| [^|]+ \| ([\d,]+) \| ([\d,^−]+) to ([\d,^−]+) \|/)
        #expect(rows.count == SettingsKey.allCases.count)
        for row in rows {
            let key = try #require(SettingsKey(rawValue: UInt16(row.1) ?? 0))
            #expect(PeerMonitor.defaults[key] == Self.number(row.2))
            #expect(key.allowed == Self.number(row.3)...Self.number(row.4), "\(key)")
        }
    }

    /// 1,000 and 2^31−1.
    private static func number(_ text: Substring) -> UInt32 {
        let text = text.replacing(",", with: "")
        guard let power = text.wholeMatch(of: /2\^(\d+)(−1)?/) else { return UInt32(text) ?? .max }
        return 1 << (UInt32(power.1) ?? 0) - (power.2 == nil ? 0 : 1)
    }

    @Test("checks are selected by version, rule, name and the beginning of a name")
    func selection() throws {
        let check = try #require(Checks.all.first { $0.name == "V1-41/zero-stream" })
        for selection in ["V1", "v1-41", "V1-41", "V1-41/", "V1-41/zero", "V1-41/zero-stream"] {
            #expect(check.isSelected(by: selection), "\(selection)")
        }
        for selection in ["V0", "V1-4", "V1-410", "V1-42", "V1-41/one"] {
            #expect(!check.isSelected(by: selection), "\(selection)")
        }
    }
}
