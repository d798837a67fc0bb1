# SPDX-License-Identifier: Apache-2.0
"""net_frames.py: frames that no program's own socket would send, for net_client.py. Each command sends some, listens
for a moment, and says what came that must not: "silence", or what it was. A reset and an unreachable are refusals."""

import random
import socket
import struct
import time

ROUTER, SANDBOX = bytes.fromhex("52550a000202"), bytes.fromhex("52550a000264")
OWN4, OWN6 = "10.0.2.100", "fd00::100"
SERVER4, SERVER6 = "192.0.2.9", "2001:db8::9"
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
SYN, RST, ACK, URG, PSH = 2, 4, 16, 32, 8

# What could stand for the host or for what only the host reaches.
SPECIAL4 = ["127.0.0.1", "127.0.0.53", "127.255.255.255", "0.0.0.0", "0.0.0.1", "192.0.2.1", "192.0.2.255", "10.0.2.2",
            "10.0.2.255", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "239.255.255.250",
            "240.0.0.1", "255.255.255.255"]
SPECIAL6 = ["::1", "::", "::ffff:127.0.0.1", "::ffff:192.0.2.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2001:db8::1", "2001:db8::", "2001:db8:7::5", "fd00::2", "fd00:ec2::254",
            "fd20:ce::254", "fe80::1", "ff02::1", "ff05::2", "fec0::1"]


# ---- packets ---------------------------------------------------------------------------------------


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo(ends, protocol, size):
    return ends + (struct.pack(">IHBB", size, 0, 0, protocol) if len(ends) == 32 else struct.pack(">BBH", 0, protocol, size))


def tcp(ends, port, to, flags, seq=1, ack=0, urgent=0, data=b"", options=b""):
    def made(sum_):
        return struct.pack(">HHIIBBHHH", port, to, seq, ack, 0x50 + (len(options) // 4 << 4), flags, 65535, sum_,
                           urgent) + options + data
    return made(checksum(pseudo(ends, TCP, len(made(0))) + made(0)))


def udp(ends, port, to, data=b"x", length=None):
    def made(sum_):
        return struct.pack(">HHHH", port, to, length or 8 + len(data), sum_) + data
    return made(checksum(pseudo(ends, UDP, len(made(0))) + made(0)) or 0xFFFF)


def echo(ends, kind=None, data=b"tunnel"):
    is6 = len(ends) == 32
    kind = kind if kind is not None else (128 if is6 else 8)

    def made(sum_):
        return struct.pack(">BBHHH", kind, 0, sum_, 77, 1) + data
    return made(checksum((pseudo(ends, ICMP6, len(made(0))) if is6 else b"") + made(0)))


def ip4(protocol, payload, to, source=OWN4, fragment=0, options=b"", number=1, total=None):
    size = 20 + len(options)

    def made(sum_):
        return struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, total or size + len(payload), number, fragment, 64, protocol,
                           sum_) + packed(source) + packed(to) + options
    return made(checksum(made(0))) + payload


def ip6(protocol, payload, to, source=OWN6, length=None):
    return struct.pack(">IHBB", 6 << 28, len(payload) if length is None else length, protocol,
                       64) + packed(source) + packed(to) + payload


def framed(packet, kind=None):
    kind = kind or (0x0800 if packet[0] >> 4 == 4 else 0x86DD)
    return ROUTER + SANDBOX + struct.pack(">H", kind) + packet


def whole(protocol, to, port=7000, source=None, number=0):
    """The first packet of each protocol."""
    own = source or (OWN6 if ":" in to else OWN4)
    ends = packed(own) + packed(to)
    made = {TCP: lambda: tcp(ends, 30000 + number, port, SYN), UDP: lambda: udp(ends, 30000 + number, port),
            ICMP: lambda: echo(ends)}[protocol]()
    if ":" in to:
        return ip6(ICMP6 if protocol == ICMP else protocol, made, to, own)
    return ip4(protocol, made, to, own)


# ---- the wire --------------------------------------------------------------------------------------


