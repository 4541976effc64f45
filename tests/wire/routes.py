"""Routes as resolvers give them, and what an ordinary domain has in DNS."""

from __future__ import annotations

import asyncio

from tests.wire.liar import Reply, liar
from trustctl.facts.wire import MailRoute, TlsaRecord
from trustctl.wire.resolver import Resolver

RECORD = TlsaRecord(3, 1, 1, b"\xab" * 32)
FOO = {
    "foo.test MX": ["10 mx.foo.test."],
    "mx.foo.test A": ["192.0.2.1"],
    "_25._tcp.mx.foo.test TLSA": ["3 1 1 " + "ab" * 32],
}


def route(server: str, domain: str, *, trusted: bool = False, seconds: float = 5.0) -> MailRoute:
    """One domain's route, by a resolver of its own."""
    return asyncio.run(Resolver(server, trusted=trusted, timeout_seconds=seconds).route(domain))


def told(reply: Reply, domain: str = "foo.test", *, seconds: float = 5.0) -> MailRoute:
    """The route of a domain where a liar answers."""
    with liar(reply) as it:
        return route(it.address, domain, seconds=seconds)
