/// What a head says about where its message goes and ends, noted during the one pass over its fields.
struct HeadFacts: Sendable {
    private(set) var hostCount = 0
    private(set) var lengthCount = 0
    private(set) var codingCount = 0
    private(set) var expectCount = 0
    private var host = Place()
    private var length = Place()
    private var coding = Place()
    private var expect = Place()

    /// Where a value stands, counted from the front of the head.
    private struct Place {
        var start: UInt32 = 0
        var length: UInt32 = 0

        var end: Int { Int(start) + Int(length) }
    }

    /// How the end of a body is found.
    enum Length: Equatable {
        /// Neither `Content-Length` nor `Transfer-Encoding`.
        case unsaid
        case bytes(Int)
        case chunked
    }

    @inline(__always)
    mutating func note(_ entry: FieldEntry) {
        let place = Place(start: entry.valueStart, length: entry.valueLength)
        switch entry.nameID {
        case FieldID.host:
            hostCount &+= 1
            host = place
        case FieldID.contentLength:
            lengthCount &+= 1
            length = place
        case FieldID.transferEncoding:
            codingCount &+= 1
            coding = place
        case FieldID.expect:
            expectCount &+= 1
            expect = place
        default:
            break
        }
    }

    /// Decides how the body ends, and refuses every head that two readers could read in two ways (RFC 9112 §6).
    func bodyLength(_ bytes: RawSpan, version: HTTPVersion) throws(HTTPError) -> Length {
        if codingCount > 0 {
            guard lengthCount == 0 else { throw HTTPError(.lengthAndTransferEncoding) }
            guard version == .http11 else { throw HTTPError(.transferCodingInHTTP10) }
            guard codingCount == 1, isValue(bytes, coding, "chunked") else {
                throw HTTPError(.unsupportedTransferCoding)
            }
            return .chunked
        }
        guard lengthCount > 0 else { return .unsaid }
        guard lengthCount == 1 else { throw HTTPError(.duplicateContentLength) }
        guard let result = ByteScan.decimal(bytes, from: Int(length.start), to: length.end) else {
            throw HTTPError(.invalidContentLength)
        }
        return .bytes(result)
    }

    /// What is wrong with the routing of a request, if anything is (RFC 9112 §3.2). Its end is certain all the same.
    func hostFault(_ bytes: RawSpan, version: HTTPVersion) -> HTTPError? {
        if hostCount == 1 {
            return ByteScan.isHost(bytes, from: Int(host.start), to: host.end) ? nil : HTTPError(.invalidHost)
        }
        if hostCount > 1 { return HTTPError(.duplicateHost) }
        return version == .http11 ? HTTPError(.missingHost) : nil
    }

    /// Whether the client may be waiting for `100 (Continue)`, or for something unknown, before it sends the body.
    func expectation(_ bytes: RawSpan, version: HTTPVersion) -> Expectation {
        // An HTTP/1.0 client cannot wait: the field means nothing there (RFC 9110 §10.1.1).
        guard expectCount > 0, version == .http11 else { return .none }
        return expectCount == 1 && isValue(bytes, expect, "100-continue") ? .continue : .unknown
    }

    enum Expectation {
        case none, `continue`, unknown
    }

    private func isValue(_ bytes: RawSpan, _ place: Place, _ text: StaticString) -> Bool {
        guard Int(place.length) == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { utf8 in
            ByteScan.equalIgnoringCase(bytes, at: Int(place.start), utf8.span.bytes, at: 0, count: utf8.count)
        }
    }
}
