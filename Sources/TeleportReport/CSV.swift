/// Rows for a spreadsheet: cells with a comma, a quote or a line end are quoted.
public struct CSV: Sendable {
    /// The lines so far, the last one ended too.
    public private(set) var text = ""

    public init(_ header: [String]) {
        self.append(header)
    }

    public mutating func append(_ row: [String]) {
        self.text += row.map(Self.cell).joined(separator: ",") + "\n"
    }

    private static func cell(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
