import Foundation
import NIOCore
import TeleportHTTP

/// Golden transcripts in `Specs/Vectors/v0`.
enum Vectors {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Specs/Vectors/v0")

    static func bytes(_ name: String) throws -> [UInt8] {
        // Not `Data(contentsOf:)`: that leaks with an empty file, which turns a run under the address sanitizer red.
        let file = try FileHandle(forReadingFrom: folder.appendingPathComponent(name))
        defer { try? file.close() }
        return [UInt8](try file.readToEnd() ?? Data())
    }

    static func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    static func names(prefix: String, suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
            .map { String($0.dropLast(suffix.count)) }
            .sorted()
    }

    /// The first HTTP message of a raw transcript, without preface and id; up to the next id, which counts 2.
    static func smuggled(_ name: String) throws -> [UInt8] {
        Array(try bytes("raw_smuggle_\(name).client.bin").dropFirst(15 + 4))
    }
}

extension ByteBuffer {
    var text: String { String(buffer: self) }
}

/// What came out of a decoder, in a form that does not depend on the pieces a body came in.
enum Outcome: Equatable, CustomStringConvertible {
    case request(RequestHead, body: [UInt8], trailers: Fields?)
    case response(ResponseHead, body: [UInt8], trailers: Fields?)
    case informational(ResponseHead)
    case refused(HTTPError)
    case failed(HTTPError)
    case unfinished(left: Int)

    var description: String {
        switch self {
        case .request(let head, let body, _): "\(head.method) \(head.target) [\(head.fields)] \(body.count)"
        case .response(let head, let body, _): "\(head.status) [\(head.fields)] \(body.count)"
        case .informational(let head): "informational \(head.status)"
        case .refused(let error): "refused \(error.code)"
        case .failed(let error): "failed \(error.code)"
        case .unfinished(let left): "unfinished \(left)"
        }
    }

    var code: HTTPError.Code? {
        switch self {
        case .refused(let error), .failed(let error): error.code
        default: nil
        }
    }

    var request: Request? {
        guard case .request(let head, let body, let trailers) = self else { return nil }
        return Request(head: head, body: Body(bytes: body), trailers: trailers)
    }
}

/// How a stream is cut.
enum Cut: CaseIterable {
    case whole, bytes, threes
}

func cuts(_ bytes: [UInt8], _ cut: Cut) -> [ArraySlice<UInt8>] {
    switch cut {
    case .whole: return [bytes[...]]
    case .bytes: return bytes.indices.map { bytes[$0...$0] }
    case .threes: return stride(from: 0, to: bytes.count, by: 3).map { bytes[$0..<min($0 + 3, bytes.count)] }
    }
}

/// Decodes a stream of requests through events.
func requests(
    _ bytes: [UInt8], _ profile: HTTPProfile = .http1, limits: HTTPLimits = .default, cut: Cut = .whole
) -> [Outcome] {
    var decoder = RequestDecoder(profile: profile, limits: limits)
    var buffer = ByteBuffer()
    var outcomes: [Outcome] = []
    var head: RequestHead?
    var body: [UInt8] = []
    do {
        for piece in cuts(bytes, cut) {
            buffer.writeBytes(piece)
            while let event = try decoder.next(from: &buffer) {
                switch event {
                case .head(let next):
                    head = next
                    body = []
                case .body(let piece):
                    body += piece.readableBytesView
                case .end(let trailers):
                    if let head { outcomes.append(.request(head, body: body, trailers: trailers)) }
                    head = nil
                case .refused(let error):
                    outcomes.append(.refused(error))
                    head = nil
                }
            }
        }
        if buffer.readableBytes > 0 || !decoder.isBetweenMessages {
            outcomes.append(.unfinished(left: buffer.readableBytes))
        }
    } catch {
        outcomes.append(.failed(error))
    }
    return outcomes
}

/// Decodes a stream of requests through whole messages.
func wholeRequests(
    _ bytes: [UInt8], _ profile: HTTPProfile = .http1, limits: HTTPLimits = .default, cut: Cut = .whole
) -> [Outcome] {
    var decoder = RequestDecoder(profile: profile, limits: limits)
    var buffer = ByteBuffer()
    var outcomes: [Outcome] = []
    do {
        for piece in cuts(bytes, cut) {
            buffer.writeBytes(piece)
            while let message = try decoder.nextMessage(from: &buffer) {
                switch message {
                case .request(let request):
                    let body = Array((request.body.buffer ?? ByteBuffer()).readableBytesView)
                    outcomes.append(.request(request.head, body: body, trailers: request.trailers))
                case .refused(let error):
                    outcomes.append(.refused(error))
                }
            }
        }
        if buffer.readableBytes > 0 || !decoder.isBetweenMessages {
            outcomes.append(.unfinished(left: buffer.readableBytes))
        }
    } catch {
        outcomes.append(.failed(error))
    }
    return outcomes
}

/// Decodes a stream of responses to `methods`, through events or whole messages, the end of the connection included.
func responses(
    _ bytes: [UInt8], to methods: [HTTPMethod] = [.get], _ profile: HTTPProfile = .http1,
    limits: HTTPLimits = .default, cut: Cut = .whole, whole: Bool = false, closes: Bool = true
) -> [Outcome] {
    var decoder = ResponseDecoder(profile: profile, limits: limits)
    for method in methods { decoder.expect(method) }
    var buffer = ByteBuffer()
    var outcomes: [Outcome] = []
    var head: ResponseHead?
    var body: [UInt8] = []
    func note(_ event: ResponseEvent) {
        switch event {
        case .head(let next):
            head = next
            body = []
        case .body(let piece):
            body += piece.readableBytesView
        case .end(let trailers):
            if let head { outcomes.append(.response(head, body: body, trailers: trailers)) }
            head = nil
        case .informational(let head):
            outcomes.append(.informational(head))
        }
    }
    func note(_ response: Response) {
        let body = Array((response.body.buffer ?? ByteBuffer()).readableBytesView)
        outcomes.append(.response(response.head, body: body, trailers: response.trailers))
    }
    do {
        for piece in cuts(bytes, cut) {
            buffer.writeBytes(piece)
            if whole {
                while let response = try decoder.nextMessage(from: &buffer) { note(response) }
            } else {
                while let event = try decoder.next(from: &buffer) { note(event) }
            }
        }
        if closes {
            if whole {
                try decoder.lastMessage().map(note)
            } else {
                try decoder.inputClosed().map(note)
            }
        }
        if buffer.readableBytes > 0 { outcomes.append(.unfinished(left: buffer.readableBytes)) }
    } catch {
        outcomes.append(.failed(error))
    }
    return outcomes
}

func requests(_ text: String, _ profile: HTTPProfile = .http1, limits: HTTPLimits = .default) -> [Outcome] {
    requests(Array(text.utf8), profile, limits: limits)
}

func responses(
    _ text: String, to methods: [HTTPMethod] = [.get], _ profile: HTTPProfile = .http1, limits: HTTPLimits = .default,
    closes: Bool = true
) -> [Outcome] {
    responses(Array(text.utf8), to: methods, profile, limits: limits, closes: closes)
}
