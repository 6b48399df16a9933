# Completions of etcdpki for bash. `etcdpki completions bash` prints this file.
_etcdpki() {
    local word joined= line i
    local -a words=() lines=()
    COMPREPLY=()
    # bash takes = and : for words of their own; the program takes -ca=ca.pem for one.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ i -gt 0 && ($word == [=:] || (-n $word && $joined == *[=:])) ]]; then
            joined+=$word
            words[${#words[@]} - 1]=$joined
        else
            joined=$word
            words+=("$joined")
        fi
    done
    mapfile -t lines < <(etcdpki __complete "${words[@]}" 2>/dev/null)
    # What stands in the last word before that which bash replaces is not repeated.
    [[ $word == [=:] ]] && word=
    local before=${joined%"$word"}
    for line in "${lines[@]}"; do
        case $line in
            :none*) compopt +o default 2>/dev/null ;;
            :folders*) compopt +o default -o dirnames 2>/dev/null ;;
            # Files are what `complete -o default` completes where nothing else is known.
            :files*) ;;
            *)
                line=${line%%$'\t'*}
                # A value is to follow the sign.
                [[ $line == *= ]] && compopt -o nospace 2>/dev/null
                COMPREPLY+=("${line#"$before"}")
                ;;
        esac
    done
}
complete -o default -F _etcdpki etcdpki cfssl cfssljson cfssl-certinfo cfssl-newkey mkbundle
