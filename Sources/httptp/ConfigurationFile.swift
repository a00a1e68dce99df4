import Foundation
import Yams

/// A configuration file: YAML with the keys of ``ConfigurationKey``.
///
/// ```yaml
/// listen:
///   - url: https://:443
///     tls-cert: [a.pem, b.pem]
///     tls-key: [a.key, b.key]
///   - http://:80
/// forward:
///   servers: [teleports://a.example:8443, teleports://b.example:8443]
///   codec: zstd
/// log-level: warning
/// ```
struct ConfigurationFile {
    /// As messages call it.
    private(set) var name = ""
    /// What holds for the process.
    private(set) var arguments = Arguments()
    /// What holds for the servers behind.
    private(set) var forward = Arguments()
    private(set) var places: [Plan.Place] = []
    private(set) var servers: [Endpoint] = []

    /// Says nothing.
    init() {}

    /// Why a file cannot be read, in the system's words.
    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        guard let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain else {
            return error.code == CocoaError.fileReadNoSuchFile.rawValue
                ? String(cString: strerror(ENOENT)) : error.localizedDescription
        }
        return String(cString: strerror(Int32(cause.code)))
    }

    /// - Throws: ``ConfigurationMistake``.
    init(path: String) throws(ConfigurationMistake) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ConfigurationMistake(path, line: nil, "the file cannot be read: \(Self.reason(error))")
        }
        try self.init(text, name: path)
    }

    init(_ text: String, name: String) throws(ConfigurationMistake) {
        self.name = name
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ConfigurationMistake(name, yaml: error)
        }
        guard let root else { return }
        let reader = ConfigurationReader(file: name)
        for (key, value) in try reader.entries(of: root, as: "the file") {
            switch key.text {
            case "listen":
                self.places = try reader.list(value) { (node) throws(ConfigurationMistake) in try reader.place(node) }
            case "forward":
                (self.servers, self.forward) = try reader.forward(value)
            default:
                try reader.take(key, value, of: .top, into: &self.arguments)
            }
        }
    }
}

extension ConfigurationMistake {
    /// What the parser of YAML says, in one line.
    init(_ file: String, yaml error: any Error) {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            self.init(file, line: mark.line, "this is no YAML: \(problem) in column \(mark.column).")
        case YamlError.duplicatedKeysInMapping(let duplicates, let context):
            self.init(
                file, line: context.mark.line,
                "given twice in this part: \(duplicates.sorted().map { "`\($0)`" }.joined(separator: ", ")).")
        case YamlError.reader(let problem, _, _, _):
            self.init(file, line: nil, "this is no YAML: \(problem).")
        default:
            self.init(file, line: nil, "this is no YAML: \(error)")
        }
    }
}
