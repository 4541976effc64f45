"""A Postfix of ours that receives, for which somebody types trustctl's commands."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.postfix import Sender
from tests.lab.receiving import Receiving
from tests.lab.senders import fingerprint

CONF = "/mnt/conf"
_MAIN = """
mynetworks = 127.0.0.0/8
smtpd_tls_chain_files = /mnt/own.pem
smtpd_tls_security_level = may
smtputf8_enable = yes
virtual_mailbox_domains = us.test
virtual_mailbox_base = /mnt/mail
virtual_mailbox_maps = static:bob
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_lock = fcntl
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
"""
_LOCAL = "virtual unix - n n - - virtual\n"


class Server(Receiving, Sender):
    """It delivers bob's mail to a file, and listens at an address of its own."""

    def __init__(self, lab: Lab, own: Made, name: str, main: str = "", master: str = "") -> None:
        """Start it; it presents this certificate."""
        self.address, self._own, self._read = lab.network.address(), own, 0
        self._services = f"{self.address}:smtp inet n - n - - smtpd\n{_LOCAL}"
        self._services += master.replace("ADDRESS", self.address)
        super().__init__(lab.network, name, _MAIN + main)
        lab.network.listening((self.address, 25))

    def start(self) -> None:
        """Start it with what a server needs."""
        (self.base / "own.pem").write_bytes(self._own.key_pem + self._own.pem)
        (self.base / "mail").mkdir()
        (self.base / "mail").chmod(0o777)
        with (self.base / "conf" / "master.cf").open("a") as file:
            file.write(self._services)
        super().start()

    def trustctl(self, *words: str, code: int = 0) -> str:
        """What the command says, results and complaints; ``code`` is the expected exit code."""
        program = str(Path(sys.executable).with_name("trustctl"))
        ran = self.run(program, "--db", "/mnt/inventory/trustctl.db", *words)
        told = (ran.stdout + ran.stderr).decode()
        assert ran.returncode == code, (words, ran.returncode, told, self.log()[-1500:])
        assert "Traceback" not in told
        return told

    def add(self, made: Made, peer: str, *more: str, domain: str = "") -> str:
        """Add a peer's certificate, compared over the phone."""
        (self.base / "peer.pem").write_bytes(made.pem)
        return self.trustctl(
            "add", "/mnt/peer.pem", "--peer", peer, "--domain", domain or f"{peer}.test",
            "--fingerprint", fingerprint(made.der), "--via", "phone", "--vouched-by",
            "Ann <ann@us.test>", *more,
        )  # fmt: skip

    def export(self, *more: str, code: int = 0) -> str:
        """Put the inventory in force."""
        words = ("export", "--format", "postfix", "--to", CONF, "--reload", *more)
        return self.trustctl(*words, code=code)

    def value(self, name: str) -> str:
        """A parameter as Postfix takes it."""
        return self.ok("postconf", "-c", CONF, "-xh", name).strip()

    @property
    def mailbox(self) -> str:
        """What was delivered to bob."""
        place = self.base / "mail" / "bob"
        return place.read_text("utf-8", "replace") if place.exists() else ""

    def clear(self) -> None:
        """Forget what was delivered, and what was logged."""
        (self.base / "mail" / "bob").unlink(missing_ok=True)
        self._read = len(self.log())

    def logged_lines(self) -> str:
        """The log since then."""
        return self.log()[self._read :]

    def is_idle(self, lines: str) -> bool:
        """Whether all that was taken is delivered, or waits."""
        done = lines.count(": removed") + lines.count("=deferred")
        return lines.count("(queue active)") <= done