class Wire:
    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("eth0", 3))
        self.sent = 0

    def send(self, frame):
        self.sent += 1
        try:
            self.socket.send(frame)
        except OSError:
            pass  # the kernel takes none that is shorter than its header, or too long

    def packets(self, seconds):
        """What comes, as (protocol, source, payload)."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, where = self.socket.recvfrom(70000)
            except TimeoutError:
                return
            if where[2] == socket.PACKET_OUTGOING:
                continue
            kind = struct.unpack(">H", frame[12:14])[0]
            if kind == 0x0800:
                yield frame[23], socket.inet_ntop(socket.AF_INET, frame[26:30]), frame[34:]
            elif kind == 0x86DD:
                yield frame[20], socket.inet_ntop(socket.AF_INET6, frame[22:38]), frame[54:]
            else:
                yield kind, "", frame[14:]

    def heard(self, seconds=0.7):
        """What none of the frames sent should bring."""
        found = set()
        for protocol, source, data in self.packets(seconds):
            if protocol == TCP and data[13] & (SYN | ACK) == (SYN | ACK):
                found.add(f"connected to {source}")
            elif protocol == TCP and not data[13] & RST:
                found.add(f"TCP from {source}")
            elif protocol == UDP:
                found.add(f"a datagram from {source}")
            elif (protocol, data[0]) in ((ICMP, 0), (ICMP6, 129)) and source not in ("10.0.2.2", "10.0.2.3", "fd00::2",
                                                                                    "fd00::3"):
                found.add(f"an echo from {source}")
            elif protocol in (0x0806, 0x88F8):
                found.add(f"a frame of type {protocol:#x}")
        return ", ".join(sorted(found)) or "silence"


def special(port=7000):
    wire = Wire()
    for i, to in enumerate(SPECIAL4 + SPECIAL6):
        for protocol in (TCP, UDP, ICMP):
            wire.send(framed(whole(protocol, to, int(port), number=i)))
    return wire.heard()


def fragments():
    """TCP and echoes in fragments, datagrams in fragments to what is refused, and such as make no datagram."""
    wire = Wire()
    for to in ("127.0.0.1", "0.0.0.0", "192.0.2.1", "10.0.2.2", SERVER4):
        ends = packed(OWN4) + packed(to)
        segment, datagram = tcp(ends, 31000, 7000, SYN), udp(ends, 31001, 7000, b"x" * 24)
        for first, rest in ((segment[:8], segment[8:]), (segment[:16], segment[16:])):
            wire.send(framed(ip4(TCP, first, to, fragment=0x2000, number=11)))
            wire.send(framed(ip4(TCP, rest, to, fragment=len(first) // 8, number=11)))
        wire.send(framed(ip4(TCP, segment, to, fragment=1, number=12)))
        whole_echo = echo(ends, data=b"e" * 24)
        wire.send(framed(ip4(ICMP, whole_echo[:16], to, fragment=0x2000, number=13)))
        wire.send(framed(ip4(ICMP, whole_echo[16:], to, fragment=2, number=13)))
        if to == SERVER4:
            continue
        wire.send(framed(ip4(UDP, datagram[:16], to, fragment=0x2000, number=14)))
        wire.send(framed(ip4(UDP, datagram[16:], to, fragment=2, number=14)))
    return wire.heard()


def overlaps():
    """A datagram whose parts overlap, so that another header replaces the first; one that ends behind 65,535; ten
    thousand first parts; parts of nothing."""
    wire = Wire()
    ends = packed(OWN4) + packed(SERVER4)
    for first in (0, 1):
        allowed, other = udp(ends, 31002, 9, b"y" * 24), udp(ends, 31002, 7000, b"x" * 24)
        parts = [(allowed[:16], 0x2000), (other[:16], 0x2000)]
        for data, offset in (parts if first else parts[::-1]):
            wire.send(framed(ip4(UDP, data, SERVER4, fragment=offset, number=21 + first)))
        wire.send(framed(ip4(UDP, other[8:], SERVER4, fragment=1, number=21 + first)))
    for number in range(30, 60):
        wire.send(framed(ip4(UDP, b"z" * 1400, SERVER4, fragment=0x1FFF, number=number)))
        wire.send(framed(ip4(UDP, b"z" * 1400, SERVER4, fragment=0x3FF0, number=number)))
        wire.send(framed(ip4(UDP, b"", SERVER4, fragment=0x2001, number=number)))
        wire.send(framed(ip4(UDP, b"z" * 7, SERVER4, fragment=0x2000, number=number)))
    for number in range(10000):
        wire.send(framed(ip4(UDP, b"z" * 8, SERVER4, fragment=0x2000, number=number)))
    return wire.heard()


def options():
    wire = Wire()
    source_route = b"\x83\x07\x04" + packed("127.0.0.1") + b"\0"
    for route in (source_route, b"\x89" + source_route[1:], b"\x07\x07\x04" + bytes(4) + b"\0", b"\x44\x0c\x05\x00" + bytes(8),
                  b"\x01" * 40, b"\x83\xff\xff\xff", b"\x00" * 4):
        for to in (SERVER4, "10.0.2.2", "192.0.2.1"):
            ends = packed(OWN4) + packed(to)
            wire.send(framed(ip4(TCP, tcp(ends, 32000, 7000, SYN), to, options=route)))
            wire.send(framed(ip4(UDP, udp(ends, 32000, 7000), to, options=route)))
    return wire.heard()


def extensions():
    """Headers of IPv6 between the address and what is sent; also more than one, and such as don't end."""
    wire = Wire()
    for to in (SERVER6, "2001:db8::1", "fd00::2", "::1"):
        ends = packed(OWN6) + packed(to)
        for protocol, payload in ((TCP, tcp(ends, 33000, 7000, SYN)), (UDP, udp(ends, 33000, 7000))):
            pad = bytes([protocol, 0, 1, 4, 0, 0, 0, 0])
            route = bytes([protocol, 2, 0, 1, 0, 0, 0, 0]) + packed("::1")
            fragment = struct.pack(">BBHI", protocol, 0, 0, 7)
            first, last = struct.pack(">BBHI", protocol, 0, 1, 8), struct.pack(">BBHI", protocol, 0, 8, 8)
            for kind, header in [(0, pad), (60, pad), (43, route), (135, pad), (0, b"\x00\x00" + pad[2:] + pad),
                                 (0, bytes([protocol, 255]) + bytes(6)), (51, bytes([protocol, 4]) + bytes(22)), (59, pad)]:
                wire.send(framed(ip6(kind, header + payload, to)))
            # Datagrams in parts are put together, and then as good as others.
            if protocol == UDP and to == SERVER6:
                continue
            wire.send(framed(ip6(44, fragment + payload, to)))
            wire.send(framed(ip6(44, first + payload[:8], to)))
            wire.send(framed(ip6(44, last + payload[8:], to)))
    return wire.heard()


