#compdef etcdpki cfssl cfssljson cfssl-certinfo cfssl-newkey mkbundle
# Completions of etcdpki for zsh. `etcdpki completions zsh` prints this file.
_etcdpki() {
    local line directive name
    local -a lines candidates
    lines=("${(@f)$(etcdpki __complete "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
    directive=$lines[-1]
    lines[-1]=()
    for line in $lines; do
        name=${line%%$'\t'*}
        candidates+=("${name//:/\\:}:${line#*$'\t'}")
    done
    (( $#candidates )) && _describe -V 'etcdpki' candidates
    [[ $directive == *' '* ]] && compset -P "${(b)directive#* }"
    case $directive in
        :files*) _files ;;
        :folders*) _files -/ ;;
    esac
}
# As a file of $fpath it is called the first time that something is completed; otherwise it only names itself.
if [[ $funcstack[1] == _etcdpki ]]; then
    _etcdpki "$@"
else
    compdef _etcdpki etcdpki cfssl cfssljson cfssl-certinfo cfssl-newkey mkbundle
fi
