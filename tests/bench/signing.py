"""What the benchmarks of the CA run in processes of their own; each prints one figure, or nothing.

python -m tests.bench.signing bare COUNT          CPU seconds for each certificate of the library
python -m tests.bench.signing durable DB SECRET   CPU seconds of one issue with an open signer
python -m tests.bench.signing fill DB SECRET COUNT
python -m tests.bench.signing revoke DB           all that was issued
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustctl.ca.signer import Signer
    from trustctl.facts.issuance import Authority

_MOMENT = 1_800_000_000
_ISSUES = 11


def bare(count: int) -> float:
    """A new P-256 key and a certificate signed by the library, nothing written."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    gc.disable()  # as trustctl does
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA")])
    start = datetime.datetime.fromtimestamp(_MOMENT, datetime.UTC)
    end = start + datetime.timedelta(days=90)
    before = time.process_time()
    for number in range(count):
        host = f"mx{number}.bar.test"
        (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]))
            .issuer_name(issuer)
            .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(authority, hashes.SHA256())
        )
    return (time.process_time() - before) / count


def durable(db: Path, secret: str) -> float:
    """One certificate: drafted, looked at, committed to, signed and recorded, both on the disk."""
    from trustctl.ca.kinds import generate, spki_of
    from trustctl.commands.ca import hosts
    from trustctl.commands.ca.keys import Keys
    from trustctl.commands.invocation import Invocation

    class Open(Keys):
        """Keys that were opened once: scrypt is as slow as it is meant to be."""

        opened: Signer | None = None

        def signer(self, authority: Authority) -> Signer:
            if self.opened is None:
                self.opened = super().signer(authority)
            return self.opened

    call = Invocation(str(db))
    keys = Open(call, secret)
    taken = []
    for number in range(_ISSUES + 1):
        before = time.process_time()
        key = spki_of(generate("ecdsa-p256").public_key())
        hosts.issue_hosts(call, keys, None, [(f"one{number}.bar.test",)], [key],
                          profile_name="mta", days=None)  # fmt: skip
        taken.append(time.process_time() - before)
    return statistics.median(taken[1:])  # the first loads what the command has loaded


def fill(db: Path, secret: str, count: int) -> None:
    """Issue for so many hosts in one transaction; no file is written for them."""
    from trustctl.ca import profile
    from trustctl.ca.draft import new_serial
    from trustctl.ca.finish import finish_all
    from trustctl.ca.kinds import generate, spki_of
    from trustctl.ca.load import load
    from trustctl.ca.series import Series
    from trustctl.commands.ca.keys import Keys
    from trustctl.commands.invocation import Invocation
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Template
    from trustctl.inventory import authorities, issuances

    call = Invocation(str(db))
    with call.reading() as tx:
        issuing = authorities.current(tx.connection, "main", "issuing")
    signer = Keys(call, secret).signer(issuing)
    found = profile.load("mta")
    templates = [
        Template(found, host, (host,), spki_of(generate("ecdsa-p256").public_key()), new_serial(),
                 call.now - 3600, call.now + found.days * 86400)
        for host in (f"mx{number}.bar.test" for number in range(count))
    ]  # fmt: skip
    series = Series(templates[0], load(issuing.der), signer.kind)
    drafts = [series.draft(one) for one in templates]
    with call.writing() as tx:
        ids = issuances.reserve(tx, issuing.spki, drafts)
        ders = finish_all(drafts, signer)
        made = [Evidence(series.facts(*one), one[1]) for one in zip(drafts, ders, strict=True)]
        issuances.complete(tx, zip(ids, made, strict=True))


def revoke(db: Path) -> None:
    """Revoke all that was issued to hosts, in one transaction."""
    from trustctl.commands.invocation import Invocation
    from trustctl.inventory import issuances

    call = Invocation(str(db))
    with call.writing() as tx:
        for one in issuances.search(tx.connection, revoked=False):
            if one.hosts:
                issuances.revoke(tx, one, "superseded")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", count]:
            print(bare(int(count)))
        case ["durable", db, secret]:
            print(durable(Path(db), secret))
        case ["fill", db, secret, count]:
            fill(Path(db), secret, int(count))
        case ["revoke", db]:
            revoke(Path(db))
        case _:
            sys.exit(__doc__)
