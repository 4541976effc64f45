"""What of a machine trusts the public authorities, and one more of them for a proof."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from pathlib import Path

from trustctl.export.openssl_dir import subject_hash
from trustctl.prove.namespace import Stage

_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where libraries find the public authorities."""
_END = "-----END CERTIFICATE-----"


def cover(stage: Stage, authority: str, named: Iterable[str]) -> None:
    """Let everything that trusts the public authorities trust this one too.

    Args:
        authority: its certificate in PEM.
        named: other files and hashed folders of authorities. They get it if they have one of the
            system's: what holds a partner's own alone stays as it is.
    """
    paths = list(named)
    folders = {os.path.realpath(one) for one in _FOLDERS if os.path.isdir(one)}
    public = {name for one in folders for name in os.listdir(one) if _is_hashed(name)}
    others = {os.path.realpath(one) for one in paths if os.path.isdir(one)} - folders
    folders |= {one for one in others if public & set(os.listdir(one))}
    name = subject_hash(ssl.PEM_cert_to_DER_cert(authority))
    for one in sorted(folders):
        (stage.copy(one) / f"{name}.0").write_text(authority)
    files = {os.path.realpath(one) for one in _FILES if os.path.isfile(one)}
    known = {block for one in files for block in _blocks(one)}
    others = {os.path.realpath(one) for one in paths if os.path.isfile(one)} - files
    files |= {one for one in others if known & _blocks(one)}
    for one in sorted(files):
        stage.file(one, Path(one).read_bytes() + authority.encode("ascii"))


def _blocks(path: str) -> set[str]:
    """The certificates of a file, without the whitespace between their letters."""
    text = Path(path).read_text("ascii", "replace")
    return {"".join(one.rpartition("-----")[2].split()) for one in text.split(_END)[:-1]}


def _is_hashed(name: str) -> bool:
    return len(name) > 9 and name[8] == "." and name[9:].isdigit()
