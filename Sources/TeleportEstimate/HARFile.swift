import Foundation
import NIOCore
import TeleportHTTP

/// HTTP Archive 1.2: what browsers' developer tools save. Only what is needed of it.
struct HARFile: Decodable {
    struct Log: Decodable { let entries: [Entry] }

    struct Entry: Decodable {
        let request: Sent
        let response: Answer
    }

    struct Sent: Decodable {
        let method: String
        let url: String
        let headers: [Header]
        let postData: Content?
    }

    struct Answer: Decodable {
        let status: Int
        let headers: [Header]
        let content: Content?
    }

    struct Header: Decodable {
        let name: String
        let value: String
    }

    struct Content: Decodable {
        let size: Int?
        let text: String?
        let encoding: String?
    }

    let log: Log

    static func traffic(_ data: Data, of path: String) throws(TrafficFileError) -> RecordedTraffic {
        let file: HARFile
        do {
            file = try JSONDecoder().decode(HARFile.self, from: data)
        } catch let error as DecodingError {
            throw TrafficFileError(path, "not a HAR file: \(error.sentence)")
        } catch {
            throw TrafficFileError(path, "not a HAR file: \(error.localizedDescription)")
        }
        var traffic = RecordedTraffic()
        for entry in file.log.entries {
            guard let exchange = entry.exchange(&traffic) else { continue }
            traffic.append(exchange)
        }
        guard !traffic.exchanges.isEmpty else {
            throw TrafficFileError(path, "there is no HTTP exchange in it that a link could carry.")
        }
        return traffic
    }
}

extension HARFile.Entry {
    func exchange(_ traffic: inout RecordedTraffic) -> RecordedExchange? {
        guard let url = URLComponents(string: self.request.url), url.scheme == "http" || url.scheme == "https",
            let host = url.host, let method = HTTPMethod(self.request.method), method != .connect
        else {
            traffic.remark("left out: not a request of HTTP")
            return nil
        }
        // 0 is what browsers write for an answer that never came; a tunnel's bytes are not recorded.
        guard let status = Status(code: self.response.status), status.code >= 200 else {
            traffic.remark("left out: there was no answer, or it opened a tunnel")
            return nil
        }
        var own = Fields()
        if !self.request.headers.contains(where: { $0.name.lowercased() == "host" }) {
            // First, as clients send it.
            guard (try? own.append(.host, url.port.map { "\(host):\($0)" } ?? host)) != nil else { return nil }
        }
        let fields = Fields(self.request.headers, except: Self.unsent, behind: own, &traffic)
        let path = url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath
        let target = url.percentEncodedQuery.map { "\(path)?\($0)" } ?? path
        var request = Request(method: method, target: target, fields: fields, body: Self.body(self.request.postData))
        request.isSecure = url.scheme == "https"
        return RecordedExchange(request: request, response: self.answer(status, &traffic))
    }

    private func answer(_ status: Status, _ traffic: inout RecordedTraffic) -> Response {
        var fields = Fields(self.response.headers, except: Self.unsent, &traffic)
        let hasBody = self.request.method != "HEAD" && !status.forbidsBody
        let body = hasBody ? Self.body(self.response.content) : .empty
        if hasBody, body.buffer?.readableBytes ?? 0 == 0, self.response.content?.size ?? 0 > 0 {
            traffic.remark("the body of the answer was not recorded: counted without it")
        }
        // What is recorded is what the browser made of it.
        if fields.remove("Content-Encoding") > 0 {
            traffic.remark("the answer was compressed by its server: counted as if it were not, which is how to run it")
        }
        return Response(status: status, fields: fields, body: body)
    }

    /// Said anew for what is sent, or of HTTP/2 alone.
    private static let unsent: Set<String> = ["content-length", "transfer-encoding", "connection", "keep-alive"]

    private static func body(_ content: HARFile.Content?) -> Body {
        guard let text = content?.text, !text.isEmpty else { return .empty }
        if content?.encoding == "base64", let bytes = Data(base64Encoded: text, options: .ignoreUnknownCharacters) {
            return Body(ByteBuffer(bytes: bytes))
        }
        return Body(ByteBuffer(string: text))
    }
}

extension Fields {
    fileprivate init(
        _ headers: [HARFile.Header], except unsent: Set<String>, behind first: Fields = Fields(),
        _ traffic: inout RecordedTraffic
    ) {
        self = first
        for header in headers where !header.name.hasPrefix(":") && !unsent.contains(header.name.lowercased()) {
            do throws(HTTPError) {
                try self.append(FieldName(header.name), header.value)
            } catch {
                traffic.remark("a field was left out: \(error.message)")
            }
        }
    }
}

extension DecodingError {
    /// Where, and what was expected.
    var sentence: String {
        switch self {
        case .keyNotFound(let key, let context): "\(context.place) has no \"\(key.stringValue)\"."
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            "\(context.place) should be of the type \(type)."
        case .dataCorrupted(let context):
            "\(context.place): \(context.underlyingError?.faultOfJSON ?? context.debugDescription)"
        @unknown default: "\(self)"
        }
    }
}

extension DecodingError.Context {
    fileprivate var place: String {
        guard !self.codingPath.isEmpty else { return "it" }
        return self.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined().dropFirst()
            .description
    }
}
