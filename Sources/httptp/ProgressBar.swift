import Foundation
import Synchronization

/// How far something is, on the last line of a terminal; nothing where standard error is none.
final class ProgressBar: Sendable {
    private static let width = 30
    private let isShown = isatty(STDERR_FILENO) == 1
    private let shown = Mutex("")

    /// - Parameters:
    ///   - done: from 0 to 1.
    ///   - what: what is done now.
    func show(_ done: Double, _ what: String) {
        guard self.isShown else { return }
        let filled = Int((done * Double(Self.width)).rounded(.down))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        let text = "[\(bar)] \(Int(done * 100)) %  \(what)"
        self.shown.withLock { shown in
            guard shown != text else { return }
            shown = text
            Self.write("\r\u{1B}[K\(text)")
        }
    }

    /// Takes it away.
    func clear() {
        if self.isShown { Self.write("\r\u{1B}[K") }
    }

    private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
