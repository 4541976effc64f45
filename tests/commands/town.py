"""A few mail hosts and a name server on loopback, for the commands that dial."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.certs import Made
from tests.console import Console, Ran
from tests.wire.liar import Liar, liar, zone
from tests.wire.mailhost import MailHost, mailhost
from tests.wire.nameservers import free_port


@dataclass
class Town:
    """Hosts by name, on one port; ``records`` is what the name server says."""

    console: Console
    server: Liar
    port: int
    records: dict[str, list[str]]
    hosts: dict[str, MailHost] = field(default_factory=dict)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def host(self, name: str, made: Made | None, *domains: str) -> MailHost:
        """A host that is the MX of these domains; without a certificate it is not there."""
        if made is None:
            one = MailHost("127.0.0.250", self.port)
        else:
            one = self.stack.enter_context(mailhost(made, self.port))
        self.hosts[name] = one
        self.records[f"{name} A"] = [one.address]
        for domain in domains:
            self.records.setdefault(f"{domain} MX", []).append(f"10 {name}.")
        self.server.reply = zone(self.records)
        return one

    @property
    def options(self) -> list[str]:
        """How this town's hosts are found."""
        return [
            "--resolver", self.server.address, "--port", str(self.port), "--allow-net",
            "127.0.0.0/8", "--timeout", "5", "--ehlo", "probe.our.test",
        ]  # fmt: skip

    def fetch(self, *words: str, code: int = 0) -> Ran:
        """``trustctl fetch`` in this town."""
        return self.console("fetch", *words, *self.options, code=code)

    def probe(self, *words: str, code: int = 0) -> Ran:
        """``trustctl probe`` in this town."""
        return self.console("probe", *words, *self.options, code=code)


@contextlib.contextmanager
def town(console: Console) -> Iterator[Town]:
    """A town without hosts."""
    with liar(zone({})) as server, contextlib.ExitStack() as stack:
        yield Town(console, server, free_port(), {}, stack=stack)
