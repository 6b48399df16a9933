# Completions of etcdpki for fish. `etcdpki completions fish` prints this file.
function __etcdpki_candidates
    set -l word "$(commandline -ct)"
    set -l lines (etcdpki __complete (commandline -opc) $word 2>/dev/null)
    set -l directive (string split -m 1 ' ' -- $lines[-1])
    if test (count $lines) -gt 1
        printf '%s\n' $lines[1..-2]
    end
    # What stands before the path in the same word, as in -ca=ca.pem.
    set -l before ''
    if test (count $directive) -eq 2
        set before $directive[2]
    end
    set -l path (string sub -s (math (string length -- $before) + 1) -- $word)
    switch "$directive[1]"
        case ':files'
            for found in (__fish_complete_path $path)
                echo $before$found
            end
        case ':folders'
            for found in (__fish_complete_directories $path)
                echo $before$found
            end
    end
end
for program in etcdpki cfssl cfssljson cfssl-certinfo cfssl-newkey mkbundle
    complete -c $program -f -a '(__etcdpki_candidates)'
end
