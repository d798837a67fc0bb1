# SPDX-License-Identifier: Apache-2.0
# sbx.fish: completion for fish. All that it knows comes from "sbx __complete".

function __sbx_complete
    command -q sbx; or return
    # fish shows a completion nothing of what stands behind the cursor.
    set -l before (commandline -opc)
    set -l raw (commandline -ct)
    set -l word (string unescape -- $raw)
    or set word $raw
    set -l answer (command sbx __complete -- $before[2..-1] "$word" 2>/dev/null)
    set -l head (string split -m 1 ' ' -- $answer[1])
    set -l value (string sub -s (math (string length -- "$head[2]") + 1) -- "$word")

    for candidate in $answer[2..-1]
        printf '%s%s\n' "$head[2]" $candidate
    end
    switch "$head[1]"
        case :files
            printf '%s\n' "$head[2]"(__fish_complete_path "$value")
        case :folders
            # A folder is a whole word. This function wants it quoted, as it was typed.
            __fish_complete_directories "$raw"
    end
end

complete -c sbx -f -a '(__sbx_complete)'