def spoofed():
    wire = Wire()
    for source in ("127.0.0.1", "192.0.2.1", "192.0.2.77", "10.0.2.2", "10.0.2.3", "10.0.2.101", "0.0.0.0", "255.255.255.255"):
        for protocol in (TCP, UDP, ICMP):
            wire.send(framed(whole(protocol, SERVER4, source=source)))
            wire.send(framed(whole(protocol, "10.0.2.3", 53, source=source)))
    for source in ("::1", "::", "2001:db8::1", "fd00::2", "fd00::3", "fd00::101", "fe80::1", "ff02::1"):
        for protocol in (TCP, UDP, ICMP):
            wire.send(framed(whole(protocol, SERVER6, source=source)))
    return wire.heard()


def neighbours():
    """Who is who, said by the wrong one, and what libslirp would serve itself: NC-SI, DHCP, TFTP."""
    wire = Wire()
    for source, target in (("10.0.2.2", "10.0.2.2"), ("10.0.2.100", "10.0.2.3"), ("10.0.2.3", "10.0.2.100"), ("0.0.0.0", "10.0.2.2"),
                           ("192.0.2.9", "192.0.2.9")):
        for operation in (1, 2, 3, 8, 65535):
            arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + bytes(6) + packed(source) + b"\xff" * 6 + packed(target)
            wire.send(framed(arp, 0x0806))
            wire.send(framed(arp[:20], 0x0806))
    for kind in (133, 134, 135, 136, 137, 143, 1, 2, 3, 4):
        for to in ("fd00::2", "ff02::1", "ff02::2"):
            body = bytes(4) + packed("fd00::100") + b"\x02\x01" + bytes(6) + b"\x01\x00"
            raw = struct.pack(">BBH", kind, 0, 0) + body
            sum_ = checksum(pseudo(packed(OWN6) + packed(to), ICMP6, len(raw)) + raw)
            wire.send(framed(ip6(ICMP6, struct.pack(">BBH", kind, 0, sum_) + body, to)))
    for size in (0, 4, 16, 64, 1400):
        for kind in range(256) if size == 16 else (0x16, 0x50):
            wire.send(framed(bytes([0, 1, 0, 1, kind, 0, 0, 0]) + bytes(size), 0x88F8))
    for to in ("10.0.2.2", "255.255.255.255"):
        ends = packed(OWN4) + packed(to)
        wire.send(framed(ip4(UDP, udp(ends, 68, 67, b"\1\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\1\xff"), to)))
        for name in (b"/etc/passwd", b"../etc/passwd", b"x"):
            wire.send(framed(ip4(UDP, udp(ends, 34000, 69, b"\0\1" + name + b"\0octet\0"), to)))
    ends = packed(OWN6) + packed("ff02::1:2")
    wire.send(framed(ip6(UDP, udp(ends, 546, 547, b"\x0b\0\0\1\0\6\0\2\0\x17"), "ff02::1:2")))
    return wire.heard()


