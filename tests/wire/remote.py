"""A resolver that is not on this machine, asked in several ways; run in a network namespace.

Usage: python -m tests.wire.remote, where 10.53.0.1 is an address of this network alone. Prints, by
who the resolver is: how many TLSA records, and whether MX and TLSA are said to be authenticated.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import dns.flags

from tests.wire.liar import liar, zone
from tests.wire.routes import FOO
from trustctl.wire.resolver import Resolver

ADDRESS = "10.53.0.1"


def main() -> None:
    """Ask, and print."""
    reply = zone(FOO, flags=dns.flags.AD)
    with (
        liar(reply, ADDRESS, 53),
        liar(reply, "127.0.0.1", 53),
        liar(reply, "::1", 53),
        tempfile.TemporaryDirectory() as folder,
    ):

        def conf(text: str) -> Path:
            path = Path(folder, "resolv.conf")
            path.write_text(text)
            return path

        remote = f"nameserver {ADDRESS}\n"
        ways = {
            "named": Resolver(ADDRESS),
            "named as trusted": Resolver(ADDRESS, trusted=True),
            "of resolv.conf": Resolver(resolv_conf=conf(f"# trust-ad\n{remote}options rotate\n")),
            "of resolv.conf with trust-ad": Resolver(
                resolv_conf=conf(f"{remote}options edns0 trust-ad\n")
            ),
            "on this machine": Resolver("127.0.0.1"),
            "on this machine, of resolv.conf": Resolver(
                resolv_conf=conf("nameserver mx.foo.test\nnameserver 127.0.0.1\n")
            ),
            "on this machine, over IPv6": Resolver("[::1]:53"),
        }
        said = {}
        for who, resolver in ways.items():
            found = asyncio.run(resolver.route("foo.test"))
            (host,) = found.hosts
            said[who] = [len(host.tlsa), found.authenticated, host.tlsa_authenticated]
    print(json.dumps(said))


if __name__ == "__main__":
    main()
