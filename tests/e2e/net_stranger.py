#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_stranger.py ADDRESS|PORT...: sends from each of these to all that has a socket for datagrams on the host, as any of
its users can: an address of IPv6 needn't be the host's. Port 0 is any."""

import contextlib
import socket
import sys
import time

IPV6_FREEBIND = 78


def sender_make(address, port):
    is6 = ":" in address
    sender = socket.socket(socket.AF_INET6 if is6 else socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is6:
        sender.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    sender.bind((address, port))
    return sender


def ports(family):
    with open(f"/proc/net/udp{family}", encoding="ascii") as sockets:
        return {int(line.split()[1].split(":")[1], 16) for line in list(sockets)[1:]}


senders = [sender_make(address, int(port)) for address, port in (word.split("|") for word in sys.argv[1:])]
own = {sender.getsockname()[1] for sender in senders}
while True:
    for sender in senders:
        is6 = sender.family == socket.AF_INET6
        for port in ports("6" if is6 else "") - own:
            with contextlib.suppress(OSError):
                sender.sendto(b"stranger", ("::1" if is6 else sender.getsockname()[0], port))
    time.sleep(0.02)
