"""Debian's Dovecot as a server of IMAP and POP3, in the foreground, configured by us."""

from __future__ import annotations

from collections.abc import Sequence

from tests.certs import Made
from tests.lab.network import Network

_CONF = """
base_dir = {base}/run
state_dir = {base}/state
instance_name = {name}
log_path = {base}/log
listen = {addresses}
protocols = imap pop3
ssl = yes
ssl_cert = <{base}/chain.pem
ssl_key = <{base}/host.key
disable_plaintext_auth = yes
mail_location = mbox:{base}/mail
passdb {{
  driver = static
  args = password=never
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={base}/mail
}}
"""
PORTS = (110, 143, 993, 995)


class Dovecot:
    """A host that speaks IMAP and POP3, with STARTTLS and with TLS at once."""

    def __init__(self, network: Network, name: str, *chain: Made, addresses: Sequence[str]) -> None:
        """Start it, and wait until it listens."""
        self.made, self.addresses = chain[0], tuple(addresses)
        base = network.directory / name
        for one in ("run", "state"):
            (base / one).mkdir(parents=True)
        (base / "chain.pem").write_bytes(b"".join(one.pem for one in chain))
        (base / "host.key").write_bytes(chain[0].key_pem)
        conf = base / "dovecot.conf"
        conf.write_text(_CONF.format(base=base, name=name, addresses=", ".join(addresses)))
        self._log = base / "log"
        dovecot = ("/usr/sbin/dovecot", "-F", "-c", str(conf))
        network.background(dovecot)
        network.listening(*((one, port) for one in addresses for port in PORTS))

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""
