/// A shell that can complete the options, once it has read a script.
///
/// The scripts are written here because options have four spellings and may be given once: what the parser's library
/// generates offers too much and understands too little of it.
enum CompletionShell: String, CaseIterable {
    case bash, zsh, fish

    var script: String {
        switch self {
        case .bash: BashCompletion.script
        case .zsh: ZshCompletion.script
        case .fish: FishCompletion.script
        }
    }

    /// The words a shell offers besides the options.
    static let others = ["help", "version"]
}

extension String {
    /// In single quotes, for any of the shells.
    var quotedForShell: String { "'\(self.replacing("'", with: "'\\''"))'" }
}
