"""A DNS server that answers what a file says, read anew for each query: spoofing is writing a file.

Usage: python nameserver.py ZONE.json, where the zone is ``{"NAME": {"TYPE": [DATA, ...]}}``: ``A``
and ``AAAA`` an address, ``MX`` a host (optionally with a preference before it; ``.`` is nobody),
``CNAME`` a name, ``TLSA`` hex, ``SERVFAIL`` anything. Data after ``NAME: `` is said to be of that
name, whatever was asked for. Every answer claims to be validated by DNSSEC (the AD bit): whoever
trusts DNS here trusts the attacker.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import struct
import sys
from pathlib import Path

TYPES = {"A": 1, "CNAME": 5, "MX": 15, "AAAA": 28, "TLSA": 52}
_OK, _SERVFAIL, _NXDOMAIN = 0, 2, 3


def answer(query: bytes, zone: dict[str, dict[str, list[str]]]) -> bytes:
    """The response to one query (RFC 1035, 4)."""
    labels: list[str] = []
    at = 12
    while query[at]:
        size = query[at]
        labels.append(query[at + 1 : at + 1 + size].decode("utf-8", "replace"))
        at += size + 1
    question = query[12 : at + 5]
    (wanted,) = struct.unpack(">H", query[at + 1 : at + 3])
    name = ".".join(labels).lower()
    records = [
        _record(number, data)
        for kind, number in TYPES.items()
        for data in zone.get(name, {}).get(kind, [])
        if number in (wanted, TYPES["CNAME"])
    ]
    code = _OK if name in zone else _NXDOMAIN
    if "SERVFAIL" in zone.get(name, {}):
        code = _SERVFAIL
    flags = 0x8000 | 0x0400 | 0x0100 | 0x0080 | 0x0020 | code  # QR AA RD RA AD
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    return head + question + b"".join(records)


def _record(kind: int, said: str) -> bytes:
    owner, separator, data = said.rpartition(": ")  # in an IPv6 address no space follows a colon
    if kind in (TYPES["A"], TYPES["AAAA"]):
        content = ipaddress.ip_address(data).packed
    elif kind == TYPES["MX"]:
        preference, _space, host = data.partition(" ") if data[0].isdigit() else ("10", "", data)
        content = struct.pack(">H", int(preference)) + _name(host)
    elif kind == TYPES["CNAME"]:
        content = _name(data)
    else:
        content = bytes.fromhex(data)
    # without a name of its own the question's, by reference (RFC 1035, 4.1.4)
    return (
        (_name(owner) if separator else b"\xc0\x0c")
        + struct.pack(">HHIH", kind, 1, 0, len(content))
        + content
    )


def _name(host: str) -> bytes:
    labels = [one.encode() for one in host.split(".") if one]
    return b"".join(bytes([len(one)]) + one for one in labels) + b"\0"


def main() -> None:
    """Serve on 127.0.0.1:53 until killed."""
    zone = Path(sys.argv[1])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(4096)
        with contextlib.suppress(IndexError, ValueError, struct.error):
            server.sendto(answer(query, json.loads(zone.read_text())), client)


if __name__ == "__main__":
    main()
