"""This machine's public CAs, to recognise one that was pinned by mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.certs import Made
from tests.tools import require
from trustctl.intake.pem import split_certificates
from trustctl.intake.roots import FOLDER, public_roots


def test_fingerprints_and_keys_of_all_below_a_folder(tmp_path: Path, foo: Made, bar: Made) -> None:
    """Each certificate by its fingerprint and its SPKI pin, in folders too; one broken file, a
    directory and a dangling link hide no other."""
    (tmp_path / "mozilla").mkdir()
    (tmp_path / "mozilla" / "foo.crt").write_bytes(foo.pem)
    (tmp_path / "bar.crt").write_bytes(bar.der)
    (tmp_path / "broken.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "key.crt").write_bytes(foo.key_pem)
    (tmp_path / "folder.crt").mkdir()
    (tmp_path / "dangling.crt").symlink_to(tmp_path / "absent")
    (tmp_path / "README").write_bytes(bar.pem)
    assert public_roots(tmp_path) == {foo.fingerprint, foo.spki, bar.fingerprint, bar.spki}


def test_a_machine_without_them(tmp_path: Path) -> None:
    """No folder, no roots, no error."""
    assert public_roots(tmp_path / "absent") == frozenset()
    assert public_roots(tmp_path) == frozenset()


def test_the_form_of_other_distributions(tmp_path: Path, foo: Made, bar: Made) -> None:
    """p11-kit's file has many in one, with attributes around each; several folders count."""
    around = b'[p11-kit-object-v1]\nlabel: "Foo"\ntrusted: true\n'
    (tmp_path / "ca-bundle.trust.p11-kit").write_bytes(around + foo.pem + around + bar.pem)
    assert public_roots(tmp_path / "absent", tmp_path) == {
        foo.fingerprint, foo.spki, bar.fingerprint, bar.spki,
    }  # fmt: skip


def test_debians_own() -> None:
    """All of them are read, the eight with negative serials too."""
    if not FOLDER.is_dir():
        require("update-ca-certificates")
    files = list(FOLDER.rglob("*.crt"))
    found = public_roots()
    assert len(files) > 100
    assert len(found) > len(files)
    der = split_certificates(files[0].read_bytes(), "root")[0]
    assert hashlib.sha256(der).hexdigest() in found
