import Foundation
import Synchronization

/// How far something is, on the last line of a terminal; nothing where standard error is none.
struct ProgressBar: ~Copyable, Sendable {
    private final class Line: Sendable {
        let shown = Mutex("")

        /// - Parameter done: from 0 to 1.
        func show(_ done: Double, _ what: String) {
            let filled = Int((done * Double(ProgressBar.width)).rounded(.down))
            let text = """
                [\(String(repeating: "#", count: filled))\(String(repeating: ".", count: ProgressBar.width - filled))] \
                \(Int(done * 100)) %  \(what)
                """
            self.shown.withLock { shown in
                guard shown != text else { return }
                shown = text
                ProgressBar.write("\r\u{1B}[K\(text)")
            }
        }
    }

    private static let width = 30
    private let line: Line?

    init() {
        self.line = isatty(STDERR_FILENO) == 1 ? Line() : nil
    }

    var show: @Sendable (Double, String) -> Void {
        guard let line = self.line else { return { _, _ in } }
        return line.show
    }

    /// Takes it away.
    func clear() {
        if self.line != nil { Self.write("\r\u{1B}[K") }
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
