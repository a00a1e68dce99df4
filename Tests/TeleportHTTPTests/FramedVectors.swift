import Foundation
import NIOCore
import TeleportHTTP

/// The golden heads in `Specs/Vectors/v1/heads.json`.
struct FramedVectors: Decodable {
    struct Limits: Decodable {
        var head: Int?
        var target: Int?
        var fields: Int?
        var trailers: Int?

        var value: HTTPLimits {
            var limits = HTTPLimits.default
            if let head { limits.maxHeadSize = head }
            if let target { limits.maxTargetSize = target }
            if let fields { limits.maxFieldCount = fields }
            if let trailers { limits.maxTrailerSize = trailers }
            return limits
        }
    }

    struct Meaning: Decodable {
        var method: String?
        var target: String?
        var https: Bool?
        var http10: Bool?
        var status: Int?
        var reason: String?
        var fields: [[String]]
        var length: Int?
        var secret: [String]?
    }

    struct Vector: Decodable, CustomStringConvertible {
        var name: String
        var rule: String
        var head: String?
        var payload: String?
        var secrets: String?
        var tunnel: Bool?
        var kind: String?
        var limits: Limits?
        var means: Meaning?
        var error: String?
        var encode: String?

        var description: String { "\(rule), \(name)" }

        var bytes: ByteBuffer { ByteBuffer(bytes: FramedVectors.bytes(head ?? payload ?? "")) }
        var secretBytes: ByteBuffer? { secrets.map { ByteBuffer(bytes: FramedVectors.bytes($0)) } }
        var responseKind: FramedResponseKind { kind == "interim" ? .interim : kind == "tunnel" ? .tunnel : .final }

        /// How a message is sent that the bytes mean.
        var content: FramedContent {
            switch encode?.split(separator: " ").first {
            case "streamed": .streamed(length: encode?.split(separator: " ").last.flatMap { Int($0) })
            case "head": .headOnly()
            default: .whole(0)
            }
        }
    }

    var requests: [Vector]
    var responses: [Vector]
    var trailers: [Vector]

    static func load() throws -> FramedVectors {
        let file = Vectors.folder.deletingLastPathComponent().appendingPathComponent("v1/heads.json")
        return try JSONDecoder().decode(FramedVectors.self, from: Data(contentsOf: file))
    }

    /// The notation that the file describes.
    static func bytes(_ notation: String) -> [UInt8] {
        var result: [UInt8] = []
        var rest = notation[...]
        while let first = rest.first {
            if first == " " {
                rest.removeFirst()
            } else if first == "'"
                || rest.prefix(while: \.isNumber).endIndex < rest.endIndex
                    && rest[rest.prefix(while: \.isNumber).endIndex] == "*"
            {
                let count = Int(rest.prefix { $0 != "*" && $0 != "'" }) ?? 1
                rest = rest.drop { $0 != "'" }.dropFirst()
                let text = rest.prefix { $0 != "'" }
                rest = rest[text.endIndex...].dropFirst()
                for _ in 0..<count { result += text.utf8 }
            } else {
                result.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            }
        }
        return result
    }
}

/// What comes out of a decoder, or the rule it found broken.
func outcome<Value>(_ body: () throws(HTTPError) -> Value) -> Result<Value, HTTPError> {
    do throws(HTTPError) {
        return .success(try body())
    } catch {
        return .failure(error)
    }
}

extension Fields {
    var pairs: [[String]] { map { [$0.name, $0.value] } }
}

/// A head as an HTTP/1.1 decoder reads it, whose names keep their case.
func requestHead(_ text: String) throws -> RequestHead {
    var decoder = RequestDecoder(profile: .http1, limits: HTTPLimits(maxHeadSize: 1 << 20))
    var buffer = ByteBuffer(string: text)
    guard case .head(let head)? = try decoder.next(from: &buffer) else { throw HTTPError(.truncated) }
    return head
}

func responseHead(_ text: String) throws -> ResponseHead {
    var decoder = ResponseDecoder(profile: .http1, limits: HTTPLimits(maxHeadSize: 1 << 20))
    decoder.expect(.head)
    var buffer = ByteBuffer(string: text)
    switch try decoder.next(from: &buffer) {
    case .head(let head), .informational(let head): return head
    default: throw HTTPError(.truncated)
    }
}
