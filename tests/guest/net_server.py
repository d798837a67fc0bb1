#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""net_server.py READY: on all addresses, for net.sh: 7000 says who asks, by TCP and UDP, 7001 sends back what comes. An
ordinary user's ports. READY is made once they listen."""

import pathlib
import socket
import socketserver
import sys
import threading


def hello(address):
    return f"hello from {address[0].removeprefix('::ffff:')}".encode()


class Hello(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(hello(self.client_address))


class HelloDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(hello(self.client_address), self.client_address)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Stream(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


class Datagram(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


for service in Stream(("::", 7000), Hello), Datagram(("::", 7000), HelloDatagram), Stream(("::", 7001), Echo):
    threading.Thread(target=service.serve_forever, daemon=True).start()
pathlib.Path(sys.argv[1]).touch()
threading.Event().wait()
