import Logging
import NIOCore
import Teleport
import TeleportProxy

/// What one side speaks, and over what.
enum Kind: String, CaseIterable {
    case http, https, unix, teleport, teleports

    var kind: ProxyConfiguration.Kind {
        switch self {
        case .http, .https, .unix: .http
        case .teleport, .teleports: .teleport
        }
    }

    var isEncrypted: Bool { self == .https || self == .teleports }

    /// The address in an option of this type. A path needs no mark where only a path makes sense.
    func address(_ text: String, of option: ProxyOption) throws(Misuse) -> TransportAddress {
        let isBarePath = self == .unix && !text.isEmpty && !text.hasPrefix("unix:")
        do throws(TransportError) {
            return try TransportAddress(parsing: isBarePath ? "unix:\(text)" : text)
        } catch {
            guard self == .unix else { throw Misuse("\(option): \(error.message)") }
            throw Misuse("\(option): expected the path of a unix socket, 1 to 107 bytes long, got \"\(text)\".")
        }
    }
}

/// A codec at its default level.
enum Codec: String, CaseIterable {
    case none, flate, snappy, lz4, zstd

    var codec: CompressionCodec {
        switch self {
        case .none: .none
        case .flate: .flate
        case .snappy: .snappy
        case .lz4: .lz4
        case .zstd: .zstd
        }
    }
}

/// How messages are logged.
enum LogFormat: String, CaseIterable {
    case text, json
}

/// Which versions of Teleport are spoken.
enum Wire: String, CaseIterable {
    case auto, v1, v0

    var version: WireVersion {
        switch self {
        case .auto: .automatic
        case .v1: .v1
        case .v0: .v0
        }
    }
}

/// One of the words that a type has.
extension OptionValue where Self: RawRepresentable<String> & CaseIterable {
    init(text: String) throws(Misuse) {
        guard let value = Self(rawValue: text) else {
            let words = Self.allCases.map(\.rawValue)
            throw Misuse("write \(words.dropLast().joined(separator: ", ")) or \(words.last ?? "").")
        }
        self = value
    }
}

extension ProxyOption {
    /// What its value is read as; a flag's is not read.
    var valueType: any OptionValue.Type {
        switch self {
        case .listen, .forward: EndpointList.self
        case .inType, .outType: Kind.self
        case .inCompress, .outCompress, .codec: Codec.self
        case .codecBudget: Budget.self
        case .wire: Wire.self
        case .inDelay, .outDelay, .outTimeout, .outMaxAge, .outHealthInterval, .outHealthTimeout, .outSlowStart,
            .inHeadTimeout, .inIdleTimeout, .tunnelIdleTimeout:
            Span.self
        case .outBalance: ProxyConfiguration.Balance.self
        case .outHealthPath: HealthPath.self
        case .inAllowIP: AllowedAddresses.self
        case .clientIPHeader, .via: Token.self
        case .out, .inTLSCert, .inTLSKey: CommaList.self
        case .outConnsPerAddr, .outWarm, .outRetryBudget, .inMaxHeaderSize, .inMaxBodySize, .outMaxHeaderSize,
            .outMaxBodySize, .concurrency:
            Int.self
        case .logLevel: LogLevel.self
        case .logFormat: LogFormat.self
        case .in, .config, .inTLSClientCA, .outTLSCA, .outTLSCert, .outTLSKey, .outTLSServerName, .accessLog,
            .expvarAddr, .check, .printConfig, .inGetOnly, .reusePort, .outTLSInsecure, .logAllErrors, .tunnel:
            String.self
        }
    }

    /// Whether commas separate its values.
    var isList: Bool {
        self.valueType == CommaList.self || self.valueType == AllowedAddresses.self
            || self.valueType == EndpointList.self
    }
}

extension ProxyConfiguration.Balance: OptionValue {}
extension Kind: OptionValue {}
extension LogFormat: OptionValue {}
extension Codec: OptionValue {}
extension Wire: OptionValue {}

/// A duration in the reference's grammar.
struct Span: OptionValue, Equatable {
    let amount: TimeAmount

    init(_ amount: TimeAmount) { self.amount = amount }

    init(text: String) throws(Misuse) {
        guard let amount = DurationGrammar.parse(text) else {
            throw Misuse("durations are written like 3s, 1m30s, 250ms, 100us or 0.")
        }
        self.amount = amount
    }
}

extension Int: OptionValue {
    init(text: String) throws(Misuse) {
        guard let value = Int(text) else { throw Misuse("write a whole number.") }
        self = value
    }
}

extension String: OptionValue {
    init(text: String) { self = text }
}

/// Texts between commas; none at all is the empty list.
struct CommaList: OptionValue, Equatable {
    let elements: [String]

    init(text: String) throws(Misuse) {
        let elements = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard !elements.contains("") else { throw Misuse("there is nothing next to a comma.") }
        self.elements = elements
    }
}

/// A token (RFC 9110 §5.6.2), or nothing.
struct Token: OptionValue, Equatable {
    let text: String?

    init(text: String) throws(Misuse) {
        let isToken = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
        }
        guard isToken else { throw Misuse("write letters, digits and hyphens only, without spaces or colons.") }
        self.text = text.isEmpty ? nil : text
    }
}

/// A share of each loop's time, or nothing.
struct Budget: OptionValue, Equatable {
    let budget: CompressionBudget?

    init(text: String) throws(Misuse) {
        guard !text.isEmpty else {
            self.budget = nil
            return
        }
        let digits = text.hasSuffix("%") ? text.dropLast() : text[...]
        let budget = Int(digits).flatMap { try? CompressionBudget(percent: $0) }
        guard let budget, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw Misuse("write 1 to 100 percent, such as 30%.")
        }
        self.budget = budget
    }
}

/// What servers are asked for, or nothing.
struct HealthPath: OptionValue, Equatable {
    let path: String?

    init(text: String) throws(Misuse) {
        let isPath =
            text.hasPrefix("/") && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
        guard text.isEmpty || isPath else { throw Misuse("write a path such as /healthz.") }
        self.path = text.isEmpty ? nil : text
    }
}

/// How severe a message has to be to be logged.
struct LogLevel: OptionValue, Equatable {
    let level: Logger.Level

    static let names = ["trace", "debug", "info", "notice", "warning", "error"]

    init(text: String) throws(Misuse) {
        guard Self.names.contains(text), let level = Logger.Level(rawValue: text) else {
            throw Misuse("write \(Self.names.dropLast().joined(separator: ", ")) or error.")
        }
        self.level = level
    }
}

/// Who may connect; nobody named is everybody.
struct AllowedAddresses: OptionValue {
    let ranges: [AddressRange]

    init(text: String) throws(Misuse) {
        do {
            self.ranges = text.isEmpty ? [] : try AddressRange.list(text)
        } catch {
            throw Misuse("\(error)")
        }
    }
}
