"""Tests of trustctl.wire.publicca: what a public CA, or a named authority, vouches for."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs, odd
from tests.wire import webpki
from trustctl.facts import wire
from trustctl.facts.text import printable
from trustctl.wire import publicca  # pytest takes testify for a test

NOW = int(time.time())
ROOT = webpki.root("Public Root")
MIDDLE = webpki.intermediate(ROOT, "Public Issuing CA")
LEAF = webpki.host(MIDDLE, "mx.foo.test")
CHAIN = (LEAF.der, MIDDLE.der)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public CAs: ours, between two others and what is no certificate."""
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    broken = certs.pem(b"\x30\x03\x02\x01\x01")
    others = [webpki.root(f"Other {number}").pem for number in range(2)]
    path.write_bytes(b"# roots\n" + others[0] + broken + ROOT.pem + b"\n\n" + others[1])
    return path


def said(
    chain: Sequence[bytes], roots: Path, host: str = "mx.foo.test", now: int = NOW
) -> wire.Testimony:
    """What is said: a line that any terminal may have."""
    found = publicca.testify(chain, host, roots, now)
    assert found.kind == "public-ca"
    assert printable(found.detail, 250) == found.detail
    return found


def test_a_public_ca_accepts_its_hosts(roots: Path) -> None:
    """With its intermediate, whatever else is presented; it is told which root that was."""
    found = said(CHAIN, roots)
    assert (found.verdict, found.detail) == ("supports", "accepted for mx.foo.test: Public Root")
    assert said((LEAF.der, b"garbage", certs.self_signed().der, MIDDLE.der), roots).verdict == (
        "supports"
    )
    wild = webpki.host(MIDDLE, "*.foo.test")
    assert said((wild.der, MIDDLE.der), roots).verdict == "supports"


def test_an_address_is_accepted_as_one(roots: Path) -> None:
    """By its own kind of name (RFC 5280, 4.2.1.6)."""
    leaf = webpki.host(MIDDLE, "192.0.2.1")
    assert said((leaf.der, MIDDLE.der), roots, "192.0.2.1").verdict == "supports"
    assert said((leaf.der, MIDDLE.der), roots, "192.0.2.2").verdict == "contradicts"


@pytest.mark.parametrize(
    ("leaf", "what"),
    [
        (webpki.host(MIDDLE, "mx.bar.test"), "other names:"),
        (webpki.host(MIDDLE, "*.bar.test"), "other names:"),
        (webpki.host(MIDDLE, "mx.foo.test", not_before=NOW - 60 * 86400, days=30), "another time:"),
        (webpki.host(MIDDLE, "mx.foo.test", not_before=NOW + 86400), "another time:"),
        (
            webpki.host(MIDDLE, "mx.bar.test", not_before=NOW - 60 * 86400, days=30),
            "other names and another time:",
        ),
    ],
    ids=["name", "wildcard", "expired", "early", "both"],
)
def test_a_public_ca_that_signed_something_else_contradicts(
    roots: Path, leaf: certs.Made, what: str
) -> None:
    """Its certificate is for other names, or for another time, and it is told which."""
    found = said((leaf.der, MIDDLE.der), roots)
    assert found.verdict == "contradicts"
    assert found.detail == f"signed by a public CA, but for {what} Public Root"


def _absent() -> dict[str, tuple[bytes, ...]]:
    twin_root = webpki.root("Public Root")
    twin = webpki.intermediate(twin_root, "Public Issuing CA")
    forged = webpki.host(twin, "mx.foo.test")
    return {
        "self-signed": (certs.self_signed("mx.foo.test").der,),
        "without names": (certs.self_signed((), subject="mx.foo.test").der,),
        "private CA": (certs.issue(certs.authority(), "mx.foo.test").der,),
        "same names, other keys": (forged.der, twin.der, twin_root.der),
        "same names, the real chain above": (forged.der, MIDDLE.der, ROOT.der),
        "no intermediate": (LEAF.der,),
        "signed by a host": (webpki.host(LEAF, "mx.foo.test").der, LEAF.der, MIDDLE.der),
        "another's leaf in front": (certs.self_signed("mx.foo.test").der, LEAF.der, MIDDLE.der),
    }


@pytest.mark.parametrize("chain", _absent().values(), ids=_absent())
def test_what_no_public_ca_signed_is_absent(roots: Path, chain: tuple[bytes, ...]) -> None:
    """Most peers need none. A root that is presented is no root; names prove nothing."""
    found = said(chain, roots)
    assert (found.verdict, found.detail) == ("absent", "no public CA vouches for it")


def test_what_cannot_be_checked_is_inconclusive(roots: Path, tmp_path: Path) -> None:
    """Nothing presented, bytes that are no certificate, no roots: none of that is support, nor
    proof that there is none."""
    assert said((), roots).verdict == "inconclusive"
    assert said((b"\x30\x00", MIDDLE.der), roots).verdict == "inconclusive"
    missing = said(CHAIN, tmp_path / "missing\x1b[2J.pem")
    assert (missing.verdict, "no such file" in missing.detail) == ("inconclusive", True)
    assert said(CHAIN, tmp_path).verdict == "inconclusive"
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    assert said(CHAIN, empty).verdict == "inconclusive"


