# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# sbx.bash: completion for bash. All that it knows comes from "sbx __complete".

_sbx() {
    local rest=$COMP_LINE at=0 point=0 broken='' words=() blank word i
    local kind='' lead='' candidate

    # Readline breaks words at '=' and ':' too; what touches belongs together. $broken is what
    # stands in front of the part that readline is going to replace.
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        blank=${rest%%[!$' \t\n']*}
        rest=${rest:${#blank}+${#word}}
        ((at += ${#blank} + ${#word}))
        if ((i == 0)) || [[ $blank ]]; then
            words+=('')
        fi
        if ((i == COMP_CWORD)); then
            point=${#words[@]}
            broken=${words[point - 1]}
            word=${word:0:COMP_POINT - at + ${#word}}
            [[ $word == [=:]* ]] && broken+=$word
        fi
        # Of the word with the cursor in it, what is behind the cursor doesn't count.
        ((i > COMP_CWORD && ${#words[@]} == point)) || words[${#words[@]} - 1]+=$word
    done

    COMPREPLY=()
    {
        IFS=' ' read -r kind lead
        while IFS=$'\t' read -r candidate _; do
            printf -v candidate '%s%q' "$lead" "$candidate"
            [[ $candidate == "$broken"* ]] && COMPREPLY+=("${candidate#"$broken"}")
        done
    } < <(command sbx __complete --quoted --point "$((point - 1))" -- "${words[@]:1}" 2>/dev/null)

    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/=:] ]] && compopt -o nospace
    case $kind in
    :files) [[ ${COMPREPLY[*]} ]] || compopt -o default ;;
    :folders) compopt -o plusdirs ;;
    esac
}

complete -F _sbx sbx
