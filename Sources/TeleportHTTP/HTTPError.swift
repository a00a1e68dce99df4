/// The one error of this module: which rule was broken, how to answer, and a sentence that says so.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken.
    public let code: Code
    /// The status to answer with: 4xx or 5xx for a request, 502 for a response that an upstream sent.
    public let status: Status
    /// One sentence for a person. It quotes nothing that the peer sent and names no address.
    public let message: String

    /// An error with the status and sentence of its rule, except what is given.
    public init(_ code: Code, status: Status? = nil, message: String? = nil) {
        self.code = code
        self.status = status ?? code.status
        self.message = message ?? code.sentence
    }

    public var description: String { "\(code): \(message)" }

    /// The same error for a response: whoever waits for it is told that the gateway got a bad one.
    var fromUpstream: HTTPError {
        HTTPError(code, status: .badGateway, message: message)
    }

    /// The rules. Names are stable; more may be added.
    public enum Code: Hashable, Sendable, CaseIterable {
        // Start lines.
        case invalidRequestLine, invalidMethod, invalidTarget, targetTooLong, unsupportedVersion, invalidStatusLine
        // Field lines.
        case headTooLarge, tooManyFields, invalidFieldName, invalidFieldValue, obsoleteLineFolding
        case bareLineFeed, bareCarriageReturn, nulByte
        // Routing.
        case missingHost, duplicateHost, invalidHost, unsupportedExpectation
        // How long a body is.
        case invalidContentLength, duplicateContentLength, lengthAndTransferEncoding, unsupportedTransferCoding
        case transferCodingInHTTP10, missingLength, bodyNotAllowed
        // Bodies.
        case bodyTooLarge, invalidChunk, chunkLineTooLong, trailersTooLarge, truncated
        // Heads of protocol v1.
        case malformedHead, forbiddenField, secretsMismatch
        // Order of responses.
        case unexpectedResponse, tooManyInformationalResponses
        // What cannot be sent.
        case connectNotSupported, bodyNotComplete, informationalAsFinal, inexpressible
    }
}
