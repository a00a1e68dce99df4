import Foundation
import Testing

/// The specifications, as files.
enum Specification {
    static func text(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("Specs/\(name)"), encoding: .utf8)
    }

    /// The numbers of all rules.
    static func rules() throws -> [String] {
        let texts = try ["protocol-v0.md", "protocol-v1.md"].map(self.text)
        return texts.flatMap { $0.matches(of: /\n\*\*(V[01]-\d+)/).map { String($0.1) } }
    }

    /// A rule of v1, from its number to the next one.
    static func rule(_ number: String) throws -> String {
        let text = try self.text("protocol-v1.md")
        let start = try #require(text.range(of: "**\(number) "))
        let rest = text[start.upperBound...]
        return String(rest.prefix(upTo: rest.range(of: "\n**V1-")?.lowerBound ?? rest.endIndex))
    }
}
