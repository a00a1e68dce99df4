extension HTTPError.Code {
    /// The status that answers a request which broke this rule.
    var status: Status {
        switch self {
        case .targetTooLong: .uriTooLong
        case .unsupportedVersion: .httpVersionNotSupported
        case .headTooLarge, .tooManyFields, .trailersTooLarge: .requestHeaderFieldsTooLarge
        case .unsupportedExpectation: .expectationFailed
        case .unsupportedTransferCoding, .connectNotSupported: .notImplemented
        case .bodyTooLarge: .contentTooLarge
        case .invalidStatusLine, .missingLength, .bodyNotAllowed, .unexpectedResponse, .tooManyInformationalResponses:
            .badGateway
        case .bodyNotComplete, .informationalAsFinal, .inexpressible: .internalServerError
        case .invalidRequestLine, .invalidMethod, .invalidTarget, .invalidFieldName, .invalidFieldValue,
            .obsoleteLineFolding, .bareLineFeed, .bareCarriageReturn, .nulByte, .missingHost, .duplicateHost,
            .invalidHost, .invalidContentLength, .duplicateContentLength, .lengthAndTransferEncoding,
            .transferCodingInHTTP10, .invalidChunk, .chunkLineTooLong, .truncated, .malformedHead, .forbiddenField,
            .secretsMismatch:
            .badRequest
        }
    }

    /// The rule in one sentence.
    var sentence: String {
        switch self {
        case .invalidRequestLine:
            "The request line is not a method, a target and a version with one space between each."
        case .invalidMethod: "The method is not a token."
        case .invalidTarget: "The target is empty or contains a space or a control character."
        case .targetTooLong: "The target is longer than the limit."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .invalidStatusLine: "The status line is not a version and a status from 100 to 599."
        case .headTooLarge: "The head is larger than the limit."
        case .tooManyFields: "There are more fields than the limit."
        case .invalidFieldName: "A field name is not a token that a colon follows."
        case .invalidFieldValue: "A field value contains a control character."
        case .obsoleteLineFolding: "A field line begins with a blank: folded lines are not accepted."
        case .bareLineFeed: "A line ends with LF alone instead of CR LF."
        case .bareCarriageReturn: "A CR stands without an LF after it."
        case .nulByte: "A line contains a NUL byte."
        case .missingHost: "A Host field is required."
        case .duplicateHost: "There is more than one Host field."
        case .invalidHost: "The Host field contains a character that no host has."
        case .unsupportedExpectation: "The only expectation that can be met is 100-continue."
        case .invalidContentLength: "Content-Length is not one decimal number."
        case .duplicateContentLength: "There is more than one Content-Length field."
        case .lengthAndTransferEncoding: "Content-Length and Transfer-Encoding stand together."
        case .unsupportedTransferCoding: "The only transfer coding accepted is a single chunked."
        case .transferCodingInHTTP10: "An HTTP/1.0 message cannot have a transfer coding."
        case .missingLength: "The response does not say how long its body is, and nothing else could end it."
        case .bodyNotAllowed: "A response that cannot have a body has or announces one."
        case .bodyTooLarge: "The body is larger than the limit."
        case .invalidChunk: "A chunk is malformed."
        case .chunkLineTooLong: "A chunk-size line is longer than the limit."
        case .trailersTooLarge: "The trailer section is larger than the limit."
        case .truncated: "A message ended before it was complete."
        case .malformedHead:
            "The head is cut short, goes on behind its fields, or has a number or flag that it cannot have."
        case .forbiddenField:
            "A field stands where it has no meaning: one of a connection, or of a head among trailers."
        case .secretsMismatch: "The head refers to other secret values than came with it."
        case .unexpectedResponse: "A response came that no request asked for."
        case .tooManyInformationalResponses: "There are more informational responses than the limit before a final one."
        case .connectNotSupported: "CONNECT cannot be carried here."
        case .bodyNotComplete: "The body is not complete in memory: collect it first."
        case .informationalAsFinal: "An informational status cannot be a final response here."
        case .inexpressible: "The message cannot be expressed in the other form."
        }
    }
}
