"""Rows as additions: what was compared is vouched for, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs
from tests.certs import Made
from trustctl.errors import InputError, MismatchError, TrustctlError, UsageError
from trustctl.facts.addition import (
    Addition,
    Imported,
    NewDistrust,
    NewProtection,
    NewSetting,
    NewVouch,
)
from trustctl.facts.fingerprint import colons
from trustctl.intake.additions import read_addition
from trustctl.intake.rows import DISTRUST_FIELDS, FIELDS, INBOUND_FIELDS, SETTING_FIELDS

NOW = 1_800_000_000
ACTOR = "root@host"


def read(row: dict[str, Any], folder: Path | str = "/nowhere") -> Imported:
    """What the row asks for."""
    return read_addition(row, folder=str(folder), actor=ACTOR, now=NOW)


def addition(row: dict[str, Any], folder: Path | str = "/nowhere") -> Addition:
    """The row as an addition."""
    found = read(row, folder)
    assert isinstance(found, Addition)
    return found


def test_a_whole_row(foo: Made) -> None:
    """Every field, in any spelling that the command line takes."""
    found = addition(
        {
            "peer": "Foo",
            "domains": ["FOO.test", "münchen.test."],
            "mx_hosts": "MX.foo.test; mx2.foo.test",
            "role": "host",
            "certificate": foo.pem.decode(),
            "fingerprint": f"SHA256 Fingerprint={colons(foo.fingerprint)}",
            "vouched_by": "Ann <ann@bar.test>",
            "via": "Phone",
            "note": "spoke to Bob",
            "expires": "30d",
        }
    )
    assert (found.peer, found.role, found.chain) == ("foo", "host", ())
    assert found.domains == ("foo.test", "xn--mnchen-3ya.test")
    assert found.mx_hosts == ("mx.foo.test", "mx2.foo.test")
    assert found.certificate.der == foo.der
    assert found.certificate.facts.fingerprint == foo.fingerprint
    assert found.vouches == (
        NewVouch("Ann <ann@bar.test>", "phone", "spoke to Bob", NOW + 30 * 86400),
    )


def test_without_a_fingerprint_the_pin_is_pending(foo: Made) -> None:
    """No vouch is made up; nobody can be named for what was not compared."""
    row = {"peer": "foo", "certificate": foo.pem.decode()}
    assert addition(row).vouches == ()
    with pytest.raises(InputError, match="nobody can vouch for what was not compared"):
        read(row | {"vouched_by": "Ann <ann@bar.test>"})


def test_who_is_named_by_default(foo: Made) -> None:
    """The importing user vouches for a fingerprint that names nobody; an SPKI pin is one too."""
    for value in (foo.fingerprint, f"spki:{foo.spki}", foo.spki):
        row = {"peer": "foo", "certificate": foo.pem.decode(), "fingerprint": value}
        assert addition(row).vouches == (NewVouch(ACTOR, "unspecified"),)


def test_another_fingerprint_is_a_mismatch(foo: Made, bar: Made) -> None:
    """Another certificate's, an empty one, and an SPKI pin said to be the certificate's."""
    row = {"peer": "foo", "certificate": foo.pem.decode()}
    for value in (bar.fingerprint, f"spki:{foo.fingerprint}", f"sha256:{foo.spki}"):
        with pytest.raises(MismatchError):
            read(row | {"fingerprint": value})
    with pytest.raises(UsageError, match="this has 0"):
        read(row | {"fingerprint": ""})
    with pytest.raises(UsageError, match="SHA-1"):
        read(row | {"fingerprint": "0" * 40})


def test_a_certificate_by_its_path(tmp_path: Path, foo: Made) -> None:
    """Relative to the import file's folder, or absolute; the chain comes along, each once."""
    root = certs.authority()
    leaf = certs.issue(root)
    (tmp_path / "peer.pem").write_bytes(leaf.pem + root.pem + leaf.pem)
    (tmp_path / "-").write_bytes(foo.der)
    for path in ("peer.pem", str(tmp_path / "peer.pem")):
        found = addition({"peer": "foo", "certificate": path}, tmp_path)
        assert found.certificate.der == leaf.der
        assert [one.der for one in found.chain] == [root.der]
    # never standard input
    assert addition({"peer": "foo", "certificate": "-"}, tmp_path).certificate.der == foo.der


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("absent.pem", "no such file or directory"),
        (".", "is a directory"),
        ("", "is a directory"),
        ("/dev/zero", "is a device or a socket"),
        ("a\0b", "is not a file name"),
        ("\ud800", "is not a file name"),
        ("MIIBszCCAVmg", "no such file or directory"),
    ],
)
def test_a_path_that_is_no_certificate(tmp_path: Path, path: str, message: str) -> None:
    """Named, whatever it is."""
    with pytest.raises(InputError, match=message):
        read({"peer": "foo", "certificate": path}, tmp_path)


def test_a_private_key_is_refused(tmp_path: Path, foo: Made) -> None:
    """In the cell and in the file."""
    (tmp_path / "key.pem").write_bytes(foo.key_pem)
    for value in (foo.key_pem.decode(), "key.pem"):
        with pytest.raises(InputError, match="PRIVATE KEY"):
            read({"peer": "foo", "certificate": value}, tmp_path)


