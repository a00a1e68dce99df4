public import HTTPTypes

/// Requests of the `HTTPTypes` package, both ways.
extension RequestHead {
    /// The head of an `HTTPRequest`, with `authority` as its `Host` field, which stands first.
    ///
    /// The scheme is not part of a head; keep it beside it.
    ///
    /// - Throws: ``HTTPError/Code/inexpressible`` if there is no path (no authority for `CONNECT`), or for extended
    ///   `CONNECT`; ``HTTPError/Code/missingHost`` if neither authority nor `Host` is there; what
    ///   ``Fields/append(_:_:)`` throws.
    public init(_ request: HTTPRequest) throws(HTTPError) {
        guard let method = HTTPMethod(request.method.rawValue), request.extendedConnectProtocol == nil else {
            throw HTTPError(.inexpressible)
        }
        guard let target = method == .connect ? request.authority : request.path else {
            throw HTTPError(.inexpressible)
        }
        var fields = Fields()
        if let authority = request.authority {
            try fields.append(.host, authority)
        } else if !request.headerFields.contains(where: { $0.name.canonicalName == "host" }) {
            throw HTTPError(.missingHost)
        }
        try fields.append(request.headerFields, except: request.authority == nil ? nil : .host)
        self.init(method: method, target: target, fields: fields)
    }
}

extension HTTPRequest {
    /// The head as an `HTTPRequest`: `Host` becomes the authority and leaves the fields, an absolute target is split.
    ///
    /// - Parameters:
    ///   - head: The head.
    ///   - scheme: `http` or `https`: how the request came or is to go. An absolute target has its own.
    /// - Throws: ``HTTPError/Code/inexpressible`` if the target or a value is not UTF-8; ``HTTPError/Code/duplicateHost``.
    public init(_ head: RequestHead, scheme: String) throws(HTTPError) {
        guard let method = Method(head.method.rawValue), String(validating: head.targetBytes) != nil else {
            throw HTTPError(.inexpressible)
        }
        let hosts = head.fields.all(.host)
        guard hosts.count <= 1 else { throw HTTPError(.duplicateHost) }
        let target = head.target
        var parts = (scheme: scheme as String?, authority: hosts.first, path: target as String?)
        if head.method == .connect {
            parts = (nil, target, nil)
        } else if let (scheme, authority, path) = splitAbsolute(target) {
            parts = (scheme, authority, path)
        }
        self.init(
            method: method, scheme: parts.scheme, authority: parts.authority, path: parts.path,
            headerFields: try HTTPFields(head.fields, except: .host))
    }
}

extension Request {
    /// A request from an `HTTPRequest` and a body. Throws as ``RequestHead/init(_:)``.
    public init(_ request: HTTPRequest, body: Body = .empty) throws(HTTPError) {
        self.init(head: try RequestHead(request), body: body)
    }

    /// The head as an `HTTPRequest`. Throws as `HTTPRequest.init(_:scheme:)`.
    public func httpRequest(scheme: String) throws(HTTPError) -> HTTPRequest {
        try HTTPRequest(head, scheme: scheme)
    }
}

/// `scheme "://" authority path`; `nil` for a target of another form.
private func splitAbsolute(_ target: String) -> (scheme: String, authority: String, path: String)? {
    guard target.first != "/", let colon = target.firstIndex(of: ":") else { return nil }
    let rest = target[colon...]
    guard rest.hasPrefix("://") else { return nil }
    let afterScheme = rest.dropFirst(3)
    let authorityEnd = afterScheme.firstIndex { $0 == "/" || $0 == "?" } ?? afterScheme.endIndex
    let path = afterScheme[authorityEnd...]
    return (
        String(target[..<colon]), String(afterScheme[..<authorityEnd]),
        path.hasPrefix("/") ? String(path) : "/" + path
    )
}
