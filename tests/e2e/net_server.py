#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_server.py READY: services on all addresses, for net.sh: 7000 says who asks, 7001 sends back what comes,
7002 counts what came until the end, 53 knows the names of example.org. READY is made once they listen."""

import pathlib
import socket
import socketserver
import struct
import sys
import threading


def peer(address):
    return address[0].removeprefix("::ffff:")


class Hello(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(f"hello from {peer(self.client_address)}".encode())


class HelloDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(f"hello from {peer(self.client_address)}".encode(), self.client_address)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Count(socketserver.BaseRequestHandler):
    def handle(self):
        n = 0
        while data := self.request.recv(65536):
            n += len(data)
        self.request.sendall(f"{n} bytes".encode())


def answer(question, by_datagram):
    """A records for www.example.org; a large one where it comes by datagram, so that it doesn't fit."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
    body = question[12 : at + 5]
    name = ".".join(labels).lower()
    if name == "large.example.org" and by_datagram:
        return question[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + body
    if name not in ("www.example.org", "large.example.org"):
        return question[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + body
    if kind != 1:
        return question[:2] + struct.pack(">HHHHH", 0x8180, 1, 0, 0, 0) + body
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("192.0.2.9")
    return question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + body + record


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(answer(self.request[0], True), self.client_address)


class NamesStream(socketserver.BaseRequestHandler):
    def handle(self):
        while head := self.request.recv(2):
            question = self.request.recv(struct.unpack(">H", head)[0])
            reply = answer(question, False)
            self.request.sendall(struct.pack(">H", len(reply)) + reply)


class Stream(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


class Datagram(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def main():
    services = [
        Stream(("::", 7000), Hello),
        Datagram(("::", 7000), HelloDatagram),
        Stream(("::", 7001), Echo),
        Stream(("::", 7002), Count),
        Datagram(("::", 53), Names),
        Stream(("::", 53), NamesStream),
    ]
    for service in services:
        threading.Thread(target=service.serve_forever, daemon=True).start()
    pathlib.Path(sys.argv[1]).touch()
    threading.Event().wait()


main()