def test_an_authority_has_to_be_one() -> None:
    """CA:FALSE is refused; a real CA is not."""
    root, leaf = certs.authority(), certs.self_signed(ca=False)
    row = {"peer": "foo", "role": "authority"}
    with pytest.raises(UsageError, match="this certificate is no CA"):
        read(row | {"certificate": leaf.pem.decode()})
    assert addition(row | {"certificate": root.pem.decode()}).role == "authority"


def test_domains_alone() -> None:
    """A peer without a certificate: its domains are protected, and their mail waits."""
    row = {"peer": "foo", "domains": "foo.test, bar.test"}
    assert read(row) == NewProtection("foo", ("foo.test", "bar.test"))
    for field in ("fingerprint", "vouched_by", "role", "via", "expires"):
        with pytest.raises(InputError, match=f"{field} without a certificate"):
            read(row | {field: "x"})


def test_distrust_and_settings(foo: Made) -> None:
    """The other kinds of lines that ``dump`` writes."""
    assert read({"distrust": foo.fingerprint, "reason": "stolen"}) == NewDistrust(
        "fingerprint", foo.fingerprint, "stolen"
    )
    assert read({"distrust": foo.spki, "kind": "spki"}) == NewDistrust("spki", foo.spki, "")
    assert read({"setting": "vouches_required", "value": "2"}) == NewSetting(
        "vouches_required", "2"
    )
    with pytest.raises(UsageError, match="neither fingerprint nor spki"):
        read({"distrust": foo.spki, "kind": "key"})
    with pytest.raises(UsageError, match="SHA-1"):
        read({"distrust": "0" * 40})


@pytest.mark.parametrize(
    ("kind", "prefix", "meant"),
    [
        (None, "spki:", "spki"),
        (None, "sha256:", "fingerprint"),
        ("spki", "spki:", "spki"),
        ("spki", "", "spki"),
        ("fingerprint", "sha256:", "fingerprint"),
        ("fingerprint", "spki:", None),
        ("spki", "sha256:", None),
    ],
)
def test_a_distrust_is_of_the_kind_that_it_says(
    foo: Made, kind: str | None, prefix: str, meant: str | None
) -> None:
    """A key's pin is never distrusted as a certificate's: that would distrust nothing."""
    row = {"distrust": prefix + foo.spki} | ({} if kind is None else {"kind": kind})
    if meant is None:
        with pytest.raises(UsageError, match="is not what distrust gives"):
            read(row)
    else:
        assert read(row) == NewDistrust(meant, foo.spki, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "peer is missing"),
        ({"peer": 5}, "peer is not a text"),
        ({"peer": None}, "peer is not a text"),
        ({"peer": "../x"}, "is not a peer's name"),
        ({"peer": "foo", "domains": 5}, "domains is not a list of texts"),
        ({"peer": "foo", "domains": ["foo.test", 5]}, "domains is not a list of texts"),
        ({"peer": "foo", "domains": {"foo.test": 1}}, "domains is not a list of texts"),
        ({"peer": "foo", "domains": None}, "domains is not a list of texts"),
        ({"peer": "foo", "domains": "${run{x}}.test"}, "is not a domain"),
        ({"peer": "foo", "mx_hosts": "192.0.2.1"}, "is an address, not a host name"),
        ({"peer": "foo", "certificate": None}, "certificate is not a text"),
        ({"peer": "foo", "certificate": ["x"]}, "certificate is not a text"),
        ({"peer": "foo", "certificate": "x", "role": "root"}, "neither host nor authority"),
        ({"peer": "foo", "certificate": "-----BEGIN"}, "certificate"),
        ({"peer": "foo", "certificate": "-----BEGIN\ud800"}, "certificate"),
        ({"setting": "x"}, "value is missing"),
        ({"setting": 1, "value": "2"}, "setting is not a text"),
        ({"distrust": 7}, "distrust is not a text"),
    ],
)
def test_a_row_that_is_wrong(row: dict[str, Any], message: str) -> None:
    """Named for what it is."""
    with pytest.raises(TrustctlError, match=message):
        read(row)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("vouched_by", "", "may not be empty"),
        ("vouched_by", "Ann\x1b[2J", "control or invisible"),
        ("via", "ph\none?", "a few plain words"),
        ("note", "a\nb", "control or invisible"),
        ("expires", "tomorrow", "is not a time"),
        ("expires", 5, "expires is not a text"),
    ],
)
def test_a_vouch_that_is_wrong(foo: Made, field: str, value: object, message: str) -> None:
    """Who, how, why and until when are held to the command line's rules."""
    row = {"peer": "foo", "certificate": foo.pem.decode(), "fingerprint": foo.fingerprint}
    with pytest.raises(TrustctlError, match=message):
        read(row | {field: value})


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.text(max_size=9))
)


@given(
    st.dictionaries(
        st.sampled_from((*FIELDS, *DISTRUST_FIELDS, *SETTING_FIELDS, *INBOUND_FIELDS)), VALUES
    ),
    st.booleans(),
)
def test_any_row_is_read_or_refused(row: dict[str, Any], named: bool) -> None:
    """Whatever JSON gives: nothing but our own error."""
    try:
        read(row | ({"peer": "foo"} if named else {}))
    except TrustctlError:
        return
