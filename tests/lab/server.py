"""A host of ours that receives: a Debian Exim for which somebody types trustctl's commands."""

from __future__ import annotations

import time

from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.receiving import Receiving
from tests.lab.senders import Administered, fingerprint

TO_FILES = "SYSTEM_ALIASES_FILE_TRANSPORT = address_file\nSYSTEM_ALIASES_USER = Debian-exim\n"
_TLS = (
    "MAIN_TLS_ENABLE = yes\n"
    "MAIN_TLS_CERTIFICATE = ${if eq{}{}{/etc/exim4/chain.pem}}\n"
    "MAIN_TLS_PRIVATEKEY = ${if eq{}{}{/etc/exim4/host.key}}\n"
    "MAIN_SMTPUTF8_ADVERTISE_HOSTS = *\n"
)


class Server(Receiving, Administered):
    """It delivers bob's mail to a file."""

    def start(self, own: Made) -> None:
        """Present this certificate; start the daemon."""
        self.put("chain.pem", own.pem)
        self.put("host.key", own.key_pem)
        self.ok("/usr/sbin/exim4", "-bd", "-odf", "-oP", "/run/exim4/exim.pid")
        self.network.listening((self.address, 25))

    def add_seen(self, chain: bytes, leaf: bytes, peer: str, domain: str, *more: str) -> None:
        """Add a peer's certificate with the chain above it, compared over the phone."""
        path = self.put("../peer.pem", chain)
        self.trustctl(
            "add", str(path), "--peer", peer, "--domain", domain, "--fingerprint",
            fingerprint(leaf), "--via", "phone", "--vouched-by", "Ann <ann@us.test>", *more,
        )  # fmt: skip

    def restarted(self) -> None:
        """Wait until the daemon that was told to has read its configuration anew."""
        for _attempt in range(500):
            told = self.logged_lines().rpartition("SIGHUP received")[2]
            if "daemon started" in told:
                return self.clear()
            time.sleep(0.02)
        raise AssertionError(self.logged_lines())

    @property
    def mailbox(self) -> str:
        """What was delivered to bob."""
        place = self.log.with_name("bob")
        return place.read_text("utf-8", "replace") if place.exists() else ""

    def clear(self) -> None:
        """Forget what was delivered, and what was logged."""
        self.log.with_name("bob").unlink(missing_ok=True)
        self.log.write_text("")

    def logged_lines(self) -> str:
        """The main log since then."""
        return self.log.read_text("utf-8", "replace")

    def is_idle(self, lines: str) -> bool:
        """Whether all that was taken is delivered, or waits."""
        done = lines.count(" Completed\n") + lines.count(" == ")
        return lines.count(" <= ") <= done


def server(
    lab: Lab,
    own: Made,
    name: str = "receiving.test",
    *,
    macros: str = "",
    split: bool = True,
    configtype: str = "internet",
) -> Server:
    """A new host, receiving for us.test."""
    address = lab.network.address()
    made = Server(
        lab.network,
        name,
        address=address,
        settings={
            "dc_eximconfig_configtype": configtype,
            "dc_local_interfaces": address,
            "dc_other_hostnames": "us.test",
            "dc_use_split_config": "true" if split else "false",
        },
        macros=_TLS + TO_FILES + macros,
        aliases="bob: /var/log/exim4/bob\n",
    )
    made.start(own)
    return made
