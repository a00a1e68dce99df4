import Foundation
import NIOCore
import TeleportHTTP

/// A file with a JSON text in each line: bodies, as APIs exchange them.
struct JSONLines {
    let path: String
    let lines: [ByteBuffer]

    init(_ data: Data, of path: String) throws(TrafficFileError) {
        self.path = path
        var lines: [ByteBuffer] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard line.contains(where: { $0 > 0x20 }) else { continue }
            do {
                _ = try JSONSerialization.jsonObject(with: line, options: .fragmentsAllowed)
            } catch {
                throw TrafficFileError(
                    path, line: index + 1,
                    "expected a JSON text in each line, or a HAR file: \(error.faultOfJSON ?? "this is none")"
                )
            }
            lines.append(ByteBuffer(bytes: line))
        }
        guard !lines.isEmpty else { throw TrafficFileError(path, "it is empty: expected a JSON text in each line.") }
        self.lines = lines
    }

    /// Each request POSTs a line, and is answered with the line of the same number.
    static func traffic(requests: JSONLines, responses: JSONLines?) throws -> RecordedTraffic {
        if let responses, responses.lines.count != requests.lines.count {
            throw TrafficFileError(
                responses.path,
                "has \(responses.lines.count) lines, and \(requests.path) has \(requests.lines.count): expected as many."
            )
        }
        let sent: Fields = [.host: "localhost", .contentType: "application/json"]
        let answered: Fields = [.contentType: "application/json"]
        var traffic = RecordedTraffic()
        for (index, line) in requests.lines.enumerated() {
            traffic.append(
                RecordedExchange(
                    request: Request(method: .post, target: "/", fields: sent, body: Body(line)),
                    response: responses.map {
                        Response(status: .ok, fields: answered, body: Body($0.lines[index]))
                    } ?? Response(status: .noContent)))
        }
        return traffic
    }
}
