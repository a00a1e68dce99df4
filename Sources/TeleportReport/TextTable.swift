/// A table of text: columns as wide as what is in them.
public struct TextTable: Sendable {
    /// Where in its column a cell stands.
    public enum Alignment: Sendable {
        case left, right
    }

    private var rows: [[String]] = []
    private let alignments: [Alignment]

    /// - Parameters:
    ///   - header: the first row; one of empty cells, except the first, is left out.
    ///   - alignments: of each column; those behind the last one given are right.
    public init(_ header: [String], alignments: [Alignment] = [.left]) {
        self.alignments = alignments
        if header.contains(where: { !$0.isEmpty }) { self.rows.append(header) }
    }

    public mutating func append(_ row: [String]) {
        self.rows.append(row)
    }

    /// The lines, two blanks between columns, none at the end of a line.
    public func text(indented indentation: Int = 0) -> String {
        let widths = self.widths
        return self.rows.map { row in
            let cells = row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                return self.alignment(of: index) == .left ? cell + padding : padding + cell
            }
            var line = String(repeating: " ", count: indentation) + cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    private func alignment(of column: Int) -> Alignment {
        column < self.alignments.count ? self.alignments[column] : .right
    }

    private var widths: [Int] {
        var widths: [Int] = []
        for row in self.rows {
            for (index, cell) in row.enumerated() {
                if index < widths.count {
                    widths[index] = Swift.max(widths[index], cell.count)
                } else {
                    widths.append(cell.count)
                }
            }
        }
        return widths
    }
}
