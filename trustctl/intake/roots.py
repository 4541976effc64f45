"""The public CAs that this machine has, to recognise one that was pinned by mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trustctl.errors import InputError
from trustctl.facts.der import subject_public_key_info
from trustctl.intake.pem import split_certificates

FOLDER = Path("/usr/share/ca-certificates")
"""Where Debian's ca-certificates puts the CAs, whichever of them are switched on."""

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Those that are switched on, together in one file."""


def public_roots(folder: Path = FOLDER) -> frozenset[str]:
    """Fingerprints and SPKI pins (64 hex digits) of all CAs under ``folder``; empty without it."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.crt")):
        try:
            certificates = split_certificates(path.read_bytes(), str(path))
        except (OSError, InputError):
            continue  # one broken file hides no other
        for der in certificates:
            found.add(hashlib.sha256(der).hexdigest())
            found.add(hashlib.sha256(subject_public_key_info(der)).hexdigest())
    return frozenset(found)
