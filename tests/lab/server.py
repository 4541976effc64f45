"""A host of ours that receives: a Debian Exim for which somebody types trustctl's commands."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.senders import Administered, fingerprint

_CLIENT = Path(__file__).resolve().with_name("client.py")
TO_FILES = "SYSTEM_ALIASES_FILE_TRANSPORT = address_file\nSYSTEM_ALIASES_USER = Debian-exim\n"
_TLS = (
    "MAIN_TLS_ENABLE = yes\n"
    "MAIN_TLS_CERTIFICATE = ${if eq{}{}{/etc/exim4/chain.pem}}\n"
    "MAIN_TLS_PRIVATEKEY = ${if eq{}{}{/etc/exim4/host.key}}\n"
    "MAIN_SMTPUTF8_ADVERTISE_HOSTS = *\n"
)


class Server(Administered):
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

    def told(self, made: Made | None, *commands: str, how: str = "tls") -> list[str]:
        """What it answers to a client with this certificate."""
        where = "-" if made is None else str(self.network.directory / f"{made.fingerprint}.pem")
        if made is not None:
            Path(where).write_bytes(made.pem + made.key_pem)
        ran = self.network.run(
            [sys.executable, str(_CLIENT), self.address, where, how],
            stdin="".join(f"{one}\r\n" for one in commands).encode(),
        )
        assert ran.returncode == 0, ran.stderr.decode()
        self._settle()
        return ran.stdout.decode().splitlines()

    def _settle(self) -> None:
        """Wait until all that was taken is delivered, or waits."""
        for _attempt in range(1000):
            lines = self.logged_lines()
            done = lines.count(" Completed\n") + lines.count(" == ")
            if lines.count(" <= ") <= done:
                return
            time.sleep(0.02)
        raise AssertionError(self.logged_lines())

    def mail(
        self,
        made: Made | None,
        sender: str,
        recipient: str = "bob@us.test",
        *,
        header: str = "",
        how: str = "tls",
        parameters: str = "",
    ) -> list[str]:
        """Its answers to MAIL, RCPT, DATA and the message."""
        return self.told(
            made,
            f"MAIL FROM:<{sender}>{parameters}",
            f"RCPT TO:<{recipient}>",
            "DATA",
            *([header] if header else []),
            "Subject: hello",
            "",
            "hello",
            ".",
            how=how,
        )


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
