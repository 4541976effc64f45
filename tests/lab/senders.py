"""The hosts that send: protected by trustctl's configuration, or by what people write."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.certs import Made
from tests.lab.exim import Exim
from tests.lab.network import Network
from tests.publish.box import tree
from trustctl.export import cdb
from trustctl.export.exim import GUARD, NOBODY, NOBODY_TEXT, compile_peer, configuration
from trustctl.facts.records import PeerTrust, Role, TrustedCertificate

DATA = "trustctl"


def trusted(
    made: Made,
    role: Role = "host",
    *,
    may_sign: bool = False,
    issuers: Sequence[Made | bytes] = (),
) -> TrustedCertificate:
    """A certificate as policy hands it to the exporter when its pin is trusted."""
    ders = tuple(one if isinstance(one, bytes) else one.der for one in issuers)
    return TrustedCertificate(made.fingerprint, role, made.der, 2_000_000_000, may_sign, ders)


def peer(domain: str, *certificates: TrustedCertificate) -> PeerTrust:
    """What policy says of a peer with one domain."""
    return PeerTrust(domain.partition(".")[0], (domain,), certificates)


class Protected(Exim):
    """A sender with trustctl's router and transport, its data written by the exporter."""

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        settings: Mapping[str, str] | None = None,
        macros: str = "",
        files: Mapping[str, str] | None = None,
        aliases: str = "",
        edit: Mapping[str, str] | None = None,
    ) -> None:
        """As :class:`Exim`; ``edit`` replaces strings in our texts, to show what they are for."""
        texts = configuration("/etc/exim4")
        for old, new in (edit or {}).items():
            assert any(old in one for one in texts.values()), f"our texts have no {old!r}"
            texts = {section: text.replace(old, new) for section, text in texts.items()}
        ours = {f"conf.d/{section}/050_trustctl": text for section, text in texts.items()}
        super().__init__(
            network,
            name,
            settings=settings,
            macros=macros,
            files={**ours, **(files or {})},
            aliases=aliases,
        )
        self.trust()

    @property
    def data(self) -> Path:
        """Where the data lies."""
        return self.etc / DATA

    def trust(self, *peers: PeerTrust, distrusted: Sequence[str] = ()) -> None:
        """Put the exporter's data for these peers in force."""
        compiled = [compile_peer(one, distrusted) for one in peers]
        self.put(f"{DATA}/{NOBODY}", NOBODY_TEXT)
        (self.data / "sets").mkdir(exist_ok=True)
        for name, content in (each for one in compiled for each in one.sets):
            self.put(f"{DATA}/sets/{name}", content)
        self.entries([each for one in compiled for each in one.entries])

    def entries(self, entries: Iterable[tuple[str, str]]) -> None:
        """Put these very map entries in force."""
        number = len(list((self.data / "generations").glob("*"))) + 1
        pairs = [(domain.encode(), value.encode()) for domain, value in entries]
        self.put(f"{DATA}/generations/{number:08}/peers.cdb", cdb.build(sorted([GUARD, *pairs])))
        new = self.data / "current.new"
        new.symlink_to(f"generations/{number:08}")
        os.replace(new, self.data / "current")

    def take(self, exported: Path) -> None:
        """Put in force what ``trustctl export`` wrote into another folder."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(exported / DATA, self.data, symlinks=True)
        for one in (self.data, *self.data.rglob("*")):
            if not one.is_symlink():
                one.chmod(0o755 if one.is_dir() else 0o644)


class Administered(Exim):
    """A host whose administrator types trustctl's commands."""

    def trustctl(self, *words: str, code: int = 0, stdin: bytes = b"") -> str:
        """What the command says, results and complaints; ``code`` is the expected exit code."""
        ran = self.ran(*words, stdin=stdin)
        told = (ran.stdout + ran.stderr).decode()
        assert ran.returncode == code, (words, ran.returncode, told)
        assert "Traceback" not in told
        return told

    def ran(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """The command's process, whatever became of it."""
        program = str(Path(sys.executable).with_name("trustctl"))
        return self.run(program, "--db", str(self.db), *words, stdin=stdin)

    @property
    def db(self) -> Path:
        """The inventory's file."""
        return self.etc.with_name("inventory") / "trustctl.db"

    def add(self, made: Made, peer: str, *more: str, domain: str = "", vouched: bool = True) -> str:
        """Add a peer's certificate, compared over the phone (or not yet)."""
        path = self.put("../peer.pem", made.pem)
        words = ["add", str(path), "--peer", peer, "--domain", domain or f"{peer}.test", *more]
        if vouched:
            words += ["--fingerprint", made.fingerprint, "--via", "phone"]
            words += ["--vouched-by", "Ann <ann@us.test>"]
        return self.trustctl(*words)

    def export(self, *more: str, code: int = 0) -> str:
        """Put the inventory in force."""
        return self.trustctl("export", "--to", "/etc/exim4", "--reload", *more, code=code)

    def tree(self) -> dict[str, str]:
        """Everything that Exim reads: modes, owners, content."""
        return {**tree(self.etc), **tree(self.etc.with_name("lib"))}


ROUTER = """
naive:
  driver = dnslookup
  domains = ! +local_domains
  transport = naive_smtp
  same_domain_copy_routing = yes
  no_more
"""
LISTED = ROUTER.replace("! +local_domains", "lsearch;/etc/exim4/protected")
"""Only for the domains in a file."""
RECIPE_2009 = """
naive_smtp:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = /etc/exim4/peers.pem
"""
"""What the recipe of 2009 says; in Exim 4.69 it deferred."""

ONE_BUNDLE = f"{RECIPE_2009}  tls_verify_hosts = *\n"
"""Mandatory verification against one file for all peers."""

PER_DOMAIN = """
naive_smtp:
  driver = smtp
  hosts_require_tls = *
  hosts_try_dane = :
  tls_verify_hosts = *
  tls_verify_cert_hostnames = :
  tls_verify_certificates = ${lookup{$domain}dsearch,ret=full{/etc/exim4/sets}\\
    {$value}{/etc/exim4/none.pem}}
"""
"""One file for each domain, without a pin and with Exim's defaults for the rest."""


class Naive(Exim):
    """A sender with somebody's own idea of a protection."""

    def __init__(self, network: Network, name: str, transport: str, router: str = ROUTER) -> None:
        super().__init__(
            network,
            name,
            files={
                "conf.d/router/050_naive": router,
                "conf.d/transport/050_naive": transport,
                "none.pem": "none\n",
            },
        )
        self.bundle()
        self.put("protected", "")
        (self.etc / "sets").mkdir()

    def bundle(self, *certificates: Made | bytes) -> None:
        """Let these be the one file that is trusted."""
        self.put("peers.pem", _joined(certificates))

    def only(self, domain: str, *certificates: Made | bytes) -> None:
        """Let these be trusted for one domain."""
        self.put(f"sets/{domain}", _joined(certificates))


def _joined(certificates: Iterable[Made | bytes]) -> bytes:
    return b"".join(one if isinstance(one, bytes) else one.pem for one in certificates)


def fingerprint(der: bytes) -> str:
    """SHA-256, 64 lower-case hex digits."""
    return hashlib.sha256(der).hexdigest()
