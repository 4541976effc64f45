"""Debian's Postfix, as it receives and as it sends: unpacked, since it cannot be installed beside
Exim."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.certs import Made
from tests.lab.exim import HOLD
from tests.lab.network import Network

UNPACKED = Path(__file__).resolve().parents[2] / ".cache" / "postfix"
"""Where tests/run unpacks the package."""

_UID, _GID, _DROP = 45678, 45678, 45679
_OURS = ("private", "incoming", "active", "deferred", "defer", "bounce", "hold", "flush", "trace")
_MAIN = """
compatibility_level = 3.6
myhostname = {name}
# the addresses are in master.cf: none of an interface is needed there
inet_interfaces = loopback-only
inet_protocols = all
default_transport = {transport}
alias_maps =
alias_database =
queue_directory = /mnt/queue
data_directory = /mnt/data
command_directory = {unpacked}/usr/sbin
daemon_directory = {unpacked}/usr/lib/postfix/sbin
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {unpacked}/etc/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
export_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = /mnt/maillog
maillog_file_prefixes = /mnt
"""
_RECEIVES = """
mynetworks = 0.0.0.0/0 [::]/0
smtpd_tls_chain_files = /mnt/host.pem
smtpd_tls_security_level = may
smtp_dns_support_level = disabled
# each connection is a process of its own, which reads the certificate anew
max_use = 1
"""
_SENDS = """
mydestination =
sendmail_path = {unpacked}/usr/sbin/sendmail
mailq_path = {unpacked}/usr/sbin/mailq
newaliases_path = {unpacked}/usr/sbin/newaliases
# what waits may be tried again at once, and whoever refuses is not remembered
minimal_backoff_time = 1s
queue_run_delay = 1h
transport_retry_time = 1s
default_destination_concurrency_failed_cohort_limit = 100
smtp_connect_timeout = 5s
smtp_tls_loglevel = 1
"""
_SMTP = "{at}:smtp inet n - n - - smtpd\n"
_MASTER = """
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 3600 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""
_MASTER_SENDS = """
pickup    unix  n - n 3600 1 pickup
flush     unix  n - n 1000? 0 flush
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
scache    unix  - - n - 1 scache
tlsproxy  unix  - - n - 0 tlsproxy
showq     unix  n - n - - showq
"""


class Host:
    """A Postfix in a mount namespace of its own: its folder is /mnt there."""

    def __init__(self, network: Network, name: str, main: str, master: str, transport: str) -> None:
        """Make its files; :meth:`start` starts it."""
        self.network = network
        self.base = base = network.directory / name
        (base / "conf").mkdir(parents=True)
        self._users()
        for one in ("queue", "queue/pid", "data"):
            (base / one).mkdir()
        os.chown(base / "data", _UID, _GID)
        for one in _OURS:
            (base / "queue" / one).mkdir(mode=0o700)
            os.chown(base / "queue" / one, _UID, _GID)
        for one, mode in (("public", 0o710), ("maildrop", 0o730)):
            (base / "queue" / one).mkdir()
            os.chown(base / "queue" / one, _UID, _DROP)
            (base / "queue" / one).chmod(mode)
        text = (_MAIN + main).format(name=name, unpacked=UNPACKED, transport=transport)
        (base / "conf" / "main.cf").write_text(text)
        (base / "conf" / "master.cf").write_text(master)
        # its user may not go through the folders above
        bound = (base / "passwd", "/etc/passwd", base / "group", "/etc/group", base, "/mnt")
        self.pid = network.spawn(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", HOLD, "sh"]
            + [str(one) for one in bound],
            stdin=True,
        )

    def start(self) -> None:
        """Start it, and wait until it listens."""
        program = UNPACKED / "usr/lib/postfix/sbin/master"
        started = self.run(str(program), "-c", "/mnt/conf", "-w")
        assert started.returncode == 0, (started.stderr, self.log())

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command as root on this host, Postfix's own programs first in the path."""
        return self.network.run(
            [
                "env",
                f"LD_LIBRARY_PATH={UNPACKED}/usr/lib/postfix",
                f"PATH={UNPACKED}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin",
                *command,
            ],
            pid=self.pid,
            stdin=stdin,
        )

    def _users(self) -> None:
        """The package's users, for this host alone."""
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        passwd += f"postfix:x:{_UID}:{_GID}::/nonexistent:/usr/sbin/nologin\n"
        group += f"postfix:x:{_GID}:\npostdrop:x:{_DROP}:\n"
        (self.base / "passwd").write_text(passwd)
        (self.base / "group").write_text(group)

    def log(self) -> str:
        """What it has logged."""
        path = self.base / "maillog"
        return path.read_text("utf-8", "replace") if path.exists() else ""


