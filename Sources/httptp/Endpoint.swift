import Teleport
import TeleportProxy

/// Where to listen or to forward to, and what is spoken there, as a URL:
///
/// ```
/// https://:443        teleports://far.example:8043        unix:///run/app.sock        teleport+unix:///run/link.sock
/// ```
struct Endpoint: OptionValue, Equatable {
    let type: Kind
    let address: TransportAddress
    /// Of a server: how many requests it gets in proportion to others.
    private(set) var weight = 1

    /// The options `-in` and `-inType`, or `-out` and `-outType`, in one.
    init(_ type: Kind, _ address: TransportAddress) {
        self.type = type
        self.address = address
    }

    init(text: String) throws(Misuse) {
        guard let separator = text.firstRange(of: "://") else {
            throw Misuse(
                "write a URL such as https://:443, teleport://far.example:8043 or unix:///run/app.sock.")
        }
        let scheme = String(text[..<separator.lowerBound])
        let rest = text[separator.upperBound...]
        let isUnix = scheme == "unix" || scheme.hasSuffix("+unix")
        let spoken = scheme.hasSuffix("+unix") ? String(scheme.dropLast("+unix".count)) : scheme
        guard let type = Kind(rawValue: spoken), scheme != "unix+unix" else {
            throw Misuse(
                "there is no \(scheme)://: write http, https, unix, teleport or teleports, or teleport+unix for a link over a "
                    + "unix socket.")
        }
        let (place, weight) = try Self.weight(rest)
        self.type = type
        self.address = isUnix ? try Self.socket(place, scheme) : try Self.host(place, scheme, defaultPort: type.port)
        self.weight = weight
    }

    /// What stands before `?weight=`, and what behind.
    private static func weight(_ text: Substring) throws(Misuse) -> (Substring, Int) {
        guard let mark = text.firstRange(of: "?weight=") else { return (text, 1) }
        return (text[..<mark.lowerBound], try Weight(text: String(text[mark.upperBound...])).value)
    }

    /// The same with another weight.
    func weighing(_ weight: Weight) -> Endpoint {
        var endpoint = self
        endpoint.weight = weight.value
        return endpoint
    }

    private static func socket(_ path: Substring, _ scheme: String) throws(Misuse) -> TransportAddress {
        guard path.hasPrefix("/") else {
            throw Misuse("write the whole path behind three slashes, as in \(scheme):///run/app.sock.")
        }
        do throws(TransportError) {
            return try TransportAddress(parsing: "unix:\(path)")
        } catch {
            throw Misuse("the path of a unix socket is 1 to 107 bytes long.")
        }
    }

    private static func host(
        _ text: Substring, _ scheme: String, defaultPort: Int?
    ) throws(Misuse) -> TransportAddress {
        let authority = text.prefix { !"/?#".contains($0) }
        guard text.dropFirst(authority.count).allSatisfy({ $0 == "/" }) else {
            throw Misuse("a URL ends behind the port here: requests have their own paths.")
        }
        guard !authority.contains("@") else {
            throw Misuse("no user has a meaning here: leave out what is before the @.")
        }
        let hasPort = authority.last != "]" && authority.contains(":")
        if !hasPort, defaultPort == nil || authority.isEmpty {
            throw Misuse("write the port, as in \(scheme)://\(authority):\(defaultPort ?? 8043).")
        }
        do throws(TransportError) {
            return try TransportAddress(parsing: hasPort ? "\(authority)" : "\(authority):\(defaultPort ?? 0)")
        } catch {
            throw Misuse("write HOST:PORT, [IPv6]:PORT or :PORT behind \(scheme)://.")
        }
    }

    /// As it is written.
    var text: String {
        let weight = self.weight == 1 ? "" : "?weight=\(self.weight)"
        return switch self.address {
        case .unix(let path) where self.type == .unix: "unix://\(path)\(weight)"
        case .unix(let path): "\(self.type.rawValue)+unix://\(path)\(weight)"
        case .tcp, .memory: "\(self.type.rawValue)://\(self.address)\(weight)"
        }
    }
}

/// How many requests a server gets in proportion to others.
struct Weight: OptionValue, Equatable {
    let value: Int

    init(text: String) throws(Misuse) {
        guard let value = Int(text), (1...100).contains(value) else {
            throw Misuse("a weight is a whole number from 1 to 100.")
        }
        self.value = value
    }
}

extension Kind {
    /// Where it is at home.
    fileprivate var port: Int? {
        switch self {
        case .http: 80
        case .https: 443
        case .unix, .teleport, .teleports: nil
        }
    }
}

/// URLs between commas.
struct EndpointList: OptionValue, Equatable {
    let endpoints: [Endpoint]

    init(text: String) throws(Misuse) {
        var endpoints: [Endpoint] = []
        for element in try CommaList(text: text).elements { endpoints.append(try Endpoint(text: element)) }
        self.endpoints = endpoints
    }
}
