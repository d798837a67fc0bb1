#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_client.py FILE: does what FILE says, a line each (what follows " | " is the test's), and prints how it went,
a line each: what came; refused, reset, unreachable, or closed, where nothing came; silence. A refusal that took more
than three seconds is "slow"."""

import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

import net_frames

PATIENCE = 6


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def connected(host, port, patience=PATIENCE):
    return socket.create_connection((host, int(port)), float(patience))


def all_of(s):
    data = b""
    while more := s.recv(65536):
        data += more
    return data.decode("latin-1") or "closed"


def tcp(host, port, patience=PATIENCE):
    with connected(host, port, patience) as s:
        return all_of(s)


def tcp_from(host, port, source, patience=PATIENCE):
    """From an address of the client's own choice."""
    with socket.create_connection((host, int(port)), float(patience), (source, 0)) as s:
        return all_of(s)


def udp(host, port, patience=1.5):
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as s:
        s.settimeout(float(patience))
        s.connect((host, int(port)))
        s.send(b"x")
        return s.recv(2000).decode("latin-1")


def answers(host, port, patience=1):
    """All who answer one datagram."""
    until, who = time.monotonic() + float(patience), set()
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as s:
        s.sendto(b"x", (host, int(port)))
        while (left := until - time.monotonic()) > 0:
            s.settimeout(left)
            try:
                data, source = s.recvfrom(2000)
            except TimeoutError:
                break
            who.add((source[0] if source[1] == int(port) else f"{source[0]}:*") + (" stranger" if data == b"stranger" else ""))
    return " ".join(sorted(who)) or "silence"


def many_ports(host, port, n):
    """One datagram each from so many ports; how many had an answer."""
    sockets = [socket.socket(family_of(host), socket.SOCK_DGRAM) for _ in range(int(n))]
    for s in sockets:
        s.settimeout(0)
        s.sendto(b"x", (host, int(port)))
        time.sleep(0.0005)
    time.sleep(1)
    answered = 0
    for s in sockets:
        try:
            answered += bool(s.recv(2000))
        except BlockingIOError:
            pass
    return f"{answered} of {len(sockets)}"


def scan(network, host, port):
    """Datagrams to neighbours that aren't there; how long an echo of HOST's takes meanwhile."""
    longest = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, connected(host, port) as echo:
        s.setblocking(False)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for i in range(100, 200):
                try:
                    s.sendto(bytes(1400), (f"{network}.{i}", 9))
                except OSError:
                    pass
            began = time.monotonic()
            echo.send(b"x")
            echo.recv(1)
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.02)
    return "quick" if longest < 1 else f"{longest:.1f} s"