def echoes(*targets):
    """Data in echoes, and in what else ICMP has."""
    wire = Wire()
    for to in targets:
        is6 = ":" in to
        ends = packed(OWN6 if is6 else OWN4) + packed(to)
        for kind in ((128, 129, 1, 3, 137, 200) if is6 else (8, 0, 3, 5, 11, 13, 15, 17, 42)):
            message = echo(ends, kind)
            wire.send(framed(ip6(ICMP6, message, to) if is6 else ip4(ICMP, message, to)))
    return wire.heard()


def lengths():
    """Headers that promise more or less than there is, frames of all short lengths, other protocols, garbage."""
    wire, dice = Wire(), random.Random(7)
    ends = packed(OWN4) + packed(SERVER4)
    good = framed(ip4(TCP, tcp(ends, 35000, 9, SYN), SERVER4))
    good6 = framed(whole(UDP, SERVER6, 9))
    for frame in (good, good6):
        for size in range(14, len(frame)):
            wire.send(frame[:size])
    for total in (0, 1, 19, 20, 27, 41, 60, 1500, 65535):
        wire.send(framed(ip4(TCP, tcp(ends, 35001, 9, SYN), SERVER4, total=total)))
        wire.send(framed(ip4(UDP, udp(ends, 35002, 9, length=total or 1), SERVER4)))
        wire.send(framed(ip6(UDP, udp(packed(OWN6) + packed(SERVER6), 35003, 9), SERVER6, length=total)))
    for offset in range(16):
        segment = bytearray(tcp(ends, 35004, 9, SYN, options=b"\2\4\xff\xff\3\0\2\xff\2\0\1\1"))
        segment[12] = offset << 4
        wire.send(framed(ip4(TCP, bytes(segment), SERVER4)))
    for flags in range(256):
        wire.send(framed(ip4(TCP, tcp(ends, 36000 + flags, 9, flags, urgent=65535, data=b"u" * 100), SERVER4)))
    for protocol in range(256):
        if protocol not in (TCP, UDP, ICMP):
            wire.send(framed(ip4(protocol, bytes(64), SERVER4)))
            wire.send(framed(ip6(protocol, bytes(64), SERVER6)))
    for _ in range(3000):
        kind = dice.choice((0x0800, 0x0800, 0x86DD, 0x86DD, 0x0806, 0x88F8, dice.randrange(65536)))
        data = bytearray(dice.randbytes(dice.randrange(1, 200)))
        data[0] = {0x0800: 0x45, 0x86DD: 0x60}.get(kind, data[0])
        wire.send(framed(bytes(data), kind))
    # What is whole but for some bytes gets further.
    for _ in range(3000):
        frame = bytearray(dice.choice((good, good6)))
        for _ in range(dice.randrange(1, 4)):
            frame[dice.randrange(14, len(frame))] = dice.randrange(256)
        wire.send(bytes(frame))
    wire.socket.close()
    return f"{wire.sent} frames"


