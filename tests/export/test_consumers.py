"""What is exported, read by those for whom it is: each takes a peer and refuses a stranger."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made, pem
from tests.export.stores import (
    BAR,
    FOO,
    PASSWORD,
    STRANGER,
    hostile_peers,
    made,
    odd_peers,
    peers,
    run,
    write,
)  # fmt: skip
from tests.tools import require
from tests.trusts import HOSTILE, hostile, trust, trusted
from trustctl.facts.fingerprint import spoken
from trustctl.facts.words import grid

_KEYTOOL = ("-storepass", PASSWORD.decode(), "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")


def _file(folder: Path, one: Made) -> Path:
    path = folder / f"{one.fingerprint[:16]}.pem"
    path.write_bytes(one.pem)
    return path


def test_openssl_finds_peers_by_hashed_names(tmp_path: Path) -> None:
    """``-CApath`` verifies a peer's certificate, and not a stranger's."""
    current = write(tmp_path, made("openssl-dir", *peers()))
    for one, code in ((FOO, 0), (BAR, 0), (STRANGER, 2)):
        done = run("openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", current,
                   _file(tmp_path, one))  # fmt: skip
        assert done.returncode == code, done


def test_the_hashed_names_are_those_that_openssl_gives(tmp_path: Path) -> None:
    """``openssl rehash`` makes the same names of the same certificates, hostile ones and several of
    one name among them."""
    twins = [certs.self_signed("mx.twin.test", ca=False) for _ in range(3)]
    odd = [
        certs.self_signed("a.test", subject=one) for one in ("Ärger  Über ", "UPPER lower", " x")
    ]
    more = [trust(f"t{at}", trusted(one)) for at, one in enumerate((*twins, *odd))]
    trusts = (*peers(), *more, *hostile_peers())
    files = made("openssl-dir", *trusts)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    ders = {one.fingerprint: one.der for each in trusts for one in each.certificates}
    for name, der in ders.items():
        (theirs / f"{name}.pem").write_bytes(pem(der))
    assert run("openssl", "rehash", theirs).returncode == 0
    hashed = {
        (one.name.partition(".")[0], one.read_bytes())
        for one in theirs.iterdir()
        if one.is_symlink()
    }
    assert {
        (k.partition(".")[0], v.split(b"\n", 1)[1].rstrip() + b"\n") for k, v in files.items()
    } == hashed
    assert {one.name for one in theirs.iterdir() if one.is_symlink()} == files.keys()


@pytest.mark.parametrize("name", ["jks", "pkcs12"])
def test_java_reads_the_store(name: str, tmp_path: Path) -> None:
    """Every certificate is a trusted entry under its peer's name; the password is needed."""
    require("keytool")
    trusts = (*peers(), *hostile_peers())
    current = write(tmp_path, made(name, *trusts, *odd_peers()))
    (store,) = current.iterdir()
    done = run("keytool", "-list", "-keystore", store, *_KEYTOOL)
    assert done.returncode == 0, done
    for each in trusts:
        for one in each.certificates:
            digits = one.fingerprint.upper()
            shown = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
            assert f"{each.peer}-{one.fingerprint[:16]}" in done.stdout
            assert shown in done.stdout
    assert done.stdout.count("trustedCertEntry") >= 2 + len(HOSTILE)
    broken = bytearray(store.read_bytes())
    broken[len(broken) // 2] ^= 1
    store.write_bytes(broken)
    assert run("keytool", "-list", "-keystore", store, *_KEYTOOL).returncode == 1


def test_openssl_reads_a_pkcs12_store(tmp_path: Path) -> None:
    """With the password alone; a store of nobody is no file."""
    current = write(tmp_path, made("pkcs12", *peers()))
    words = ("openssl", "pkcs12", "-in", current / "truststore.p12", "-nokeys", "-passin")
    done = run(*words, f"pass:{PASSWORD.decode()}")
    assert done.returncode == 0, done
    assert FOO.pem.decode() in done.stdout
    assert f"friendlyName: foo-{FOO.fingerprint[:16]}" in done.stdout
    assert run(*words, "pass:wrong").returncode == 1
    assert made("pkcs12", trust("gone")) == {}


def test_known_pins_say_who_a_domains_hosts_are() -> None:
    """Every protected domain, also one that nobody is trusted for."""
    found = json.loads(made("known-pins", *peers())["known-pins.json"])
    assert found["version"] == 1
    assert set(found["domains"]) == {"foo.test", "foo.example", "bar.test", "gone.test"}
    (pin,) = found["domains"]["foo.example"]["pins"]
    assert pin["sha256"] == FOO.fingerprint == hashlib.sha256(FOO.der).hexdigest()
    assert pin["spki_sha256"] == FOO.spki
    assert found["domains"]["gone.test"] == {"peer": "gone", "pins": []}


def test_the_sheet_fits_paper_and_says_who_vouched() -> None:
    """80 columns, a page a peer, the fingerprint in groups and in words, and what people wrote made
    harmless."""
    vouched = replace(trusted(FOO), vouchers=tuple(f"{one} (phone)" for one in HOSTILE))
    many = tuple(f"{'a' * 60}{at}.{'b' * 60}.foo.test" for at in range(9))
    text = made("fingerprints", *peers(), trust("long" * 60, vouched, domains=many))[
        "fingerprints.txt"
    ].decode()
    assert text.count("\f") == 3
    assert "its mail waits" in text.split("\f")[2]
    for line in text.replace("\f", "").split("\n"):
        assert len(line) <= 80, line
        assert line.isprintable()
    page = text.split("\f")[1]
    for line in spoken(FOO.fingerprint).splitlines():
        assert line in page
    for line in grid(FOO.fingerprint):
        assert line in page
    assert page.count("Signature ___") == 1
    assert "vouched for by \\x1b[31mred (phone)" in text


def test_a_hostile_certificate_is_found_by_its_own_hash() -> None:
    """And by nothing that it says."""
    for text in HOSTILE:
        files = made("openssl-dir", trust("foo", trusted(hostile(text))))
        (content,) = files.values()
        assert content.startswith(b"# peer=foo domains=foo.test sha256=")
        assert content.count(b"BEGIN CERTIFICATE") == 1
