"""Debian's Postfix as a server: unpacked, since it cannot be installed beside Exim."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
mynetworks = 0.0.0.0/0 [::]/0
default_transport = discard
alias_maps =
alias_database =
queue_directory = /mnt/queue
data_directory = /mnt/data
command_directory = {unpacked}/usr/sbin
daemon_directory = {unpacked}/usr/lib/postfix/sbin
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {unpacked}/etc/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
maillog_file = /mnt/maillog
maillog_file_prefixes = /mnt
smtpd_tls_chain_files = /mnt/host.pem
smtpd_tls_security_level = may
smtp_dns_support_level = disabled
# each connection is a process of its own, which reads the certificate anew
max_use = 1
"""
_SMTP = "{at}:smtp inet n - n - - smtpd\n"
_MASTER = """
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
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


class Postfix:
    """A host that takes mail for any domain with this certificate chain, and keeps none."""

    def __init__(self, network: Network, name: str, *chain: Made, addresses: Sequence[str]) -> None:
        """Start it, and wait until it listens."""
        self.network, self.addresses = network, tuple(addresses)
        self._base = base = network.directory / name
        (base / "conf").mkdir(parents=True)
        self._users()
        for one in ("queue", "queue/pid", "data"):
            (base / one).mkdir()
        os.chown(base / "data", _UID, _GID)
        for one in _OURS:
            (base / "queue" / one).mkdir(mode=0o700)
            os.chown(base / "queue" / one, _UID, _GID)
        (base / "queue" / "public").mkdir(mode=0o710)
        os.chown(base / "queue" / "public", _UID, _DROP)
        self.serve(*chain)
        main = _MAIN.format(name=name, unpacked=UNPACKED)
        (base / "conf" / "main.cf").write_text(main)
        at = [f"[{one}]" if ":" in one else one for one in addresses]
        master = "".join(_SMTP.format(at=one) for one in at) + _MASTER
        (base / "conf" / "master.cf").write_text(master)
        # its user may not go through the folders above
        bound = (base / "passwd", "/etc/passwd", base / "group", "/etc/group", base, "/mnt")
        pid = network.spawn(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", HOLD, "sh"]
            + [str(one) for one in bound],
            stdin=True,
        )
        library = f"LD_LIBRARY_PATH={UNPACKED}/usr/lib/postfix"
        program = UNPACKED / "usr/lib/postfix/sbin/master"
        started = network.run(["env", library, str(program), "-c", "/mnt/conf", "-w"], pid=pid)
        assert started.returncode == 0, (started.stderr, self.log())

    def _users(self) -> None:
        """The package's users, for this host alone."""
        passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
        passwd += f"postfix:x:{_UID}:{_GID}::/nonexistent:/usr/sbin/nologin\n"
        group += f"postfix:x:{_GID}:\npostdrop:x:{_DROP}:\n"
        (self._base / "passwd").write_text(passwd)
        (self._base / "group").write_text(group)

    def serve(self, *chain: Made) -> None:
        """From the next connection on, present this chain."""
        new = self._base / "host.new"
        new.write_bytes(chain[0].key_pem + b"".join(one.pem for one in chain))
        new.replace(self._base / "host.pem")

    def log(self) -> str:
        """What it has logged."""
        path = self._base / "maillog"
        return path.read_text("utf-8", "replace") if path.exists() else ""
