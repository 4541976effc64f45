"""A client that says what it is told to, with a certificate or without: run inside the network.

``client.py ADDRESS CERTIFICATE|- tls|plain``: one SMTP command a line on standard input, DATA with
all up to its dot; prints each answer's first line. ``pipelined``: the whole input in one write.
"""

from __future__ import annotations

import socket
import ssl
import sys
from typing import IO


def _answer(file: IO[bytes]) -> str:
    first = b""
    while line := file.readline():
        first = first or line
        if line[3:4] != b"-":
            break
    return first.decode().strip()


def main() -> None:
    """Say it, and print what is answered."""
    address, certificate, how = sys.argv[1:4]
    sock = socket.create_connection((address, 25), timeout=30)
    file = sock.makefile("rb")
    _answer(file)
    if how != "plain":
        for command in (b"EHLO client.test\r\n", b"STARTTLS\r\n"):
            sock.sendall(command)
            _answer(file)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate != "-":
            context.load_cert_chain(certificate)
        sock = context.wrap_socket(sock, server_hostname="mx.us.test")
        file = sock.makefile("rb")
    sock.sendall(b"EHLO client.test\r\n")
    _answer(file)
    said = sys.stdin.buffer.read().splitlines()
    if how == "pipelined":
        sock.sendall(b"".join(one + b"\r\n" for one in said))
        for _one in said:
            print(_answer(file))
        return
    body = wanted = False
    for line in said:
        if not body or wanted:
            sock.sendall(line + b"\r\n")
        if body and line != b".":
            continue
        if not body or wanted:
            told = _answer(file)
            print(told)
        body = line == b"DATA"
        wanted = body and told.startswith("354")
    sock.sendall(b"QUIT\r\n")
    _answer(file)


if __name__ == "__main__":
    main()
