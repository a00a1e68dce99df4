import ArgumentParser
import Teleport

/// What a process is to be, made of the command line and of the configuration file that it names: the command line wins.
struct Plan {
    /// One place that clients connect to.
    struct Listener {
        let endpoint: Endpoint
        /// Everything that holds there.
        let arguments: Arguments
        let command: HTTPTP
    }

    let listeners: [Listener]
    let servers: [Endpoint]
    /// What holds for the whole process.
    var command: HTTPTP { self.listeners[0].command }
    var arguments: Arguments { self.listeners[0].arguments }

    /// - Parameter normalized: what ``Invocation`` makes of a command line.
    /// - Throws: ``Misuse`` for the command line, ``ConfigurationMistake`` for the file.
    init(_ normalized: [String]) throws {
        let given = Arguments(normalized)
        try self.init(given, file: try given[.config].map { try ConfigurationFile(path: $0) })
    }

    init(_ given: Arguments, file: ConfigurationFile?) throws {
        let file = file ?? ConfigurationFile()
        var given = given.withCodecs
        let places = try Self.places(given, file)
        let servers = try Self.servers(given, file)
        for option in [ProxyOption.in, .inType, .out, .outType, .listen, .forward, .config] { given[option] = nil }
        given[.out] = servers.map { "\($0.address)" }.joined(separator: ",")
        given[.outType] = (servers.first { $0.type.isEncrypted } ?? servers[0]).type.rawValue
        self.servers = servers
        let isAnyEncrypted = places.contains { $0.endpoint.type.isEncrypted }
        self.listeners = try places.map { place in
            var own = place.arguments.withCodecs
            own[.in] = "\(place.endpoint.address)"
            own[.inType] = place.endpoint.type.rawValue
            var given = given
            if isAnyEncrypted, !place.endpoint.type.isEncrypted {
                // They are meant for the others.
                for option in [ProxyOption.inTLSCert, .inTLSKey, .inTLSClientCA] { given[option] = nil }
            }
            let arguments = given.over(own).over(file.forward.withCodecs).over(file.arguments.withCodecs)
            do throws(Misuse) {
                return Listener(
                    endpoint: place.endpoint, arguments: arguments, command: try HTTPTP.parsed(arguments.strings))
            } catch {
                guard let line = place.line else { throw error }
                throw ConfigurationMistake(file.name, line: line, error.inTermsOfFile)
            }
        }
    }

    /// A place to listen at, before what holds there is known.
    struct Place {
        let endpoint: Endpoint
        var arguments = Arguments()
        /// Where in the file it stands.
        var line: Int?
    }

    private static func places(_ given: Arguments, _ file: ConfigurationFile) throws(Misuse) -> [Place] {
        let endpoints = try self.endpoints(
            given, .listen, address: .in, type: .inType, hasOthers: !file.places.isEmpty)
        let places = endpoints.map { $0.map { Place(endpoint: $0) } } ?? file.places
        if let place = places.first(where: { $0.endpoint.weight != 1 }) {
            throw Misuse("\(place.endpoint.text): a weight is for servers that are forwarded to: leave it out.")
        }
        return places
    }

    private static func servers(_ given: Arguments, _ file: ConfigurationFile) throws -> [Endpoint] {
        let given = try self.endpoints(given, .forward, address: .out, type: .outType, hasOthers: !file.servers.isEmpty)
        let servers = given ?? file.servers
        if let first = servers.first, let other = servers.first(where: { $0.type.kind != first.type.kind }) {
            throw Misuse(
                "\(first.text) and \(other.text) speak different protocols: forward to HTTP servers, or to Teleport "
                    + "servers.")
        }
        return servers
    }

    /// What the command line says: URLs, or an address and a type; `nil` if that is left to the file.
    private static func endpoints(
        _ given: Arguments, _ urls: ProxyOption, address: ProxyOption, type: ProxyOption, hasOthers: Bool
    ) throws(Misuse) -> [Endpoint]? {
        let old = given.first(of: [address, type])
        if let text = given[urls] {
            if let old { throw Misuse("\(urls) and \(old) say the same in two ways: leave one of them out.") }
            let list = try Self.value(EndpointList.self, text, of: urls)
            guard !list.endpoints.isEmpty else { throw Misuse("\(urls) is empty: write a URL.") }
            return list.endpoints
        }
        guard old != nil || !hasOthers else { return nil }
        let kind = try Self.value(Kind.self, given[type] ?? type.definition.defaultText, of: type)
        let texts = try Self.value(CommaList.self, given[address] ?? address.definition.defaultText, of: address)
        let elements = address == .out ? texts.elements : [given[address] ?? address.definition.defaultText]
        guard !elements.isEmpty else {
            throw Misuse("\(address) is empty: name a server, as in \(address) far.example:8043.")
        }
        var endpoints: [Endpoint] = []
        for text in elements { endpoints.append(Endpoint(kind, try kind.address(text, of: address))) }
        return endpoints
    }

    private static func value<Value: OptionValue>(
        _: Value.Type, _ text: String, of option: ProxyOption
    ) throws(Misuse) -> Value {
        do throws(Misuse) {
            return try Value(text: text)
        } catch {
            throw Misuse("The value '\(text)' is invalid for '\(option)': \(error)")
        }
    }
}