def test_roots_are_read_anew_where_they_changed(tmp_path: Path) -> None:
    """A root that was taken out counts no more."""
    path = tmp_path / "roots.pem"
    path.write_bytes(ROOT.pem)
    assert said(CHAIN, path).verdict == "supports"
    path.write_bytes(webpki.root("Other").pem)
    os.utime(path, (1, 1))
    assert said(CHAIN, path).verdict == "absent"


def test_a_name_of_a_root_is_printed_harmlessly(tmp_path: Path) -> None:
    """Some roots' names are not ASCII, and a file of roots may hold any."""
    root = webpki.root("Evil \x1b[2J\u202e" + "x" * 40)
    path = tmp_path / "roots.pem"
    path.write_bytes(root.pem)
    found = said((webpki.host(root, "mx.foo.test").der,), path)
    assert found.verdict == "supports"
    assert "\\x1b" in found.detail


def test_a_maze_of_intermediates_ends(roots: Path) -> None:
    """Hundreds with the same name and key, each of which may have signed each: the library stops
    after so many signatures, and few are given to it."""
    key = certs.new_key()
    top = webpki.root("Maze")
    maze = [
        webpki.intermediate(top, "Maze", key=key, serial=number + 1).der for number in range(200)
    ]
    leaf = webpki.host(certs.Made(maze[0], key), "mx.foo.test")
    assert said((leaf.der, *maze), roots).verdict in ("absent", "inconclusive")
    assert publicca.is_authority(ROOT.der, (leaf.der, *maze), "mx.foo.test", NOW) is False


def test_a_certificate_that_the_library_refuses_is_inconclusive(roots: Path) -> None:
    """An explicit cA FALSE, as 13 % of real hosts have it: a public CA may well vouch for it."""
    names = odd.alternative_names(b"mx.foo.test")
    by_issuer = certs.Made(LEAF.der, MIDDLE.key)
    explicit = odd.extension("2.5.29.19", bytes.fromhex("3003010100"))
    leaf = odd.altered(by_issuer, extensions=[names, explicit])
    found = said((leaf.der, MIDDLE.der), roots)
    assert (found.verdict, "cannot be checked" in found.detail) == ("inconclusive", True)


@given(st.lists(st.binary(max_size=200), max_size=4), st.text(max_size=80), st.integers())
def test_no_bytes_raise(chain: list[bytes], host: str, now: int) -> None:
    """Any chain, any host, any moment."""
    path = Path(__file__)  # a file without certificates
    assert publicca.testify(chain, host, path, now).verdict == "inconclusive"
    assert not publicca.is_authority(ROOT.der, chain, host, now)
    assert not publicca.is_authority(b"".join(chain), CHAIN, host, now)


@given(
    host=st.text(max_size=30),
    now=st.integers(-(10**13), 10**13),
    cut=st.integers(0, 3000),
    byte=st.integers(0, 255),
)
def test_a_changed_certificate_is_not_supported(host: str, now: int, cut: int, byte: int) -> None:
    """One byte of the host's certificate is another: its signature no longer holds."""
    at = cut % len(LEAF.der)
    changed = LEAF.der[:at] + bytes((byte,)) + LEAF.der[at + 1 :]
    if changed != LEAF.der:
        assert not publicca.is_authority(MIDDLE.der, (changed,), "mx.foo.test", NOW)
    assert not publicca.is_authority(MIDDLE.der, (LEAF.der,), f"{host}.x", now)


def test_an_authority_is_asked_as_dane_ta_needs_it() -> None:
    """A private CA without what the CA/Browser Forum asks for; its key must be allowed to sign."""
    ca = certs.authority("Foo CA")
    leaf = certs.issue(ca, "mx.foo.test")
    assert publicca.is_authority(ca.der, (leaf.der, ca.der), "mx.foo.test", NOW)
    assert not publicca.is_authority(ca.der, (leaf.der, ca.der), "mx.bar.test", NOW)
    assert not publicca.is_authority(ca.der, (leaf.der,), "mx.foo.test", NOW + 400 * 86400)
    assert not publicca.is_authority(b"", (leaf.der, ca.der), "mx.foo.test", NOW)
    assert publicca.is_authority(MIDDLE.der, CHAIN, "mx.foo.test", NOW)
    for unfit in (
        webpki.root("No signing", key_cert_sign=False),
        certs.self_signed("No CA", ca=False),
        certs.self_signed("No CA", ca=None),
    ):
        below = certs.issue(unfit, "mx.foo.test")
        assert not publicca.is_authority(unfit.der, (below.der,), "mx.foo.test", NOW)


def test_the_roots_of_this_system_are_read() -> None:
    """Debian's, of which some have a negative serial number or a name that is not ASCII; a chain of
    ours is none of theirs."""
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    if not system.exists() or shutil.which("openssl") is None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("ca-certificates is missing")
        pytest.skip("ca-certificates is missing")
    assert said(CHAIN, system).verdict == "absent"
