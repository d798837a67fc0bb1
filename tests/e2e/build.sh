#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh: a day's work in a kept sandbox: install tools, build a Debian package from its source with
# its own test suite, use git and Python, throw the sandbox away.

# shellcheck source=tests/e2e/lib.sh
. "${SBX_SOURCE:?is the folder of the sources}/tests/e2e/lib.sh"

need_tree sub
remember "$root"

succeeds "install tools and fetch a package's source" \
    "$SBX" enter --name workshop --net host "$root" -- sh -ec "
    export DEBIAN_FRONTEND=noninteractive
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
    $apt_update
    apt-get -q -y --no-install-recommends install gcc git python3 dpkg-dev
    apt-get -q -y --no-install-recommends build-dep hello
    mkdir /root/build
    cd /root/build
    apt-get -q source hello"

# Without a network from here on, as a build should be.
succeeds "build it and run its tests" "$SBX" enter --workdir /root/build workshop -- sh -ec '
    cd hello-*/
    dpkg-buildpackage -us -uc -b -j2 2>&1'
passed=$(sed -nE 's/^# PASS: +([0-9]+)$/\1/p' <<<"$out" | tail -n 1)
failed=$(sed -nE 's/^# FAIL: +([0-9]+)$/\1/p' <<<"$out" | tail -n 1)
check "its test suite ran: ${passed:-0} passed" [ "${passed:-0}" -gt 0 ]
is "no test of it failed" "$failed" 0

succeeds "install the package that was built" "$SBX" enter workshop -- sh -ec '
    dpkg -i /root/build/hello_*.deb >/dev/null
    hello'
is "and run it" "$out" "Hello, world!"

succeeds "git: commit, clone, merge" "$SBX" enter workshop -- sh -ec '
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@localhost
    cd /root && git init -q -b main one && cd one
    echo first >file && git add file && git commit -qm first
    git clone -q . ../two && cd ../two
    git checkout -qb side && echo second >>file && git commit -qam second
    git checkout -q main && git merge -q --no-edit side
    git fsck --strict 2>/dev/null
    cat file'
is "git kept what it was given" "$out" $'first\nsecond'

succeeds "python3: processes, threads, sockets, sqlite" "$SBX" enter workshop -- python3 -c '
import multiprocessing, socket, sqlite3, threading
with multiprocessing.Pool(4) as pool:
    assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: server.accept()[0].sendall(b"hello")).start()
with socket.create_connection(server.getsockname()) as client:
    assert client.recv(5) == b"hello"
db = sqlite3.connect("/root/db")
db.execute("create table t (x)")
db.executemany("insert into t values (?)", [(i,) for i in range(1000)])
db.commit()
print(db.execute("select sum(x) from t").fetchone()[0])'
is "and python3 counted right" "$out" 499500

unchanged "all of it" "$root"

run "$SBX" ls --quiet
is "sbx ls names the sandbox" "$out" workshop
succeeds "sbx rm removes it" "$SBX" rm workshop
is "nothing is left behind" "$(left_behind)" ""

done_testing
