"""A resolver that is not on this machine, asked in several ways; run in a network namespace.

Usage: python -m tests.wire.remote, where 10.53.0.1 is an address of this network alone. Prints, by
who the resolver is: how many TLSA records, whether MX and TLSA are said to be authenticated, and
whether TLSA had a problem.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from tests.wire.liar import liar, zone
from tests.wire.routes import FOO
from trustctl.wire.resolver import Resolver

ADDRESS = "10.53.0.1"


def main() -> None:
    """Ask, and print."""
    reply = zone(FOO, flags=dns.flags.AD)

    def bogus(query: dns.message.Message) -> dns.message.Message | bytes | None:
        """As a resolver that validates, where the TLSA records are not what was signed."""
        if query.question[0].rdtype == dns.rdatatype.TLSA:
            return zone(FOO, rcode=dns.rcode.SERVFAIL)(query)
        return reply(query)

    refusing = zone(FOO, rcode=dns.rcode.REFUSED)
    with contextlib.ExitStack() as stack:
        for host in (ADDRESS, "127.0.0.1", "::1"):
            stack.enter_context(liar(reply, host, 53))
        stack.enter_context(liar(bogus, "127.0.0.2", 53))
        stack.enter_context(liar(refusing, "127.0.0.3", 53))
        folder = stack.enter_context(tempfile.TemporaryDirectory())

        def conf(*servers: str, more: str = "") -> Resolver:
            path = Path(folder, "resolv.conf")
            path.write_text("".join(f"nameserver {one}\n" for one in servers) + more)
            return Resolver(resolv_conf=path)

        ways = {
            "named": Resolver(ADDRESS),
            "named as trusted": Resolver(ADDRESS, trusted=True),
            "of resolv.conf": conf(ADDRESS, more="# trust-ad\noptions rotate\n"),
            "of resolv.conf with trust-ad": conf(ADDRESS, more="options edns0 trust-ad\n"),
            "on this machine": Resolver("127.0.0.1"),
            "on this machine, of resolv.conf": conf("mx.foo.test", "127.0.0.1"),
            "on this machine, over IPv6": Resolver("[::1]:53"),
            "one here that refuses, one there": conf("127.0.0.2", ADDRESS),
            "nobody, then one here": conf("127.0.0.9", "127.0.0.1"),
            "one that does not serve us, then one here": conf("127.0.0.3", "127.0.0.1"),
        }
        said = {}
        for who, resolver in ways.items():
            found = asyncio.run(resolver.route("foo.test"))
            (host_of,) = found.hosts
            said[who] = [
                len(host_of.tlsa), found.authenticated, host_of.tlsa_authenticated,
                bool(host_of.tlsa_problem),
            ]  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main()
