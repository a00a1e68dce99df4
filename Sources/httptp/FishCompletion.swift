/// Completion in fish.
enum FishCompletion {
    static var script: String {
        """
        # Completes the options of \(About.name) in fish. Made by: \(About.name) --generate-completion-script fish
        function __httptp_option --argument-names name long text
            # Offered as long as it is not given, under any of its names; the one whose value is being completed is not.
            set -l before "(commandline -opc)[1..-2]"
            set -q argv[4]; or set before "(commandline -opc)"
            set -l unused "not string match -qr -- '^--?($name|$long)(=|\\$)' $before"
            set unused "$unused; and not string match -qr -- '^--?($name|$long)=' (commandline -opc)"
            complete -c \(About.name) -n $unused -o $name -l $long -d $text $argv[4..]
            # The other spellings, once somebody began one.
            if test $name != $long
                set -l begun "commandline -opc; commandline -ct"
                set -l mixed "begin; $begun; end | string match -qr -- '^(--[a-z]+[A-Z]|-[a-z]+-)'"
                complete -c \(About.name) -n "$mixed; and $unused" -o $long -l $name -d $text $argv[4..]
            end
        end
        complete -c \(About.name) -e
        complete -c \(About.name) -f
        \(CompletionShell.others.map { "complete -c \(About.name) -l \($0)" }.joined(separator: "\n"))
        \(ProxyOption.allCases.map(self.line).joined(separator: "\n"))

        """
    }

    private static func line(_ option: ProxyOption) -> String {
        let value =
            switch option.definition.completion {
            case .nothing where option.isFlag: ""
            case .nothing: " -x"
            case .file: " -r -F"
            case .list(let words): " -x -a \(words.joined(separator: " ").quotedForShell)"
            }
        let text = option.definition.fullHelp.replacing("\\", with: "\\\\").quotedForShell
        return "__httptp_option \(option.name) \(option.longName) \(text)\(value)"
    }
}
