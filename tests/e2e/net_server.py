#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_server.py FOLDER ROLE: services on all addresses, for the tests of the network.

7000 says who asks, 7001 sends back what comes, 7002 counts what came until the end, 7003 speaks first and counts,
7006 has answers from others too, 7007 an error, 80 serves FOLDER/www, 443 is the same under TLS with FOLDER/key.pem (where there is one), 53 knows the names below.
FOLDER/ROLE.ready is made once they listen. FOLDER/ROLE.log has a line for each that was asked: "tcp PORT ADDRESS",
"udp PORT ADDRESS" (the one that was asked), "name NAME TYPE", "http HOST", "tls SERVERNAME"."""

import functools
import http.server
import itertools
import os
import pathlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

FOLDER, ROLE = pathlib.Path(sys.argv[1]), sys.argv[2]
LOG = os.open(FOLDER / f"{ROLE}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def log(line):
    os.write(LOG, f"{line}\n".encode())


def plain(address):
    return address.removeprefix("::ffff:")


# ---- names ----------------------------------------------------------------------------------------

A, CNAME, TXT, AAAA, HTTPS = 1, 5, 16, 28, 65
SERVER, OTHER, SHARED = "192.0.2.9", "192.0.2.10", "192.0.2.11"
LABEL = "a" * 63
# As text of 253 bytes, which is the longest that there is.
LONGEST = f"{LABEL}.{LABEL}.{LABEL}.{'b' * 49}.example.org"


def chain(length):
    """length CNAMEs in a row, and the address at their end."""
    steps = [("chain%d-%d.example.org" % (length, i), CNAME, "chain%d-%d.example.org" % (length, i + 1))
             for i in range(length)]
    return steps + [(f"chain{length}-{length}.example.org", A, SERVER)]


RECORDS = [
    ("www.example.org", A, SERVER),
    ("www.example.org", TXT, "a text"),
    ("www.example.org", HTTPS, ""),
    ("large.example.org", A, SERVER),
    ("six.example.org", AAAA, "2001:db8::9"),
    ("www.example.net", A, OTHER),
    ("evil.example.net", A, OTHER),
    ("one.example.org", A, SHARED),
    ("two.example.org", A, SHARED),
    ("two.example.net", A, SHARED),
    ("private.example.org", A, "192.168.7.7"),
    ("ten.example.org", A, "10.7.7.7"),
    ("ula.example.org", AAAA, "fd77::7"),
    ("host.example.org", A, "192.0.2.1"),
    ("host6.example.org", AAAA, "2001:db8::1"),
    ("loop.example.org", A, "127.0.0.1"),
    ("loop6.example.org", AAAA, "::1"),
    ("mapped.example.org", AAAA, "::ffff:127.0.0.1"),
    ("nat64.example.org", AAAA, "64:ff9b::7f00:1"),
    ("zero.example.org", A, "0.0.0.0"),
    ("router.example.org", A, "10.0.2.2"),
    ("metadata.example.org", A, "169.254.169.254"),
    ("mixed.example.org", A, "127.0.0.1"),
    ("mixed.example.org", A, SERVER),
    ("to-private.example.org", CNAME, "private.example.org"),
    ("to-net.example.org", CNAME, "www.example.net"),
    ("loop-a.example.org", CNAME, "loop-b.example.org"),
    ("loop-b.example.org", CNAME, "loop-a.example.org"),
    ("xn--bcher-kva.example.org", A, SERVER),
    (LONGEST, A, SERVER),
    *chain(3),
    *chain(40),
]
# Each question has the next of these.
REBINDING = {"rebind.example.org": itertools.cycle([SERVER, "127.0.0.1"]),
             "rebind-host.example.org": itertools.cycle([SERVER, "192.0.2.1"]),
             "rebind-ten.example.org": itertools.cycle([SERVER, "10.7.7.7"])}


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def data_bytes(kind, value):
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == CNAME:
        return name_bytes(value)
    if kind == TXT:
        return bytes([len(value)]) + value.encode()
    # The service is here, and a key to hide its name with (RFC 9460, SvcParamKey 5).
    return struct.pack(">H", 1) + b"\0" + struct.pack(">HH", 5, 4) + b"keys"


def look_up(name, kind):
    """(NAME exists, its records), the chain that leads to them in front."""
    if kind == A and name in REBINDING:
        return True, [(name, A, next(REBINDING[name]))]
    found, seen = [], set()
    while name not in seen:
        seen.add(name)
        own = [r for r in RECORDS if r[0] == name]
        aliases = [r for r in own if r[1] == CNAME]
        if not aliases:
            return bool(own or found), found + [r for r in own if r[1] == kind]
        found += aliases
        name = aliases[0][2]
    return True, found


def answer(question, by_datagram):
    """Of large.example.org nothing fits a datagram."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
        at += 1 + question[at]
    kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
    body = question[12 : at + 5]
    name = ".".join(labels).lower()
    log(f"name {name} {kind}")
    if name == "large.example.org" and by_datagram:
        return question[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + body
    exists, found = look_up(name, kind)
    records = b"".join(
        name_bytes(owner) + struct.pack(">HHIH", which, 1, 60, len(data_bytes(which, value))) + data_bytes(which, value)
        for owner, which, value in found)
    return question[:2] + struct.pack(">HHHHH", 0x8180 if exists else 0x8183, 1, len(found), 0, 0) + body + records


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(answer(self.request[0], True), self.client_address)


class NamesStream(socketserver.BaseRequestHandler):
    def handle(self):
        while head := self.request.recv(2):
            question = self.request.recv(struct.unpack(">H", head)[0])
            reply = answer(question, False)
            self.request.sendall(struct.pack(">H", len(reply)) + reply)


# ---- services -------------------------------------------------------------------------------------


class Logged(socketserver.BaseRequestHandler):
    """Its port and address stand in the log."""

    def setup(self):
        own = self.request.getsockname()
        log(f"tcp {own[1]} {plain(own[0])}")


class Hello(Logged):
    def handle(self):
        self.request.sendall(f"hello from {plain(self.client_address[0])}".encode())


class HelloDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        log(f"udp {self.server.server_address[1]} {plain(self.client_address[0])}")
        self.request[1].sendto(f"hello from {plain(self.client_address[0])}".encode(), self.client_address)


class Answers(socketserver.BaseRequestHandler):
    """From where it was asked, from another port there, and from another address."""

    def handle(self):
        self.request[1].sendto(b"x", self.client_address)
        for source in SERVER, OTHER:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
                s.bind((f"::ffff:{source}", 0))
                s.sendto(b"x", self.client_address)


class Errors(socketserver.BaseRequestHandler):
    """An error of ICMPv6 that no RFC has, about the datagram."""

    def handle(self):
        address, port = self.client_address[:2]
        data = self.request[0]
        about = (struct.pack(">IHBB", 6 << 28, 8 + len(data), socket.IPPROTO_UDP, 64) +
                 socket.inet_pton(socket.AF_INET6, address) + socket.inet_pton(socket.AF_INET6, "2001:db8::9") +
                 struct.pack(">HHHH", port, self.server.server_address[1], 8 + len(data), 0) + data)
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
            s.sendto(struct.pack(">BBHI", 100, 0, 0, 0) + about, (address, 0))


class Echo(Logged):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Count(Logged):
    greeting = b""

    def handle(self):
        n = 0
        self.request.sendall(self.greeting)
        while data := self.request.recv(65536):
            n += len(data)
        self.request.sendall(f"{n} bytes".encode())


class CountFirst(Count):
    greeting = b"220 ready\r\n"


class Urgent(Logged):
    def handle(self):
        self.request.sendall(b"one ")
        self.request.send(b"!", socket.MSG_OOB)
        self.request.sendall(b" two")


class Pace(Logged):
    """Takes pairs of bytes, acknowledges late, and says how many milliseconds the second of a pair took, at
    the median."""

    def handle(self):
        took = []
        for _ in range(20):
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            self.request.recv(1)
            began = time.monotonic()
            self.request.recv(1)
            took.append(time.monotonic() - began)
            self.request.sendall(b".")
        self.request.sendall(f"{1000 * sorted(took)[10]:.0f} ms".encode())


class Web(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        log(f"http {self.headers.get('Host')}")
        super().do_GET()

    def log_message(self, *_):
        pass


class Stream(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


class Secure(Stream):
    def __init__(self, address, handler):
        super().__init__(address, handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(FOLDER / "key.pem")
        self.context.sni_callback = lambda socket, name, context: log(f"tls {name}")

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)


class Datagram(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_):
        pass


def main():
    web = functools.partial(Web, directory=FOLDER / "www")
    services = [
        Stream(("::", 7000), Hello),
        Datagram(("::", 7000), HelloDatagram),
        Datagram(("::", 443), HelloDatagram),
        Datagram(("::", 7006), Answers),
        Datagram(("::", 7007), Errors),
        Stream(("::", 7001), Echo),
        Stream(("::", 7002), Count),
        Stream(("::", 7003), CountFirst),
        Stream(("::", 7004), Urgent),
        Stream(("::", 7005), Pace),
        Datagram(("::", 53), Names),
        # Whoever listens on all addresses answers by the first one of an interface.
        Datagram(("::ffff:127.0.0.53", 53), Names),
        Stream(("::", 53), NamesStream),
        Stream(("::", 80), web),
    ]
    if (FOLDER / "key.pem").exists():
        services.append(Secure(("::", 443), web))
    for service in services:
        threading.Thread(target=service.serve_forever, daemon=True).start()
    (FOLDER / f"{ROLE}.ready").touch()
    threading.Event().wait()


main()
