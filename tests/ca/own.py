"""Our own authorities and hosts' certificates, made by the core alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509

from tests.certs import Made
from trustctl.ca.draft import authority_name, draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import PrivateKey, generate, spki_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.facts.issuance import Draft, KeyKind, Template
from trustctl.facts.pem import pem

NOW = int(time.time())
DAY = 86400
DOMAIN = "bar.test"


def template(profile: str = "mta", key: PrivateKey | None = None, **changed: Any) -> Template:
    """A template as the commands fill it in; for a host that is mx.bar.test."""
    found = load(profile)
    key = generate("ecdsa-p256") if key is None else key
    spki = spki_of(key.public_key())
    host = () if found.ca else ("mx.bar.test",)
    name = host[0] if host else authority_name(profile, "our", 1, spki)
    made = Template(found, name, host, spki, new_serial(), NOW - 3600, NOW + found.days * DAY)
    return replace(made, **changed)


@dataclass(frozen=True)
class Own:
    """A root, the issuing CA below it, and their keys."""

    kind: KeyKind
    root: Made
    issuing: Made

    @property
    def above(self) -> tuple[x509.Certificate, ...]:
        """The chain above a host, as lint and the path have it."""
        return (self.issuing.certificate, self.root.certificate)

    def draft(self, wanted: Template) -> Draft:
        """A draft below the issuing CA."""
        return draft(wanted, self.issuing.certificate, self.kind)

    def sign(self, wanted: Template) -> bytes:
        """What the issuing CA makes of a template."""
        return finish(self.draft(wanted), KeySigner(self.issuing.key))  # type: ignore[arg-type]

    def files(self, folder: Path, leaf: bytes) -> tuple[Path, Path, Path]:
        """Root, issuing CA and a host's certificate in files of their own."""
        names = ("root.pem", "issuing.pem", "leaf.pem")
        for name, der in zip(names, (self.root.der, self.issuing.der, leaf), strict=True):
            (folder / name).write_bytes(pem(der))
        return folder / names[0], folder / names[1], folder / names[2]


def own(kind: KeyKind = "ecdsa-p256", *, permitted: tuple[str, ...] | None = (DOMAIN,)) -> Own:
    """A hierarchy as ``ca init`` makes it."""
    root_key, issuing_key = generate(kind), generate(kind)
    root = finish(draft(template("root", root_key), None, kind), KeySigner(root_key))
    above = x509.load_der_x509_certificate(root)
    below = template("issuing", issuing_key, permitted=permitted, not_after=NOW + 1800 * DAY)
    issuing = finish(draft(below, above, kind), KeySigner(root_key))
    return Own(kind, Made(root, root_key), Made(issuing, issuing_key))
