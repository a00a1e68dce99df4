/// Completion in bash. Options are a table in the script too, one line each.
enum BashCompletion {
    static var script: String {
        """
        # Completes the options of \(About.name) in bash. Made by: \(About.name) --generate-completion-script bash
        _httptp() {
            # name|long name|what its value is|the words it can be
            local options=(
        \(ProxyOption.allCases.map { "        \(self.line($0).quotedForShell)" }.joined(separator: "\n"))
            )
            local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} equals='' prefix=''
            # To bash an equals sign is a word, unless somebody changed COMP_WORDBREAKS.
            if [[ $word == = ]]; then
                equals=yes word=''
            elif [[ $option == = ]]; then
                equals=yes option=${COMP_WORDS[COMP_CWORD - 2]}
            elif [[ $word == -*=* ]]; then
                equals=yes option=${word%%=*} prefix=${word%%=*}= word=${word#*=}
            fi
            COMPREPLY=()
            local line name long kind words first=() second=()
            for line in "${options[@]}"; do
                IFS='|' read -r name long kind words <<< "$line"
                case $option in
                    -"$name" | --"$name" | -"$long" | --"$long")
                        if [[ $kind == file ]]; then
                            compopt -o filenames 2> /dev/null
                            [[ $word != *,* ]] || { prefix+=${word%,*}, word=${word##*,}; }
                            mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "$word")
                            return
                        elif [[ $kind != flag || -n $equals ]]; then
                            mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$word")
                            return
                        fi
                        ;;
                esac
                # Given already, and none may be given twice.
                case " ${COMP_WORDS[*]:0:COMP_CWORD} " in
                    *[[:space:]]-"$name"[[:space:]=]* | *[[:space:]]--"$name"[[:space:]=]*) continue ;;
                    *[[:space:]]-"$long"[[:space:]=]* | *[[:space:]]--"$long"[[:space:]=]*) continue ;;
                esac
                if [[ $word == --* ]]; then
                    first+=("--$long") second+=("--$name")
                else
                    first+=("-$name") second+=("-$long")
                fi
            done
            [[ -z $equals ]] || return
            mapfile -t COMPREPLY < <(compgen -W "${first[*]} \(CompletionShell.others.map { "--\($0)" }.joined(separator: " "))" -- "$word")
            # The spellings that are not offered are completed all the same.
            (( ${#COMPREPLY[@]} > 0 )) || mapfile -t COMPREPLY < <(compgen -W "${second[*]}" -- "$word")
        }
        complete -F _httptp \(About.name)

        """
    }

    private static func line(_ option: ProxyOption) -> String {
        let (kind, words): (String, [String]) =
            switch option.definition.completion {
            case .nothing where option.isFlag: ("flag", ["true", "false"])
            case .nothing: ("text", [])
            case .file: ("file", [])
            case .list(let words): ("word", words)
            }
        return [option.name, option.longName, kind, words.joined(separator: " ")].joined(separator: "|")
    }
}