class Postfix(Host):
    """A host that takes mail for any domain with this certificate chain, and keeps none."""

    def __init__(self, network: Network, name: str, *chain: Made, addresses: Sequence[str]) -> None:
        """Start it, and wait until it listens."""
        at = [f"[{one}]" if ":" in one else one for one in addresses]
        master = "".join(_SMTP.format(at=one) for one in at) + _MASTER
        super().__init__(network, name, _RECEIVES, master, "discard")
        self.addresses = tuple(addresses)
        self.serve(*chain)
        self.start()

    def serve(self, *chain: Made) -> None:
        """From the next connection on, present this chain."""
        new = self.base / "host.new"
        new.write_bytes(chain[0].key_pem + b"".join(one.pem for one in chain))
        new.replace(self.base / "host.pem")


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message: by recipient, ``sent``, ``deferred`` or ``bounced``, and why.

    ``tls`` are the log's words on the certificates seen: Verified, Trusted, Untrusted, Anonymous.
    """

    status: Mapping[str, str]
    tls: tuple[str, ...]
    text: str

    @property
    def waits(self) -> bool:
        """Whether nobody got it, and all of it is tried again."""
        return set(self.status.values()) == {"deferred"}

    @property
    def went(self) -> bool:
        """Whether all of it was delivered."""
        return set(self.status.values()) == {"sent"}


_STATUS = re.compile(r": to=<([^>]*)>,.* status=(\w+)")
_TLS = re.compile(r": (\w+) TLS connection established to ")


class Sender(Host):
    """A host that sends: the administrator's folder is ``conf``, /mnt/conf on the host."""

    def __init__(self, network: Network, name: str, main: str = "") -> None:
        """Start it. ``main``: lines of main.cf."""
        master = _MASTER + _MASTER_SENDS
        super().__init__(network, name, _SENDS + main, master, "smtp")
        self.conf = self.base / "conf"
        self.start()

    def ok(self, *command: str) -> str:
        """Run a command that has to succeed; its output."""
        ran = self.run(*command)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr, self.log()[-2000:])
        return ran.stdout.decode()

    def set(self, *settings: str) -> None:
        """Change main.cf as an administrator does, and reload."""
        self.ok("postconf", "-c", "/mnt/conf", "-e", *settings)
        self.reload()

    def reload(self) -> None:
        """Let it read its configuration again."""
        self.ok("postfix", "-c", "/mnt/conf", "reload")

    def send(self, *recipients: str, sender: str = "ann@us.test") -> Sent:
        """Send one message, and wait until something became of it for each recipient."""
        before = len(self.log())
        self.ok_in(b"Subject: hello\n\nhello\n", "sendmail", "-C", "/mnt/conf", "-i", "-f", sender,
                   "--", *recipients)  # fmt: skip
        return self.settled(before, len(recipients))

    def queue_run(self, expected: int) -> Sent:
        """Try everything that waits again, and wait for that many results."""
        return self.settled(len(self.log()), expected, flush=True)

    def ok_in(self, stdin: bytes, *command: str) -> None:
        """Run a command that has to succeed, with this input."""
        ran = self.run(*command, stdin=stdin)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr, self.log()[-2000:])

    def settled(self, before: int, expected: int, *, flush: bool = False) -> Sent:
        """What the log says from there on, once it tells of that many recipients.

        ``flush``: ask for a queue run until then, since one that is under way swallows the next.
        """
        for attempt in range(3000):
            if flush and attempt % 100 == 0:
                self.ok("postqueue", "-c", "/mnt/conf", "-f")
            text = self.log()[before:]
            found = _STATUS.findall(text)
            if len(found) >= expected:
                return Sent(dict(found), tuple(_TLS.findall(text)), text)
            time.sleep(0.02)
        raise AssertionError(f"nothing became of it: {self.log()[before:]}")

    def forget(self) -> None:
        """Drop what waits."""
        self.ok("postsuper", "-c", "/mnt/conf", "-d", "ALL")
