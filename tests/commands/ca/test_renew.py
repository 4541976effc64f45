"""Tests of ``trustctl ca renew``: the next pair, in time, in the place of the one before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.authority import OwnCa, made
from tests.certs import Made
from tests.commands.ca.verifiers import both, openssl
from tests.tools import require, require_root

MX, MX2 = "mx.bar.test", "mx2.bar.test"


def pair(folder: Path, host: str = MX) -> Made:
    """A host's certificate and key, which have to fit."""
    leaf, _above = made(folder / f"{host}.crt")
    assert leaf.certificate.public_key() == leaf.key.public_key()
    return leaf


@pytest.fixture
def folder(ca: OwnCa, out: Path) -> Path:
    """The files of two hosts, one with an alias."""
    ca("issue", f"{MX},mail.bar.test", MX2, "--out", str(out))
    return out


def test_the_same_names_and_another_key(ca: OwnCa, folder: Path) -> None:
    """Both files are replaced, the other host's are not; what was before stays valid."""
    require("certtool")
    before, other = pair(folder), pair(folder, MX2)
    root = ca.certificate("root")
    kept = Path(ca.console.write("old.crt", (folder / f"{MX}.crt").read_bytes()))
    ca("renew", MX, "--out", str(folder))
    after = pair(folder)
    assert after.spki != before.spki
    assert pair(folder, MX2).fingerprint == other.fingerprint
    chain = folder / f"{MX}.crt"
    assert both(root, chain)
    assert openssl(root, chain, "-verify_hostname", "mail.bar.test")
    assert both(root, kept)
    assert sorted(one for one in os.listdir(folder) if one.endswith((".key", ".crt"))) == sorted(
        f"{host}{suffix}" for host in (MX, MX2) for suffix in (".key", ".crt")
    )
    ca.console("journal", "verify")


def test_the_same_key(ca: OwnCa, folder: Path) -> None:
    """--same-key keeps it, and refuses one that was never certified."""
    key = (folder / f"{MX}.key").read_bytes()
    ca("renew", MX, "--same-key", "--out", str(folder))
    assert (folder / f"{MX}.key").read_bytes() == key
    pair(folder)
    (folder / f"{MX}.key").write_bytes((folder / f"{MX2}.key").read_bytes())
    ca.console.fails("ca", "renew", MX, "--same-key", "--out", str(folder), code=4)


def test_owner_group_and_mode_are_kept(ca: OwnCa, folder: Path) -> None:
    """As an administrator has set them for another MTA."""
    require_root()
    for suffix, mode in ((".key", 0o640), (".crt", 0o664)):
        path = folder / f"{MX}{suffix}"
        os.chown(path, 65534, 65534)
        path.chmod(mode)
    ca("renew", MX, "--out", str(folder))
    for suffix, mode in ((".key", 0o640), (".crt", 0o664)):
        info = (folder / f"{MX}{suffix}").stat()
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (65534, 65534, mode)


def test_what_is_due(ca: OwnCa, folder: Path) -> None:
    """--all takes what ends in time, and says whose key is elsewhere; the rest stays as it is."""
    ca("issue", "short.bar.test", "--days", "20", "--out", str(folder))
    ca("issue", "away.bar.test", "--days", "20", "--out", str(folder / "away"))
    before = pair(folder)
    ran = ca("renew", "--all", "--out", str(folder), "--json")
    assert [one["host"] for one in ran.json] == ["short.bar.test"]
    assert "away.bar.test: its key is not in" in ran.err
    assert pair(folder).fingerprint == before.fingerprint
    again = ca("renew", "--all", "--out", str(folder / "away"), "--json")
    assert [one["host"] for one in again.json] == ["away.bar.test"]
    assert ca("renew", "--all", "--out", str(folder)).out.startswith("nothing to renew")
    assert ca("renew", "--all", "--out", str(folder), "--json").json == []
    assert len(ca("renew", "--all", "--before", "400d", "--out", str(folder), "--json").json) == 3


def test_what_was_revoked_is_not_renewed(ca: OwnCa, folder: Path) -> None:
    """Its host is issued for anew."""
    ca("revoke", MX, "--reason", "superseded", "--yes")
    ca.console.fails("ca", "renew", MX, "--out", str(folder), code=5)
    assert len(ca("renew", "--all", "--before", "400d", "--out", str(folder), "--json").json) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        ((MX, "--all"), 2),
        (("--all", "--before", "someday"), 2),
        (("mx3.bar.test",), 5),
        ((MX, "mx3.bar.test"), 5),
        ((MX, "--days", "999"), 2),
        ((MX, "--out", "absent"), 7),
    ],
    ids=str,
)
def test_what_is_refused(ca: OwnCa, folder: Path, words: tuple[str, ...], code: int) -> None:
    """Nothing is issued, no file is changed."""
    out = () if "--out" in words else ("--out", str(folder))
    ca.console.fails("ca", "renew", *words, *out, code=code)


def test_files_that_are_not_as_they_were(ca: OwnCa, folder: Path) -> None:
    """A missing key, a link, a key that everybody may read: refused before anything is signed."""
    key = folder / f"{MX}.key"
    key.chmod(0o644)
    ca.console.fails("ca", "renew", MX, "--out", str(folder), code=7)
    key.rename(folder / "moved")
    ca.console.fails("ca", "renew", MX, "--out", str(folder), code=7)
    key.symlink_to(folder / "moved")
    ca.console.fails("ca", "renew", MX, MX2, "--out", str(folder), code=7)


def test_after_a_rollover_the_next_issuing_ca_signs(ca: OwnCa, folder: Path) -> None:
    """Hosts of the one before are found, and get the new chain."""
    _leaf, above = made(folder / f"{MX}.crt")
    ca("rollover", "issuing", "--yes")
    ca("renew", MX, "--out", str(folder))
    assert made(folder / f"{MX}.crt")[1] != above
    assert openssl(ca.certificate("root"), folder / f"{MX}.crt")
