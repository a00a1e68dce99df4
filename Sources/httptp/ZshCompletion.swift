/// Completion in zsh, by its `_arguments`.
enum ZshCompletion {
    static var script: String {
        """
        #compdef \(About.name)
        # Completes the options of \(About.name) in zsh. Made by: \(About.name) --generate-completion-script zsh
        _httptp() {
            # name|long name|what its value is|how to complete it|help
            local -a options=(
        \(ProxyOption.allCases.map { "        \(self.line($0).quotedForShell)" }.joined(separator: "\n"))
            )
            local -a specs=(\(CompletionShell.others.map { "'(- *)--\($0)'" }.joined(separator: " ")))
            local line others
            for line in $options; do
                local -a part=("${(@s:|:)line}")
                local name=$part[1] long=$part[2] value=":$part[3]:$part[4]" text="[$part[5]]" equals='='
                # A flag takes a value only behind an equals sign.
                [[ -n $part[3] ]] || { equals='=-' value='::state:(true false)' }
                # None may be given twice, under any of its names.
                others="(-$name --$name -$long --$long)"
                specs+=("$others-$name$equals$text$value" "$others--$long$equals$text$value")
                # The spellings that are not offered are understood all the same.
                [[ $name == $long ]] || specs+=("!$others--$name$equals$text$value" "!$others-$long$equals$text$value")
            done
            _arguments $specs
        }
        # Whether this is sourced, or found by the completion system.
        if [[ $funcstack[1] == _httptp ]]; then _httptp "$@"; else compdef _httptp \(About.name); fi

        """
    }

    private static func line(_ option: ProxyOption) -> String {
        let action =
            switch option.definition.completion {
            case .nothing: " "
            case .file: "_files"
            case .list(let words): "(\(words.joined(separator: " ")))"
            }
        let help = ["\\", "[", "]", ":"].reduce(option.definition.fullHelp) { $0.replacing($1, with: "\\\($1)") }
        return [option.name, option.longName, option.definition.placeholder, action, help].joined(separator: "|")
    }
}
