#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# own_files.sh: what the next sandbox is made by, no sandbox can see, change or replace.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"
need_tree busybox

# What inner root does to the folder $1 of the host's, bound as /h: it tries to write below each of
# the other names, or to put something of its own there.
cat >"$work/attack.sh" <<'END'
cd /h || exit
for path; do
    busybox mkdir -p "$path"
    echo planted >"$path/planted"
    while [ "$path" != . ]; do
        busybox mv "$path" "$path.old"
        busybox rm -rf "$path"
        busybox ln -s /tmp "$path"
        path=$(busybox dirname "$path")
    done
done
for path; do
    busybox mkdir -p "$path"
    echo planted >"$path/planted"
done
END

# without COMMAND ARG...: on a kernel that lacks the newer mount calls. Such a filter takes newuidmap
# its rights, so there is one id.
without() {
    "$SBX_BUILD/tests/integration/nosys" open_tree,move_mount,fsopen,fsconfig,fsmount,mount_setattr -- "$@"
}

# attack WHAT BOUND NAME...: NAMEs relative to BOUND.
attack() {
    local what=$1 bound=$2 how
    shift 2
    for how in env without; do
        $how "$SBX" enter -v "$bound:/h" -v "$work/attack.sh:/attack.sh" "$root" -- sh /attack.sh "$@" >"$work/said" 2>&1
        is "$what, $how: nothing of it is outside" "$(find "$work/home" "$work/elsewhere" -name planted 2>/dev/null)" "" ||
            note "$(cat "$work/said")"
        like "$what, $how: it was tried" "$(cat "$work/said")" "busy|Read-only"
    done
}

store=.local/share/sbx
mkdir "$work/elsewhere"
attack "the store" "$HOME" "$store" "$store/containers"
check "the store is where it was" [ -d "$HOME/$store/containers" ]
attack "the store, by the folder that holds it" "$HOME/.local/share" sbx sbx/tmp
attack "the cache" "$HOME" .cache/sbx .cache/sbx/seccomp

# A link on the way to it is one more name that could be replaced.
mv "$HOME/.local" "$work/elsewhere/local"
ln -s ../elsewhere/local "$HOME/.local"
attack "the store, behind a link" "$HOME" "$store" "$store/containers"
check "the link is there" [ -L "$HOME/.local" ]
attack "the store, where the link leads to" "$work/elsewhere" local/share/sbx local/share/sbx/tmp
rm "$HOME/.local"
mv "$work/elsewhere/local" "$HOME/.local"

# The host has the same folder elsewhere too: with one above it, by itself, or a part of it.
for what in "$HOME" "$HOME/.local" "$HOME/$store" "$HOME/$store/containers"; do
    mkdir -p "$work/elsewhere/again" "$work/elsewhere/again/inner"
    # shellcheck disable=SC2016
    run unshare --map-root-user --mount sh -c \
        'mount --bind "$1" "$2/again/inner" && exec "$3" enter -v "$2/again:/h" "$4" -- \
            busybox find /h -path "*/sbx/*" -o -name containers ! -empty' - \
        "$what" "$work/elsewhere" "$SBX" "$root"
    is "mounted elsewhere as well, '${what#"$HOME"}' is covered there" "$status $(grep ^/h/ <<<"$out")" "0 "
    # shellcheck disable=SC2016
    run unshare --map-root-user --mount sh -c \
        'mount --bind "$1" "$2/again/inner" && exec "$3" enter -v "$2/again:/h" -v "$5:/attack.sh" "$4" -- \
            sh /attack.sh "inner/$6"' - "$what" "$work/elsewhere" "$SBX" "$root" "$work/attack.sh" \
        "$(case $what in "$HOME") echo "$store" ;; *.local) echo share/sbx ;; *) echo x ;; esac)"
    is "and can't be replaced there" "$(find "$HOME" -name planted)" ""
done
check "the store is still where it was" [ -d "$HOME/$store/containers" ]
rm -rf "$work/elsewhere/again"

# Whoever may mount may unmount.
run "$SBX" enter --cap-add ALL -v "$HOME:/h" "$root" -- busybox true
is "SYS_ADMIN and such a bind: refused" "$status" 125
is "and said why" "$err" "sbx: enter: mounts: a sandbox with SYS_ADMIN could replace what is sbx's own in '$HOME'
hint: bind less than that, or leave SYS_ADMIN out"
succeeds "without SYS_ADMIN it goes" "$SBX" enter --cap-add ALL --cap-drop SYS_ADMIN -v "$HOME:/h" "$root" -- busybox true

# Nor may whoever can have a mount namespace inside, where a tree can be detached, and its mounts with it.
run "$SBX" enter --nested -v "$HOME:/h" "$root" -- busybox true
is "--nested and such a bind: refused" "$status" 125
is "and said why" "$err" "sbx: enter: mounts: a sandbox with --nested could replace what is sbx's own in '$HOME'
hint: bind less than that, or leave --nested out"
succeeds "for reading it goes" "$SBX" enter --nested -v "$HOME:/h:ro" "$root" -- busybox true

# --direct: the tree itself holds it.
cp -a "$root" "$work/tree"
mkdir -p "$work"/tree/{proc,sys,dev,run,tmp,h}
cp "$work/attack.sh" "$work/tree"
run env HOME="$work/tree/h" "$SBX" enter --direct "$work/tree" -- sh /attack.sh "$store" .cache/sbx
is "--direct: nothing of it is outside" "$(find "$work/tree/h" -name planted)" ""
like "--direct: it was tried" "$err" "busy"

# Names that are exchanged when all is decided, and nothing is mounted yet.
if command -v strace >/dev/null; then
    mkdir -p "$HOME/other/share/sbx"
    "$SBX" enter --map self "$work/tree" -- busybox true # it remembers what it finds out by more clones
    strace -o "$work/trace" -e inject=clone3:delay_enter=1500000 \
        "$SBX" enter --map self -v "$HOME:/h" "$work/tree" -- busybox ls /h/other/share/sbx >"$work/out" 2>"$work/said" &
    sleep 0.7 # of this tree nothing is in the store
    mv "$HOME/.local" "$HOME/before" && mv "$HOME/other" "$HOME/.local" && mv "$HOME/before" "$HOME/other"
    wait $!
    is "what is covered is what was looked at, or nothing is started" "$? $(cat "$work/out")" "125 "
    like "and it says why" "$(cat "$work/said")" "leads to sbx's own, was replaced"
    mv "$HOME/.local" "$HOME/before" && mv "$HOME/other" "$HOME/.local" && rm -r "$HOME/before"
else
    skip "what is covered is what was looked at, or nothing is started" "no strace"
fi

done_testing
