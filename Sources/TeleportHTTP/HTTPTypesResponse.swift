public import HTTPTypes

/// Responses of the `HTTPTypes` package, both ways.
extension ResponseHead {
    /// The head of an `HTTPResponse`.
    ///
    /// - Throws: ``HTTPError/Code/invalidStatusLine`` if the status is not 100 to 599 or its reason phrase has control
    ///   characters; what ``Fields/append(_:_:)`` throws.
    public init(_ response: HTTPResponse) throws(HTTPError) {
        guard let status = Status(code: response.status.code) else { throw HTTPError(.invalidStatusLine) }
        var fields = Fields()
        try fields.append(response.headerFields, except: nil)
        self.init(status: status, fields: fields)
        if !response.status.reasonPhrase.isEmpty { try setReasonPhrase(response.status.reasonPhrase) }
    }
}

extension HTTPResponse {
    /// The head as an `HTTPResponse`.
    ///
    /// - Throws: ``HTTPError/Code/inexpressible`` if a value is not UTF-8.
    public init(_ head: ResponseHead) throws(HTTPError) {
        self.init(
            status: Status(code: Int(head.status.code), reasonPhrase: head.reasonPhrase),
            headerFields: try HTTPFields(head.fields, except: nil))
    }
}

extension Response {
    /// A response from an `HTTPResponse` and a body. Throws as ``ResponseHead/init(_:)``.
    public init(_ response: HTTPResponse, body: Body = .empty) throws(HTTPError) {
        self.init(head: try ResponseHead(response), body: body)
    }

    /// The head as an `HTTPResponse`. Throws as `HTTPResponse.init(_:)`.
    public func httpResponse() throws(HTTPError) -> HTTPResponse {
        try HTTPResponse(head)
    }
}
