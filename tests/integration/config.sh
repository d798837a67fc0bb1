#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# config.sh: configuration files: where they are, who may write them, what applies, and that no
# sandbox can change them.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"
need_tree busybox
folder=$HOME/.config/sbx
file=$folder/sbx.conf
mkdir -p "$folder"

# conf LINE...: the user's file.
conf() {
    printf '%s\n' "$@" >"$file"
}

# shows OPTION ARG...: what sbx config says of it, without the padding.
shows() {
    local option=$1
    shift
    "$SBX" config show "$@" 2>&1 | sed -nE "s/^$option +([^ ]+) +/\1 /p"
}

refused() {
    local what=$1 text=$2
    shift 2
    run "$SBX" "$@"
    is "$what: status" "$status" 125
    is "$what: text" "$err" "sbx: $1: $text"
}

# ---- without files ----
run "$SBX" config path
is "the paths" "$out" "/etc/sbx/sbx.conf
$file"
run env XDG_CONFIG_HOME="$work/xdg" "$SBX" config path
is "XDG_CONFIG_HOME" "$(tail -n 1 <<<"$out")" "$work/xdg/sbx/sbx.conf"
run env XDG_CONFIG_HOME=relative "$SBX" config path
is "a relative one doesn't count" "$(tail -n 1 <<<"$out")" "$file"
run env -u HOME "$SBX" config path
is "without HOME it is the home folder of passwd" "$(tail -n 1 <<<"$out")" "$(getent passwd "$(id -u)" | cut -d: -f6)/.config/sbx/sbx.conf"
is "a default" "$(shows overlay)" "auto default"
run "$SBX" config profiles
is "the profiles of sbx's own" "$out" "build          built-in
strict         built-in"
strace -o "$work/calls" "$SBX" enter --map self "$root" -- busybox true
is "without files, two calls look for them" "$(grep -c 'sbx\.conf' "$work/calls")" 2

# ---- what applies ----
conf "[enter]" "hostname = fromfile" "env = A=1" "env = B=2" "read-only" "[profile p]" "env = C=3" "net = host"
is "from where" "$(shows hostname)" "fromfile $file:2 [enter]"
is "of a profile" "$(shows net --profile p)" "host $file:8 [profile p]"
is "a profile isn't there by itself" "$(shows net)" "auto default"
line=$(grep -n -m 1 '^deny-net = private$' "$SBX_SOURCE/src/cli/profiles.conf" | cut -d : -f 1)
refused "a profile's rule on the host's network" "the profile 'build' says 'deny-net = private' (built-in:$line), which --net host can't keep: it is no network of the sandbox's own
hint: --net slirp keeps it, --deny-net= takes it back" enter --profile build --net host "$root" -- true
succeeds "which is taken back" "$SBX" enter --profile build --net host --deny-net= --workdir / --bind= "$root" -- busybox true
succeeds "without a network it holds anyhow" "$SBX" enter --profile build --net none --workdir / --bind= "$root" -- busybox true
run "$SBX" enter "$root" -- sh -c 'hostname; echo "$A$B${C-}"; busybox touch /x'
is "sbx enter has it" "$out" $'fromfile\n12'
like "flags too" "$err" "Read-only"
run "$SBX" enter --profile p --hostname typed --read-only=false "$root" -- sh -c 'hostname; echo "$A$B$C"; busybox touch /x'
is "the command line is stronger, and lists add up" "$status $out" $'0 typed\n123'
run "$SBX" enter --env= -e D=4 "$root" -- sh -c 'echo "${A-}$D"'
is "an empty value empties a list" "$out" 4
run "$SBX" enter --profile p --profile strict --json "$root"
is "--json names the profiles" "$(python3 -c 'import json,sys; print(json.load(sys.stdin)["profiles"])' <<<"$out")" "['p', 'strict']"
run "$SBX" config --profile p --json
is "sbx config --json" "$(python3 -c 'import json,sys; print([r for r in json.load(sys.stdin) if r["option"] == "net"])' <<<"$out")" \
    "[{'option': 'net', 'value': 'host', 'file': '$file', 'line': 8, 'profile': 'p'}]"
conf "[enter]" "profile = strict" "[profile strict]" "profile = mine" "timeout = 1m30s" "[profile mine]" "hostname = mine"
like "[enter] names a profile" "$(shows read-only)" "^true built-in:[0-9]+ .profile strict.$"
is "a section adds to a profile of sbx's own" "$(shows timeout)" "1m30s $file:5 [profile strict]"
is "and builds it on another" "$(shows hostname)" "mine $file:7 [profile mine]"
is "--profile= takes that back" "$("$SBX" enter --profile= --json "$root" | grep -A1 profiles | tr -d ' \n')" '"profiles":[],'
# A value that is found wrong only later is told with its place too.
conf "[enter]" "volume = ~/nosuch:/x"
refused "a source that isn't there" "$file:2: volume: '$HOME/nosuch:/x': open '$HOME/nosuch' to bind it: No such file or directory
hint: name what exists; sbx makes nothing on the host" enter "$root" -- true

