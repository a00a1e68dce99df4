/// Writes man(7), which every formatter of manual pages reads.
struct Roff {
    enum Span {
        case plain(String)
        case bold(String)
        case italic(String)
    }

    private(set) var source = ""

    mutating func title(_ name: String, section: Int, date: String, source: String) {
        self.line(".TH \(name.uppercased()) \(section) \"\(date)\" \"\(Self.escaped(source))\"")
    }

    mutating func heading(_ title: String) { self.line(".SH \(Self.escaped(title.uppercased()))") }

    mutating func subheading(_ title: String) { self.line(".SS \(Self.escaped(title))") }

    mutating func paragraph() { self.line(".PP") }

    /// Running text, each sentence on lines of its own: formatters set the space between sentences by it.
    mutating func text(_ text: String) {
        for sentence in text.replacing(". ", with: ".\n").split(separator: "\n") {
            var line = ""
            for word in Self.escaped(String(sentence)).split(separator: " ") {
                if line.utf8.count + 1 + word.utf8.count > 80 {
                    self.line(Self.guarded(line))
                    line = ""
                }
                line += line.isEmpty ? String(word) : " \(word)"
            }
            self.line(Self.guarded(line))
        }
    }

    /// A line of its own.
    mutating func entry(_ spans: [Span]) { self.line(spans.map(Self.rendered).joined()) }

    /// A label with a text that is indented under it.
    mutating func item(_ label: [Span], _ text: String) {
        self.line(".TP")
        self.entry(label)
        self.text(text)
    }

    mutating func example(_ title: String, _ command: String) {
        self.line(".TP 4")
        self.text(title)
        self.line(".nf")
        for line in command.split(separator: "\n") { self.line(Self.escaped(String(line))) }
        self.line(".fi")
    }

    private mutating func line(_ text: String) { self.source += text + "\n" }

    private static func rendered(_ span: Span) -> String {
        switch span {
        case .plain(let text): self.escaped(text)
        case .bold(let text): "\\fB\(self.escaped(text))\\fR"
        case .italic(let text): "\\fI\(self.escaped(text))\\fR"
        }
    }

    /// Hyphens as what is typed, not as what is typeset.
    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    }

    /// A line that begins like a request is none.
    private static func guarded(_ line: String) -> String {
        line.hasPrefix(".") || line.hasPrefix("'") ? "\\&\(line)" : line
    }
}
