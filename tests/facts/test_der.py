"""DER, just enough: lengths that lie are errors, and the key is cut out to the byte."""

from __future__ import annotations

import hashlib

import pytest

from tests import certs, odd
from trustctl.facts.der import certificate_fields, children, element, subject_public_key_info


@pytest.mark.parametrize(
    ("data", "content", "end"),
    [
        (b"\x04\x00", 2, 2),
        (b"\x04\x01x", 2, 3),
        (b"\x04\x81\x80" + b"x" * 128, 3, 131),
        (b"\x04\x82\x00\x01x", 4, 5),
        (b"\x04\x84\x00\x00\x00\x01x", 6, 7),
    ],
)
def test_an_element_ends_where_its_length_says(data: bytes, content: int, end: int) -> None:
    """Short and long lengths, minimal (DER) or not (BER)."""
    assert element(data, 0, len(data)) == (data[0], 0, content, end)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04",
        b"\x04\x01",
        b"\x04\x80\x00\x00",
        b"\x04\x85\x00\x00\x00\x00\x01x",
        b"\x04\x82\x01",
        b"\x04\x84\xff\xff\xff\xff",
    ],
    ids=["empty", "tag alone", "cut", "indefinite", "five bytes", "cut length", "four gigabytes"],
)
def test_a_length_that_lies_is_an_error(data: bytes) -> None:
    """Nothing beyond the limit is ever looked at."""
    with pytest.raises(ValueError, match=r"truncated|length"):
        element(data, 0, len(data))


def test_an_element_may_not_run_over_its_parent() -> None:
    """The limit is the parent's end, not the data's."""
    data = b"\x30\x02\x04\x01xx"
    with pytest.raises(ValueError, match="truncated"):
        children(data, element(data, 0, len(data)))
    good = b"\x30\x03\x04\x01xx"
    assert len(children(good, element(good, 0, len(good)))) == 1


@pytest.mark.parametrize("key", ["p256", "rsa2048", "ed25519", "ml-dsa-65"])
@pytest.mark.parametrize("version", [None, b""], ids=["v3", "v1"])
def test_the_key_is_cut_out_to_the_byte(key: certs.KeyKind, version: bytes | None) -> None:
    """Its SHA-256 is the SPKI pin of the key itself, with and without a version field."""
    made = certs.self_signed(key=key)
    if version is not None:
        _body, algorithm, signature = odd.parts(made.der)
        fields = [made.der[one.start : one.end] for one in certificate_fields(made.der)]
        made = certs.Made(
            certs.tlv(0x30, certs.tlv(0x30, *fields[1:7]), algorithm, signature), made.key
        )
    assert hashlib.sha256(subject_public_key_info(made.der)).hexdigest() == made.spki


def test_bytes_after_a_certificate_make_it_none(foo: certs.Made) -> None:
    """Two certificates in one piece of DER, or a stray line end, are refused."""
    for extra in (b"\n", foo.der):
        with pytest.raises(ValueError, match="no certificate"):
            certificate_fields(foo.der + extra)
    assert certificate_fields(foo.der)


@pytest.mark.parametrize("at", range(7))
def test_each_field_has_its_place(foo: certs.Made, at: int) -> None:
    """A TBSCertificate with a field of another kind is no certificate."""
    fields = [foo.der[one.start : one.end] for one in certificate_fields(foo.der)]
    fields[at] = certs.tlv(0x04, b"x")
    _body, algorithm, signature = odd.parts(foo.der)
    with pytest.raises(ValueError, match="no certificate"):
        certificate_fields(certs.tlv(0x30, certs.tlv(0x30, *fields), algorithm, signature))
