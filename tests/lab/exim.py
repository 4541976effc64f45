"""A Debian Exim of its own: stock configuration by Debian's generator, its own spool and log."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.certs import Made
from tests.lab.network import Network
from trustctl.prove.mainlog import Outcome, parse

_BOUND = {
    "etc": "/etc/exim4",
    "lib": "/var/lib/exim4",
    "spool": "/var/spool/exim4",
    "log": "/var/log/exim4",
    "run": "/run/exim4",
    "mailname": "/etc/mailname",
    "aliases": "/etc/aliases",
}
HOLD = """
set -e
while [ $# -gt 1 ]; do
  [ -e "$2" ] || { [ -d "$1" ] && mkdir -p "$2" || touch "$2"; }
  mount --bind "$1" "$2"; shift 2
done
echo ready
exec cat
"""
_SETTINGS = {
    "dc_eximconfig_configtype": "internet",
    "dc_other_hostnames": "{name}",
    "dc_local_interfaces": "127.0.0.1",
    "dc_readhost": "",
    "dc_relay_domains": "",
    "dc_minimaldns": "false",
    "dc_relay_nets": "",
    "dc_smarthost": "",
    "CFILEMODE": "644",
    "dc_use_split_config": "true",
    "dc_hide_mailname": "",
    "dc_mailname_in_oh": "true",
    "dc_localdelivery": "mail_spool",
}
_OURS = ("trustctl", "050_trustctl*", "passwd.client", "exim4.conf.localmacros")


class Exim:
    """One host. Its ``/etc/exim4`` is ``self.etc``; nothing of it is the machine's own."""

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        address: str | None = None,
        address6: str | None = None,
        settings: Mapping[str, str] | None = None,
        macros: str = "",
        files: Mapping[str, str] | None = None,
        aliases: str = "",
    ) -> None:
        """Make the host; it sends from here on.

        Args:
            address, address6: where a daemon would listen.
            settings: what differs in update-exim4.conf.conf.
            macros: lines of Exim macros, read before everything else.
            files: what else to put into /etc/exim4.
        """
        self.network, self.name, self.address = network, name, address or "127.0.0.1"
        self.addresses = [self.address, *([address6] if address6 else [])]
        base = network.directory / name
        base.mkdir()
        user = pwd.getpwnam("Debian-exim")
        for one in ("lib", "spool", "log", "run"):
            (base / one).mkdir(mode=0o750)
            os.chown(base / one, user.pw_uid, user.pw_gid)
        self.etc, self.spool = base / "etc", base / "spool"
        self.log = base / "log" / "mainlog"
        shutil.copytree("/etc/exim4", self.etc, ignore=shutil.ignore_patterns(*_OURS))
        (base / "mailname").write_text(f"{name}\n")
        (base / "aliases").write_text(aliases)
        given = {**_SETTINGS, **(settings or {})}
        (self.etc / "update-exim4.conf.conf").write_text(
            "".join(f"{key}='{value.format(name=name)}'\n" for key, value in given.items())
        )
        macros = f"MAIN_HARDCODE_PRIMARY_HOSTNAME = {name}\n{macros}"
        (self.etc / "exim4.conf.localmacros").write_text(macros)
        (self.etc / "conf.d" / "main" / "000_localmacros").write_text(macros)
        for path, text in (files or {}).items():
            self.put(path, text)
        bound = [str(part) for key, at in _BOUND.items() for part in (base / key, at)]
        self.pid = network.spawn(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", HOLD, "sh", *bound],
            stdin=True,
        )
        self.generate()

    def put(self, path: str, content: str | bytes) -> Path:
        """Write a file below /etc/exim4, readable by Exim."""
        place = self.etc / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        place.chmod(0o644)
        return place

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command as root on this host."""
        return self.network.run(command, pid=self.pid, stdin=stdin)

    def ok(self, *command: str, stdin: bytes = b"") -> str:
        """Run a command that has to succeed; its output."""
        ran = self.run(*command, stdin=stdin)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        return ran.stdout.decode()

    def generate(self) -> None:
        """Let Debian's generator write the configuration."""
        self.ok("update-exim4.conf")

    def serve(self) -> None:
        """Start the daemon, and wait until it listens."""
        self.ok("/usr/sbin/exim4", "-bd")
        self.network.listening(*((one, 25) for one in self.addresses))

    def send(
        self, *recipients: str, sender: str = "ann@us.test", options: Sequence[str] = ("-odf",)
    ) -> Outcome:
        """Send one message to the recipients, and deliver it in the foreground."""
        message = b"Subject: hello\n\nhello\n"
        return self.logged(
            "/usr/sbin/exim4", *options, "-oi", "-f", sender, "--", *recipients, stdin=message
        )

    def submit(
        self,
        *recipients: str,
        options: Sequence[str] = ("-odf",),
        utf8: bool = False,
        keep: bool = False,
    ) -> Outcome:
        """As :meth:`send`, by SMTP: access control lists see each recipient.

        Args:
            utf8: declare the message internationalised (RFC 6531).
            keep: as in :meth:`logged`.
        """
        given = "".join(f"RCPT TO:<{one}>\r\n" for one in recipients)
        declared = " SMTPUTF8" if utf8 else ""
        dialogue = f"MAIL FROM:<ann@us.test>{declared}\r\n{given}DATA\r\n\r\nhello\r\n.\r\nQUIT\r\n"
        said = f"EHLO us.test\r\n{dialogue}".encode()
        return self.logged("/usr/sbin/exim4", *options, "-bs", stdin=said, keep=keep)

    def logged(self, *command: str, stdin: bytes = b"", keep: bool = False) -> Outcome:
        """What the main log says while a command runs; then the queue and all hints are dropped.

        Args:
            keep: keep the queue, and what Exim remembers of hosts.
        """
        before = self.log.stat().st_size if self.log.exists() else 0
        ran = self.run(*command, stdin=stdin)
        text = ""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(before)
                text = log.read().decode("utf-8", "replace")
        if not keep:
            self.forget()
        complaints = (ran.stdout + ran.stderr).decode("utf-8", "replace")
        return parse(f"{text}\n{complaints}")

    def forget(self, *parts: str) -> None:
        """Drop the queue and what Exim remembers of hosts (or only some of it)."""
        for part in parts or ("input", "msglog", "db"):
            shutil.rmtree(self.spool / part, ignore_errors=True)

    def queued(self) -> int:
        """How many messages wait."""
        return int(self.ok("/usr/sbin/exim4", "-bpc"))

    def received(self) -> list[str]:
        """The recipients of each message that this host has taken."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return [one.partition(" for ")[2] for one in text.splitlines() if " <= " in one]


def present(host: Exim, chain: Sequence[Made | bytes], key: Made | None = None) -> None:
    """Put a receiver's chain in place; one that reads it anew presents it from the next connection
    on."""
    owner = key or chain[0]
    assert isinstance(owner, Made)
    content = b"".join(one.pem if isinstance(one, Made) else one for one in chain)
    for name, text in (("host.key", owner.key_pem), ("chain.pem", content)):
        host.put(f"{name}.new", text).replace(host.etc / name)


def receiver(
    network: Network,
    name: str,
    chain: Sequence[Made | bytes],
    *,
    key: Made | None = None,
    main: str = "",
    macros: str = "",
    files: Mapping[str, str | bytes] | None = None,
    links: Mapping[str, str] | None = None,
    six: bool = False,
    anew: bool = False,
) -> Exim:
    """A peer's host (or an attacker's) that takes mail for any domain, with this certificate chain.

    The first of the chain is the host's own and brings the key, unless ``key`` does; ``main`` are
    lines of Exim's main section, ``macros`` what stands before it; ``files`` and ``links``
    go into /etc/exim4 too. ``six``: it has an IPv6 address as well. ``anew``: it
    reads the chain for each connection, as Exim does where the file's name has to be expanded.
    """
    named = "${{if eq{{}}{{}}{{{}}}}}" if anew else "{}"
    address, address6 = network.address(), network.address6() if six else None
    host = Exim(
        network,
        name,
        address=address,
        address6=address6,
        settings={
            "dc_local_interfaces": f"{address} ; {address6}" if six else address,
            "dc_relay_nets": "0.0.0.0/0 ; ::/0",
        },
        macros="MAIN_TLS_ENABLE = yes\n"
        f"MAIN_TLS_CERTIFICATE = {named.format('/etc/exim4/chain.pem')}\n"
        f"MAIN_TLS_PRIVATEKEY = {named.format('/etc/exim4/host.key')}\n"
        "MAIN_LOG_SELECTOR = +received_recipients +tls_certificate_verified +tls_peerdn\n" + macros,
        files={"conf.d/main/99_lab": f"queue_only = true\n{main}"},
    )
    present(host, chain, key)
    for path, content in (files or {}).items():
        host.put(path, content)
    for path, to in (links or {}).items():
        (host.etc / path).symlink_to(to)
    host.serve()
    return host
