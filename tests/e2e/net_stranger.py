#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_stranger.py ADDRESS...: sends from each of these addresses of the host's to all that has a socket for datagrams
there, as any of its users can."""

import contextlib
import socket
import sys
import time

senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sys.argv[1:]]
for sender, address in zip(senders, sys.argv[1:]):
    sender.bind((address, 0))
own = {sender.getsockname()[1] for sender in senders}
while True:
    with open("/proc/net/udp", encoding="ascii") as sockets:
        ports = {int(line.split()[1].split(":")[1], 16) for line in list(sockets)[1:]} - own
    for port in ports:
        for sender in senders:
            with contextlib.suppress(OSError):
                sender.sendto(b"stranger", (sender.getsockname()[0], port))
    time.sleep(0.02)
