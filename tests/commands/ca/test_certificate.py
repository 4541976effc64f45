"""Tests of ``trustctl ca certificate``: what people hand to those who are to trust it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.authority import OwnCa
from tests.certs import openssl
from tests.commands.ca import verifiers

MX = "mx.bar.test"


def test_root_and_issuing_ca(ca: OwnCa) -> None:
    """In PEM on stdout, and in a new file that everybody may read; the one signed the other."""
    root, issuing = ca.certificate("root"), ca.certificate("issuing")
    assert verifiers.openssl(root, issuing)
    assert not verifiers.openssl(issuing, root)
    path = ca.console.folder / "out.pem"
    assert ca("certificate", "root", "--out", str(path)).out == f"written: {path}\n"
    assert path.read_bytes() == root.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    ca.console.fails("ca", "certificate", "issuing", "--out", str(path), code=7)


def test_what_was_issued(ca: OwnCa, out: Path) -> None:
    """A host's newest chain, or the one under a serial number, as its server presents it."""
    ca("issue", MX, "--out", str(out))
    first = ca("list", "--json").json[0]["serial"]
    ca("issue", MX, "--out", str(out / "again"))
    assert ca("certificate", MX).out == (out / "again" / f"{MX}.crt").read_text()
    assert ca("certificate", first).out == (out / f"{MX}.crt").read_text()
    ca.console.fails("ca", "certificate", "mx9.bar.test", code=5)


@pytest.mark.parametrize("which", ["issuing", "root"])
def test_nothing_to_print_is_an_error(own: OwnCa, which: str) -> None:
    """Below a root that is elsewhere nothing has been signed yet: no empty file is written."""
    own.init("--offline-root", "--name", "far")
    code = 0 if which == "root" else 5
    path = own.console.folder / "out.pem"
    own("certificate", which, "--out", str(path), code=code)
    assert path.exists() is (which == "root")


def test_a_revoked_issuing_ca_is_not_handed_out(ca: OwnCa) -> None:
    """Only the one after it is."""
    ca("rollover", "issuing", "--yes")
    ca("revoke", "main/issuing-1", "--reason", "superseded", "--yes")
    text = ca("certificate", "issuing").out
    assert text.count("BEGIN") == 1
    subject = openssl("x509", "-noout", "-subject", stdin=text.encode()).decode()
    assert subject.strip().removeprefix("subject=") in (
        f"CN = {one['subject'].removeprefix('CN=')}"
        for one in ca("list", "--authorities", "--json").json
        if one["ca"] == "main/issuing-2"
    )