# What a kept sandbox was made with stays; a profile that wants it otherwise was asked for.
conf "[enter]" "map = self" "overlay = fuse"
succeeds "a kept sandbox" "$SBX" enter --map auto --overlay kernel --name kept "$root" -- true
succeeds "[enter] is for new ones" "$SBX" enter kept -- true
conf "[enter]" "direct"
succeeds "--direct there, too" "$SBX" enter kept -- true
conf "[profile fuse]" "overlay = fuse"
refused "a profile isn't" "the sandbox 'kept' was made without this --overlay
hint: leave it out, or make another sandbox with another --name" enter --profile fuse kept -- true
succeeds "removed" "$SBX" rm kept

# ---- wrong files ----
conf "[enter]" "nett = none"
refused "an unknown key" "$file:2: there is no key 'nett'
hint: did you mean 'net'?" enter "$root" -- true
conf "[profile unused]" "timeout = soon"
refused "a wrong value in a profile that isn't used" "$file:2: timeout: 'soon' is not a duration such as 90, 5m, 1h30m or 500ms" config show
refused "sbx enter says the same" "$file:2: timeout: 'soon' is not a duration such as 90, 5m, 1h30m or 500ms" enter "$root" -- true
conf "[profile a]" "profile = strct"
refused "a profile built on one that isn't there" "$file:2: there is no profile 'strct'
hint: did you mean 'strict'?" enter "$root" -- true
succeeds "--help needs no configuration" "$SBX" enter --help
conf "[enter]"
refused "an unknown profile" "there is no profile 'buidl'
hint: did you mean 'build'?" enter --profile buidl "$root" -- true
chmod 664 "$file"
refused "a file that others can write" "$file: others than its owner can write it
hint: chmod go-w '$file'" enter "$root" -- true
chmod 606 "$file"
refused "whoever they are" "$file: others than its owner can write it
hint: chmod go-w '$file'" enter "$root" -- true
mv "$file" "$work/target"
ln -s "$work/target" "$file"
refused "of a link it is the target that counts" "$file: others than its owner can write it
hint: chmod go-w '$work/target'" enter "$root" -- true
chmod 600 "$work/target"
succeeds "a link to a file that is as it should be" "$SBX" enter "$root" -- true
rm "$file"
mkfifo -m 600 "$file"
refused "a FIFO" "$file: it is not a regular file" enter "$root" -- true
rm "$file"
ln -s /dev/zero "$file"
run timeout 10 "$SBX" enter "$root" -- true
is "a device" "$status $err" "125 sbx: enter: $file: it is not a regular file"
rm "$file"
mkdir "$file"
refused "a folder" "$file: it is not a regular file" enter "$root" -- true
rmdir "$file"
head -c 65537 /dev/zero | tr '\0' '\n' >"$file"
refused "a large file" "$file: it is larger than 64 KiB" enter "$root" -- true
head -c 65536 /dev/zero | tr '\0' '\n' >"$file"
succeeds "one of 64 KiB" "$SBX" enter "$root" -- true
: >"$file"
chmod 0 "$file"
refused "one that can't be read" "$file: read it: Permission denied
hint: let it be read by you, or see that HOME and XDG_CONFIG_HOME are yours" enter "$root" -- true
rm -f "$file"
# Not the caller's: a subordinate id's.
if unshare --map-auto --map-root-user true 2>/dev/null; then
    : >"$file"
    unshare --map-auto --map-root-user chown 7 "$file"
    run "$SBX" enter "$root" -- true
    is "a file of somebody else's: status" "$status" 125
    like "a file of somebody else's: text" "$err" "belongs to user [0-9]+, who has no say in it"
    rm -f "$file"
else
    skip "a file of somebody else's" "no subordinate ids, or unshare can't map them"
fi
# Nothing is read from the folder that sbx is called in, or from the tree.
mkdir -p "$work/here/.config/sbx" "$work/here/etc/sbx" "$work/here/sbx"
for place in .config/sbx etc/sbx sbx .; do
    echo wrong >"$work/here/$place/sbx.conf"
done
run env -C "$work/here" "$SBX" config
is "the working folder has no say" "$status" 0

# ---- both files: the system's is the weaker one ----
mkdir "$work/etc"
cp -a /etc/passwd /etc/group "$work/etc"
mkdir "$work/etc/sbx"
printf '%s\n' "[enter]" "hostname = system" "env = A=1" "timeout = 1h" "[profile p]" "env = P=1" "[profile strict]" "env = P=2" >"$work/etc/sbx/sbx.conf"
conf "[enter]" "hostname = user" "env = B=2" "[profile p]" "env = P=3"
# shellcheck disable=SC2016
with_system() {
    run unshare --map-root-user --mount sh -c 'mount --bind "$1" /etc && shift && exec "$@"' - "$work/etc" "$@"
}
with_system "$SBX" config --profile p --profile strict
is "both files, in their order" "$(grep -E '^(hostname|env|timeout) ' <<<"$out" | sed -E 's/ +/ /g')" \
    "hostname user $file:2 [enter]
