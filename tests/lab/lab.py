"""The cast of the lab: peers' hosts, attackers' hosts, senders. Each is made when first needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

from tests import certs
from tests.certs import Made
from tests.lab.exim import Exim, present, receiver
from tests.lab.network import Network
from tests.lab.senders import (
    LISTED,
    ONE_BUNDLE,
    PER_DOMAIN,
    RECIPE_2009,
    Administered,
    Naive,
    Protected,
)

S = TypeVar("S", bound=Exim)
A = TypeVar("A", bound=Administered)
_SMTPD = Path(__file__).resolve().with_name("smtpd.py")


class Mx:
    """A host that takes mail: its addresses, and what it has taken since the test began."""

    def __init__(self, address: str, log: Path, exim: Exim | None = None) -> None:
        self.address, self._log, self._exim = address, log, exim
        self.addresses = [address] if exim is None else exim.addresses

    def taken(self) -> list[str]:
        """The recipients of each message."""
        if self._exim is not None:
            return self._exim.received()
        return self._log.read_text().splitlines() if self._log.exists() else []

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8", "replace")

    def present(self, *chain: Made | bytes, key: Made | None = None) -> None:
        """Present this chain from the next connection on."""
        assert self._exim is not None
        present(self._exim, chain, key)

    def clear(self) -> None:
        """Forget what was taken."""
        if self._log.exists():
            self._log.write_bytes(b"")


class Lab:
    """The network and everybody in it.

    ``foo`` and ``bar`` are peers with certificates of their own; what ``bar`` made can sign, as
    what ``exim-gencert`` makes can. Everybody trusts ``public_ca`` who trusts public authorities.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.openssl = network.exim is not None
        """Whether everybody's Exim was built with OpenSSL; Debian's own with GnuTLS."""
        self._hosts: dict[str, Mx] = {}
        self._senders: dict[str, Exim] = {}

    def mx(
        self,
        name: str,
        *chain: Made | bytes,
        key: Made | None = None,
        main: str = "",
        six: bool = False,
    ) -> Mx:
        """A host that serves this chain, by IPv6 too if asked; the same one for the same name."""
        if name not in self._hosts:
            made = receiver(
                self.network, f"host-{name}", chain, key=key, main=main, six=six, anew=True
            )
            self._hosts[name] = Mx(made.address, made.log, made)
        return self._hosts[name]

    def odd_mx(
        self,
        name: str,
        chain: Sequence[bytes] = (),
        key: Made | None = None,
        *,
        says: str = "",
        address: str = "",
    ) -> Mx:
        """A host that no mail server would be: without TLS, with a chain of junk, or with an answer
        of its own to a command (``RCPT 451 later``); ``address``: where a mail server is not."""
        if name not in self._hosts:
            folder = self.network.directory / f"odd-{name}"
            folder.mkdir()
            address, log = address or self.network.address(), folder / "log"
            files = []
            if key is not None:
                (folder / "chain.pem").write_bytes(b"".join(chain))
                (folder / "host.key").write_bytes(key.key_pem)
                files = [str(folder / "chain.pem"), str(folder / "host.key")]
            self.network.spawn([sys.executable, str(_SMTPD), address, str(log), says, *files])
            self._hosts[name] = Mx(address, log)
        return self._hosts[name]

    def route(self, domain: str, mx: Mx, host: str = "", tlsa: str | None = None) -> None:
        """Let DNS send a domain's mail to this host, under the name that its MX always had."""
        name = host or f"mx.{domain}"
        self.network.mail_for(domain, *((name, one) for one in mx.addresses), tlsa=tlsa)

    def begin(self) -> None:
        """Nobody has taken anything, and DNS is empty."""
        self.network.dns({})
        for one in self._hosts.values():
            one.clear()
        for sender in self._senders.values():
            sender.forget()

    def sender(self, name: str, make: Callable[[], S]) -> S:
        """A sender, made when it is first asked for; the same one for the same name."""
        if name not in self._senders:
            self._senders[name] = make()
        found = self._senders[name]
        assert isinstance(found, Exim)
        return cast("S", found)

    def naive(self, name: str, transport: str) -> Naive:
        """A sender with a transport of somebody's own."""
        return self.sender(name, lambda: Naive(self.network, name, transport))

    def protected(
        self,
        name: str,
        *,
        macros: str = "",
        files: Mapping[str, str] | None = None,
        aliases: str = "",
        edit: Mapping[str, str] | None = None,
    ) -> Protected:
        """Another protected sender, as :class:`Protected`."""
        return self.sender(
            name,
            lambda: Protected(
                self.network, name, macros=macros, files=files, aliases=aliases, edit=edit
            ),
        )

    def administered(
        self, name: str, *, settings: Mapping[str, str] | None = None, macros: str = ""
    ) -> Administered:
        """A stock Debian Exim with a daemon, for which somebody types trustctl's commands."""

        return self.sender(
            name, lambda: self.started(Administered, name, settings=settings, macros=macros)
        )

    def started(
        self,
        kind: type[A],
        name: str,
        *,
        settings: Mapping[str, str] | None = None,
        macros: str = "",
    ) -> A:
        """A new host of this kind, with a daemon."""
        address = self.network.address()
        given = {"dc_local_interfaces": address, **(settings or {})}
        made = kind(self.network, name, address=address, settings=given, macros=macros)
        made.ok("/usr/sbin/exim4", "-bd", "-oP", "/run/exim4/exim.pid")
        return made

    # certificates

    @cached_property
    def foo_cert(self) -> Made:
        """The peer's own: cannot sign."""
        return certs.self_signed("mx.foo.test", ca=False)

    @cached_property
    def bar_cert(self) -> Made:
        """Another peer's own: can sign."""
        return certs.self_signed("mx.bar.test", ca=True)

    @cached_property
    def stranger_cert(self) -> Made:
        """What an attacker made for the peer's host's name."""
        return certs.self_signed("mx.foo.test")

    @cached_property
    def public_ca(self) -> Made:
        """What everybody trusts."""
        return certs.authority("Public CA")

    # hosts

    @cached_property
    def foo(self) -> Mx:
        """The peer's host."""
        return self.mx("foo", self.foo_cert)

    @cached_property
    def bar(self) -> Mx:
        """Another peer's host."""
        return self.mx("bar", self.bar_cert)

    @cached_property
    def stranger(self) -> Mx:
        """An attacker with a certificate of his own."""
        return self.mx("stranger", self.stranger_cert)

    @cached_property
    def certified(self) -> Mx:
        """An attacker to whom a public CA gave a certificate for the peer's host's name."""
        return self.mx("certified", certs.issue(self.public_ca, "mx.foo.test"), self.public_ca)

    @cached_property
    def insider(self) -> Mx:
        """Another trusted peer who signed a certificate for the peer's host's name."""
        return self.mx("insider", certs.issue(self.bar_cert, "mx.foo.test"), self.bar_cert)

    @cached_property
    def stripper(self) -> Mx:
        """A host that offers no STARTTLS, as somebody on the path can make it seem."""
        return self.odd_mx("stripper")

    # senders

    @property
    def stock(self) -> Exim:
        """Debian's Exim as it comes."""
        return self.sender("stock", lambda: Exim(self.network, "stock"))

    @property
    def recipe(self) -> Naive:
        """The recipe of 2009."""
        return self.naive("recipe", RECIPE_2009)

    @property
    def bundle(self) -> Naive:
        """Mandatory verification against one file."""
        return self.naive("bundle", ONE_BUNDLE)

    @property
    def listed(self) -> Naive:
        """The same for the domains in a list, the others as ever."""
        return self.sender(
            "listed", lambda: Naive(self.network, "listed", ONE_BUNDLE, router=LISTED)
        )

    @property
    def per_domain(self) -> Naive:
        """A file for each domain, and nothing else."""
        return self.naive("per-domain", PER_DOMAIN)

    @property
    def us(self) -> Protected:
        """The sender that trustctl protects."""
        return self.protected("us.test", macros="MAIN_SMTPUTF8_ADVERTISE_HOSTS = *\n")