def say(host, port, *words):
    """Bytes as Python writes them, and what the other side answers until it ends."""
    data = " ".join(words).encode().decode("unicode_escape").encode("latin-1")
    with connected(host, port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return all_of(s).replace("\r\n", " ").replace("\n", " ")


def http(host, port, name):
    return say(host, port, f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n")[:60]


def tls(host, port, name="-"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with connected(host, port) as s:
        with context.wrap_socket(s, server_hostname=None if name == "-" else name) as secure:
            secure.sendall(b"GET / HTTP/1.0\r\nHost: %s\r\n\r\n" % name.encode())
            return all_of(secure).replace("\r\n", " ").strip()[:60]


def tls_in_pieces(host, port, name):
    """The same, a ClientHello in pieces of a few bytes and a while between them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        secure.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    with connected(host, port) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(hello), 40):
            s.sendall(hello[at : at + 40])
            time.sleep(0.02)
        return "an answer" if s.recv(100) else "closed"


def resolve(name):
    return " ".join(sorted({a[4][0] for a in socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)}))


RCODES = ["", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]


def skip_name(data, at):
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def wire_name(text):
    """Labels with Python's escapes in them: \\0, \\x80."""
    labels = [label.encode().decode("unicode_escape").encode("latin-1") for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(name, kind="1", flags=0x100):
    return struct.pack(">HHHHHH", 7, flags, 1, 0, 0, 0) + wire_name(name) + struct.pack(">HH", int(kind), 1)


def answer_text(data):
    rcode = data[3] & 15
    records = struct.unpack(">H", data[6:8])[0]
    at, found = skip_name(data, 12) + 4 if data[5] else 12, []
    for _ in range(records):
        at = skip_name(data, at)
        kind, _, _, size = struct.unpack(">HHIH", data[at : at + 10])
        at += 10
        value = data[at : at + size]
        found.append({1: lambda: socket.inet_ntoa(value), 28: lambda: socket.inet_ntop(socket.AF_INET6, value),
                      5: lambda: "CNAME", 16: lambda: value[1:].decode()}.get(kind, lambda: f"type {kind}")())
        at += size
    return " ".join(([RCODES[rcode]] if rcode else []) + (["TC"] if data[2] & 2 else []) + found) or "empty"


def dns(name, kind="1", server="10.0.2.3", message=None):
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as s:
        # Where silence is what there is to come.
        s.settimeout(PATIENCE if server in ("10.0.2.3", "fd00::3") else 1.5)
        s.connect((server, 53))
        s.send(message or question(name, kind))
        return answer_text(s.recv(65536))


def dns_tcp(name, kind="1", server="10.0.2.3", message=None):
    message = message or question(name, kind)
    with connected(server, 53) as s:
        s.sendall(struct.pack(">H", len(message)) + message)
        head = s.recv(2)
        return answer_text(s.recv(65536)) if head else "closed"


def dns_hex(text, server="10.0.2.3"):
    """A message that is no question of dns()'s."""
    return dns("", server=server, message=bytes.fromhex(text))


def dns_256(server="10.0.2.3"):
    """A name of one byte more than there can be, which is 255 of the message."""
    name = (b"\x3f" + b"a" * 63) * 3 + b"\x32" + b"b" * 50 + b"\7example\3org\0"
    assert len(name) == 256
    return dns("", message=struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1))


def ping(host):
    """By a socket of the kernel's for echoes, which is anybody's (ping_group_range)."""
    is6 = ":" in host
    with socket.socket(family_of(host), socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if is6 else socket.IPPROTO_ICMP) as s:
        s.settimeout(1.5)
        s.connect((host, 0))
        s.send(struct.pack(">BBHHH", 128 if is6 else 8, 0, 0, 0, 1) + b"data")
        return "an answer" if s.recv(100)[8:] == b"data" else "another answer"


def shell(*words):
    """Its output and what it says, in one line."""
    done = subprocess.run(["sh", "-c", " ".join(words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    return " ".join(done.stdout.decode("latin-1").split()) + f" status {done.returncode}"


COMMANDS = {f.__name__.replace("_", "-"): f for f in (
    tcp, tcp_from, udp, answers, many_ports, scan, say, http, tls, tls_in_pieces, resolve, dns, dns_tcp, dns_hex, dns_256, ping, shell)}
COMMANDS.update(net_frames.COMMANDS)


def outcome(command, arguments):
    try:
        return COMMANDS[command](*arguments)
    except TimeoutError:
        return "silence"
    except ConnectionRefusedError:
        return "refused"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"
    except socket.gaierror as e:
        return "no such name" if e.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else f"no name: {e.strerror}"
    except ssl.SSLError as e:
        return "closed" if "EOF" in str(e) else str(e)
    except OSError as e:
        return f"unreachable: {e.strerror}" if e.strerror else repr(e)


def main():
    for line in open(sys.argv[1], encoding="utf-8"):
        if " | " not in line:
            continue
        command, *arguments = line.split(" | ", 1)[0].split()
        started = time.monotonic()
        text = outcome(command, arguments)
        took = time.monotonic() - started
        is_refusal = text.split(":")[0] in ("refused", "reset", "unreachable", "closed", "no such name")
        print(text + (f" slow: {took:.1f} s" if is_refusal and took > 3 else ""), flush=True)


main()
