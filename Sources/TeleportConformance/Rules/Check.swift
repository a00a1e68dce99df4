/// One thing that a rule of the specification demands and that can be seen from outside.
///
/// A value only describes; a ``ServerRun`` or a ``ClientRun`` makes it.
public struct Check: Sendable {
    /// The rule, such as `V1-41`.
    public let rule: String
    /// The rule and a word for what is looked at, such as `V1-41/one-byte-more`. Unique, and kept for ever.
    public let name: String
    /// What is looked at, in a few words.
    public let title: String
    /// What the specification says comes to pass.
    public let expected: String
    /// What the check asks of the peer beside the protocol.
    public let needs: [Need]
    /// In which run it is made: that of the rule's own version unless the peer has to be in another state.
    public let wire: ProtocolVersion

    let body: Body

    enum Body: Sendable {
        case server(@Sendable (ServerProbe) async throws -> String)
        case client(@Sendable (ClientProbe) async throws -> String)
    }

    /// Whom it tests.
    public var side: Side {
        switch self.body {
        case .server: .server
        case .client: .client
        }
    }

    /// A check of a server.
    ///
    /// - Parameter run: returns what was seen if that is as expected; throws ``Departure`` if not, ``NotObserved`` if that
    ///   cannot be told.
    static func server(
        _ rule: String, _ word: String, _ title: String, expected: String, needs: [Need] = [],
        run: @escaping @Sendable (ServerProbe) async throws -> String
    ) -> Check {
        Check(rule, word, title, expected, needs, Self.wire(of: rule), .server(run))
    }

    /// A check of a client.
    static func client(
        _ rule: String, _ word: String, _ title: String, expected: String, needs: [Need] = [],
        wire: ProtocolVersion? = nil,
        run: @escaping @Sendable (ClientProbe) async throws -> String
    ) -> Check {
        Check(rule, word, title, expected, needs, wire ?? Self.wire(of: rule), .client(run))
    }

    private init(
        _ rule: String, _ word: String, _ title: String, _ expected: String, _ needs: [Need], _ wire: ProtocolVersion,
        _ body: Body
    ) {
        self.rule = rule
        self.name = "\(rule)/\(word)"
        self.title = title
        self.expected = expected
        self.needs = needs
        self.wire = wire
        self.body = body
    }

    private static func wire(of rule: String) -> ProtocolVersion { rule.hasPrefix("V0-") ? .v0 : .v1 }

    /// Whether `selection`, as a user writes it, means this check: a version (`V1`), a rule (`V1-4`, which is not `V1-41`), a
    /// check, or the beginning of its name.
    public func isSelected(by selection: String) -> Bool {
        let (name, selection) = (self.name.lowercased(), selection.lowercased())
        guard name.hasPrefix(selection) else { return false }
        let next = name.dropFirst(selection.count).first
        return !(selection.last?.isNumber == true && next?.isNumber == true)
    }
}

/// What a check asks of a server beside the protocol.
public enum Need: String, Sendable, Hashable, CaseIterable {
    /// A path that answers with the request's body.
    case echo
    /// A path that answers with a body of at least 1 MiB.
    case large
    /// A path that answers after a second or later, or when it is cancelled.
    case slow
    /// A server that speaks TLS.
    case tls
    /// A way to have the server shut down.
    case drain
    /// Limits that are the defaults of the specification.
    case defaults

    /// Why a check is not made where it is missing.
    var absence: String {
        switch self {
        case .echo: "needs a path that answers with the request's body (--echo)"
        case .large: "needs a path that answers with 1 MiB or more (--large)"
        case .slow: "needs a path that answers after 1 s or later (--slow)"
        case .tls: "needs TLS (--tls)"
        case .drain: "needs a command that has the peer shut down (--drain)"
        case .defaults: "the peer has limits of its own (--own-limits)"
        }
    }
}
