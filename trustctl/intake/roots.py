"""The public CAs that this machine has, to recognise one that was pinned by mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trustctl.facts.der import subject_public_key_info
from trustctl.intake.pem import scan

FOLDER = Path("/usr/share/ca-certificates")
"""Where Debian's ca-certificates puts the CAs, whichever of them are switched on."""

SOURCE = Path("/usr/share/pki/ca-trust-source")
"""Where Fedora, Red Hat and openSUSE put them, in p11-kit's files: PEM with attributes around."""

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Those that are switched on, together in one file."""


def public_roots(*folders: Path) -> frozenset[str]:
    """Fingerprints and SPKI pins (64 hex digits) of all CAs under these folders (by default where
    distributions have them); empty without any."""
    found: set[str] = set()
    for folder in folders or (FOLDER, SOURCE):
        for path in sorted([*folder.rglob("*.crt"), *folder.rglob("*.p11-kit")]):
            try:
                data = path.read_bytes()
            except OSError:
                continue  # one broken file hides no other
            for block in scan(data):
                for der in block.ders:
                    found.add(hashlib.sha256(der).hexdigest())
                    found.add(hashlib.sha256(subject_public_key_info(der)).hexdigest())
    return frozenset(found)