env P=2 /etc/sbx/sbx.conf:8 [profile strict]
timeout 1h /etc/sbx/sbx.conf:4 [enter]"
with_system "$SBX" config --profile p
is "lists of both" "$(sed -nE 's/^env +([^ ]+) .*/\1/p' <<<"$out" | tr '\n' ' ')" "A=1 B=2 P=1 P=3 "
with_system "$SBX" config profiles
is "profiles of both" "$out" "build          built-in
strict         built-in /etc/sbx/sbx.conf
p              /etc/sbx/sbx.conf $file"
chmod o+w "$work/etc/sbx/sbx.conf"
with_system "$SBX" enter "$root" -- true
is "the system's file is checked too" "$err" "sbx: enter: /etc/sbx/sbx.conf: others than its owner can write it
hint: chmod go-w '/etc/sbx/sbx.conf'"

# ---- no sandbox writes what the next one is made by ----
# attack BOUND NAME...: inner root tries to write NAMEs below BOUND, or to put others in their place.
attack() {
    local bound=$1
    shift
    # shellcheck disable=SC2016
    run "$SBX" enter -v "$bound:/h" "$root" -- sh -c 'cd /h || exit
        for path; do
            busybox mkdir -p "$(busybox dirname "$path")"
            echo "hostname = planted" >>"$path"
            while [ "$path" != . ]; do
                busybox mv "$path" "$path.old"
                busybox rm -rf "$path"
                path=$(busybox dirname "$path")
            done
        done
        for path; do
            busybox mkdir -p "$(busybox dirname "$path")"
            echo "hostname = planted" >>"$path"
        done' - "$@"
}

safe() {
    is "$1: no word of it arrives" "$("$SBX" config | grep planted)$(grep -s planted "$file")" ""
    like "$1: it was tried" "$err" "busy|Read-only|is sbx's own"
}

rm -rf "$HOME/.config"
attack "$HOME" .config/sbx/sbx.conf
safe "a folder that wasn't there yet"
attack "$HOME/.config" sbx/sbx.conf
safe "the folder that holds it"
conf "[enter]"
attack "$HOME" .config/sbx/sbx.conf
safe "a file that is there"
run "$SBX" enter -v "$folder:/h" "$root" -- true
is "the folder itself can't be bound" "$status" 125
run "$SBX" enter -v "$file:/h" "$root" -- true
is "the file neither" "$status" 125

mkdir "$work/dotfiles"
mv "$file" "$work/dotfiles/sbx.conf"
ln -s "$work/dotfiles/sbx.conf" "$file"
attack "$work/dotfiles" sbx.conf
safe "a file behind a link"
attack "$work" dotfiles/sbx.conf home/.config/sbx/sbx.conf
safe "with the folder that holds both"
run "$SBX" enter -v "$work/dotfiles/sbx.conf:/h" "$root" -- true
is "what the link leads to can't be bound" "$status" 125
rm "$work/dotfiles/sbx.conf"
run "$SBX" enter -v "$work/dotfiles:/h" "$root" -- true
is "a link to nothing, where a sandbox could put something: refused" "$err" \
    "sbx: enter: mounts: the link '$file' leads to nothing, which a sandbox could put there
hint: rm '$file'"
succeeds "elsewhere it does no harm" "$SBX" enter -v "$work/here:/h" "$root" -- true

rm -r "$HOME/.config"
mkdir "$work/dotfiles/config"
ln -s ../dotfiles/config "$HOME/.config"
attack "$HOME" .config/sbx/sbx.conf
safe "a folder behind a link"
attack "$work/dotfiles" config/sbx/sbx.conf
safe "where the link leads to"
export XDG_CONFIG_HOME=$work/xdg/a/b
file=$XDG_CONFIG_HOME/sbx/sbx.conf
mkdir "$work/xdg"
attack "$work/xdg" a/b/sbx/sbx.conf
safe "XDG_CONFIG_HOME, of which nothing was there"
attack "$HOME" .config/sbx/sbx.conf
unset XDG_CONFIG_HOME
file=$folder/sbx.conf
safe "the folder of a caller without XDG_CONFIG_HOME"

# --direct, on a tree that holds the home folder.
cp -a "$root" "$work/tree"
mkdir -p "$work"/tree/{proc,sys,dev,run,tmp,me}
HOME=$work/tree/me
run "$SBX" enter --direct "$work/tree" -- sh -c 'busybox mv /me/.config /me/x; busybox mkdir -p /me/.config/sbx; echo "[planted" >/me/.config/sbx/sbx.conf'
file=$HOME/.config/sbx/sbx.conf
safe "--direct"

done_testing
