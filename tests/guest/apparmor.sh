#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# apparmor.sh: where AppArmor gives a user namespace no rights, as Ubuntu does by default, sbx says so,
# and what mends it. As root, who loads profiles; sbx is tester's.

# shellcheck source=tests/tap.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/tap.sh"
need_tree busybox
sbx=/usr/local/bin/sbx
cp "$SBX" "$sbx"
install -D "$SBX_BUILD/helpers/sbx-net/sbx-net" /usr/local/libexec/sbx/sbx-net
mkdir "$work/tester"
chown tester "$work/tester"
chmod 755 "$work"

as_tester() {
    setpriv --reuid=tester --regid=tester --init-groups --inh-caps=-all env HOME="$work/tester" "$@"
}

# On Ubuntu the profile of whoever has none of their own denies every capability in a user namespace;
# this one, by the path of sbx, is that for a Debian.
is_loaded=no
[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ] &&
    printf '%s\n' "profile sbx $sbx flags=(attach_disconnected) {" \
        'file, network, unix, signal, ptrace, dbus, mount, remount, umount, pivot_root,' \
        '/usr/bin/newuidmap Ux,' '/usr/bin/newgidmap Ux,' 'audit deny capability,' '}' |
    apparmor_parser --replace --skip-cache && is_loaded=yes
is "AppArmor is there, and takes a profile" "$is_loaded" yes

for with in "--map subids --overlay kernel" "--map subids --overlay fuse" "--map self --overlay kernel" "--map self --direct" ""; do
    # shellcheck disable=SC2086 # words of options
    run as_tester "$sbx" enter $with "$root" -- true
    is "denied, with '$with': status" "$status" 125
    like "what was tried" "$err" "^sbx: enter: .*(Operation not permitted|Permission denied)"
    like "and what mends it" "$err" "hint: .*[aA]pp[aA]rmor"
    is "nothing is left" "$(find "$work/tester" -path '*/sbx/tmp/*' -o -path '*/sbx/containers/*')" ""
done

echo "profile sbx $sbx {}" | apparmor_parser --remove
run as_tester "$sbx" enter "$root" -- echo works
is "without the profile it works" "$status $out" "0 works"
like "with the driver that it would have had without a denial" "$(as_tester "$sbx" enter --json "$root")" '"overlay":"kernel"'

done_testing