def offload():
    """Frames with a header of one's own for what the kernel has left undone (PACKET_VNET_HDR)."""
    SOL_PACKET, PACKET_VNET_HDR = 263, 15
    wire, dice = Wire(), random.Random(8)
    wire.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    ends = packed(OWN4) + packed(SERVER4)
    for size in (0, 1, 100, 1400, 30000, 64000):
        frame = framed(ip4(TCP, tcp(ends, 37000, 9, SYN, data=b"o" * size), SERVER4))
        for gso in (0, 1, 3, 4, 0x81):
            for start, offset in ((0, 0), (14, 0), (34, 16), (34, 6), (13, 2), (len(frame) - 1, 0), (len(frame), 0), (65535, 65535)):
                for hdr_len, mss in ((54, 1400), (0, 0), (65535, 1), (14, 65535)):
                    wire.send(struct.pack("<BBHHHH", dice.choice((0, 1, 2)), gso, hdr_len, mss, start, offset) + frame)
    return f"{wire.sent} frames"


# ---- a connection by hand --------------------------------------------------------------------------


def urgent(to=SERVER4, port="7001"):
    """Urgent data (CVE-2026-9539): 160 bytes to an echo, past the kernel. More than these coming back is memory of the
    helper's. The kernel's own resets must be kept from going out."""
    wire, own = Wire(), 40000 + time.monotonic_ns() % 10000
    ends = packed(OWN4) + packed(to)
    send = lambda *rest, **more: wire.send(framed(ip4(TCP, tcp(ends, own, int(port), *rest, **more), to)))
    send(SYN, 100)
    theirs = None
    for protocol, source, data in wire.packets(3):
        if protocol == TCP and source == to and data[13] & SYN:
            theirs = struct.unpack(">I", data[4:8])[0] + 1
            break
        if protocol == TCP and source == to and data[13] & RST:
            return "reset"
    if theirs is None:
        return "silence"
    send(ACK, 101, theirs)
    wanted, sent = bytes(range(160)), 0
    for pointer in (1, 10, 16, 0, 65535, 160, 32768, 20):
        part = wanted[sent : sent + 20]
        send(ACK | URG | PSH, 101 + sent, theirs, urgent=pointer, data=part)
        sent += len(part)
    got = {}
    for protocol, source, data in wire.packets(2):
        if protocol != TCP or source != to or data[13] & RST:
            continue
        body = data[(data[12] >> 4) * 4 :]
        seq = struct.unpack(">I", data[4:8])[0]
        for i, byte in enumerate(body[: 1 << 20]):
            got[seq - theirs + i] = byte
        if body:
            send(ACK, 101 + sent, (theirs + max(got) + 1) & 0xFFFFFFFF)
    send(RST, 101 + sent, theirs)
    back = bytes(got[i] for i in sorted(got))
    return f"{len(back)} bytes, {'the same' if back == wanted else 'others'}"


COMMANDS = {f.__name__: f for f in (special, fragments, overlaps, options, extensions, spoofed, neighbours, echoes, lengths,
                                    offload, urgent)}
