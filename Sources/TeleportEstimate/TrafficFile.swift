import Foundation

extension RecordedTraffic {
    /// The largest file that is read, in bytes: its traffic is held in memory.
    package static let maximumFileSize = 1 << 30

    /// Reads a HAR file, or JSON lines: which of them it is, its first bytes tell.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - answers: JSON lines with the answers to those of `path`; without it they are answered with 204.
    /// - Throws: ``TrafficFileError``.
    package static func read(_ path: String, answers: String? = nil) throws -> RecordedTraffic {
        let data = try self.contents(of: path)
        guard self.isHAR(data) else {
            return try JSONLines.traffic(
                requests: JSONLines(data, of: path),
                responses: answers.map { try JSONLines(self.contents(of: $0), of: $0) })
        }
        guard answers == nil else {
            throw TrafficFileError(path, "a HAR file has its answers in it: leave --answers out.")
        }
        return try HARFile.traffic(data, of: path)
    }

    private static func contents(of path: String) throws(TrafficFileError) -> Data {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            let data = try handle.read(upToCount: self.maximumFileSize + 1) ?? Data()
            guard data.count <= self.maximumFileSize else {
                throw TrafficFileError(path, "larger than 1 GiB: take a part of it.")
            }
            return data
        } catch let error as TrafficFileError {
            throw error
        } catch {
            throw TrafficFileError(path, "cannot be read: \(error.localizedDescription)")
        }
    }

    /// Whether the first name in the first object is `log`, behind blanks and a byte order mark.
    private static func isHAR(_ data: Data) -> Bool {
        let start = data.prefix(256).filter { $0 > 0x20 && $0 < 0x80 }
        return start.starts(with: Data("{\"log\":".utf8))
    }
}

extension Error {
    /// What is wrong with a JSON text, and where: Foundation tells it aside.
    var faultOfJSON: String? { (self as NSError).userInfo["NSDebugDescription"] as? String }
}
