internal import NIOCore
internal import Teleport

/// What a request has to get past before it is forwarded, and what it is given on the way (RFC 9110 §7.6).
struct RequestGate: Sendable {
    let getOnly: Bool
    let clientIPField: FieldName?
    let allowsTunnels: Bool

    init(_ configuration: FrontConfiguration) {
        self.getOnly = configuration.getOnly
        self.clientIPField = configuration.clientIPField
        self.allowsTunnels = configuration.allowsTunnels
    }

    /// Whether an HTTP client asks for a tunnel that it may be given (P-50).
    func isTunnelRequest(_ head: RequestHead) -> Bool {
        self.allowsTunnels
            && (head.method == .connect || (Self.asksForUpgrade(head) && !UpgradeOffer(head.fields).protocols.isEmpty))
    }

    /// The answer to a request for a tunnel that is not passed on (P-51, P-52).
    ///
    /// - Parameter hasBody: it has one, or announces it.
    func tunnelRefusal(of head: RequestHead, hasBody: Bool) -> Response? {
        if self.getOnly, head.method != .get, head.method != .head {
            return Self.methodNotAllowed("Only GET and HEAD are accepted here.\n", allow: "GET, HEAD")
        }
        guard !hasBody else {
            return .text("A request for a tunnel has no body.\n", status: .badRequest)
        }
        if head.method == .connect {
            guard head.targetForm == .authority, head.namesPort else {
                return .refusal(HTTPError(.invalidTarget, message: "The target of CONNECT is a host and a port."))
            }
        } else if UpgradeOffer(head.fields).protocols.isEmpty {
            return .text("Upgrading to h2c is not supported here.\n", status: .notImplemented)
        } else if head.targetForm == .invalid {
            return .refusal(Self.invalidTarget)
        }
        return nil
    }

    /// Changes what an intermediary has to change in a request for a tunnel, beside ``adapt(_:client:)``.
    func adaptTunnel(_ head: inout RequestHead) throws(HTTPError) {
        if head.method == .connect {
            // The target is whom it is for (RFC 9112 §3.2.3), and nobody is to be told anything else.
            try head.fields.set(.host, head.target)
        } else {
            try head.fields.set(.upgrade, UpgradeOffer(head.fields).protocols.joined(separator: ", "))
        }
    }

    private static let invalidTarget = HTTPError(
        .invalidTarget, message: "The target is neither a path, a URI, nor * of OPTIONS.")

    /// The answer to a request that is not forwarded; `nil` for one that is.
    ///
    /// - Parameter isUpgradeIgnored: on a Teleport link nobody could switch protocols, so the field means nothing.
    func refusal(of head: RequestHead, isUpgradeIgnored: Bool = false) -> Response? {
        if head.method == .connect {
            return .text("CONNECT is not supported: this proxy opens no tunnels.\n", status: .notImplemented)
        }
        if self.getOnly, head.method != .get, head.method != .head {
            return Self.methodNotAllowed("Only GET and HEAD are accepted here.\n", allow: "GET, HEAD")
        }
        if !isUpgradeIgnored, Self.asksForUpgrade(head) {
            return .text("Upgrading the connection is not supported here.\n", status: .notImplemented)
        }
        if head.targetForm == .invalid {
            return .refusal(Self.invalidTarget)
        }
        return self.finalAnswer(to: head)
    }

    /// `Upgrade` may be ignored (RFC 9110 §7.8), and is where the client can do without: `h2c` is an offer. Whoever asks
    /// for anything else, a websocket above all, has no use for an answer in HTTP.
    private static func asksForUpgrade(_ head: RequestHead) -> Bool {
        guard head.version == .http11, head.fields.contains(.upgrade),
            head.fields.containsToken(.connection, "upgrade")
        else { return false }
        return !head.fields.all(.upgrade).allSatisfy { $0.lowercased() == "h2c" }
    }

    /// `Max-Forwards: 0` ends the way of a `TRACE` or `OPTIONS` here (RFC 9110 §7.6.2).
    private func finalAnswer(to head: RequestHead) -> Response? {
        guard head.method == .trace || head.method == .options,
            let value = head.fields.first(.maxForwards), let number = Self.forwards(value), number == 0
        else { return nil }
        guard head.method == .options else {
            // Echoing the request would show its secrets to whoever can make a browser send it.
            return Self.methodNotAllowed("TRACE is not answered here.\n", allow: "GET, HEAD, POST, OPTIONS")
        }
        return Response(status: .noContent)
    }

    private static func forwards(_ value: String) -> UInt32? { UInt32(value) }

    private static func methodNotAllowed(_ text: String, allow: String) -> Response {
        var response = Response.text(text, status: .methodNotAllowed)
        // The value is a literal of this file: it cannot break a rule.
        try? response.fields.append(.allow, allow)
        return response
    }

    /// Changes what an intermediary has to change, in a request that is forwarded.
    func adapt(_ head: inout RequestHead, client: SocketAddress?) throws(HTTPError) {
        if case .absolute(let authority) = head.targetForm, head.fields.firstBytes(.host) != authority {
            try head.fields.set(.host, String(buffer: authority))
        }
        if head.method == .trace || head.method == .options, let value = head.fields.first(.maxForwards),
            let number = Self.forwards(value), number > 0
        {
            try head.fields.set(.maxForwards, "\(number - 1)")
        }
        if let field = self.clientIPField, let address = client?.clientIP {
            let others = head.fields.all(field).filter { !$0.isEmpty }
            try head.fields.set(field, (others + [address]).joined(separator: ", "))
        }
    }
}

extension RequestHead {
    /// Whether the target of a `CONNECT` ends with a port.
    fileprivate var namesPort: Bool {
        let target = self.target
        guard let colon = target.lastIndex(of: ":"), colon > target.startIndex else { return false }
        let digits = target[target.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return false }
        return port > 0
    }
}
