"""The parser against an attacker's certificates: facts or InputError, and never anything else."""

from __future__ import annotations

import hashlib
import json
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import certs, odd
from trustctl.errors import InputError
from trustctl.facts.certificate import CertificateFacts, parse_certificate
from trustctl.facts.parser import _NAME_LENGTH, _NAMES_KEPT, _TEXT_LENGTH
from trustctl.facts.text import printable

LENIENT = odd.extension("2.5.29.19", certs.tlv(0x30, certs.tlv(0x01, b"\0")))
"""An extension that the strict library refuses: the lenient one reads the names then."""
HOSTILE = [
    b"\x1b]0;owned\x07.test",
    b"a\0b.test",
    b"a\nmx.evil.test",
    b"${run{/bin/touch /tmp/x}}",
    b"",
    b"*",
    b"-----BEGIN CERTIFICATE-----",
    b"x" * 5000,
    b"a:b,c;d|e'\"`$(id)",
    b"xn--mnchen-3ya.test",
]


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_facts_like_others(name: bytes, lenient: bool) -> None:
    """Both parsers give a hostile dNSName as it stands, and the ordinary one beside it."""
    extensions = [odd.alternative_names(name, b"mx.foo.test"), *([LENIENT] if lenient else [])]
    facts = parse_certificate(odd.altered(certs.self_signed(), extensions=extensions).der)
    assert facts.names == (name.decode()[:_NAME_LENGTH], "mx.foo.test")
    assert facts.problems == ()
    _is_harmless(facts)


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J",
        "a\0b",
        "a\r\nb",
        "${run{x}}",
        "\u202etset.oof",
        "\u2028",
        "\x9b31m",
        "",
        "x" * 9000,
    ],
)
def test_hostile_subjects_are_facts_like_others(text: str) -> None:
    """Whatever the common name holds, it is told, cut at a length, and is no host's name."""
    subject = odd.common_name(text.encode())
    facts = parse_certificate(odd.altered(certs.self_signed(), subject=subject).der)
    assert facts.subject is not None
    assert len(facts.subject) <= _TEXT_LENGTH
    assert facts.names == ("mx.foo.test",)
    assert facts.self_signed
    _is_harmless(facts)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b"\xff\xfe", 0x0C),
        (b"\xed\xa0\x80", 0x0C),
        (b"\xd8\0\0a", 0x1E),
        (b"odd", 0x1E),
        (b"\0\x11\0\0", 0x1C),
        (b"\xff", 0x13),
        (b"\x02\x01", 0x30),
        (b"", 0x05),
    ],
)
def test_a_subject_that_is_no_text(value: bytes, tag: int) -> None:
    """Broken UTF-8, half a surrogate, a SEQUENCE: unreadable, and the rest is still told."""
    made = odd.altered(certs.self_signed(), subject=odd.common_name(value, tag))
    facts = parse_certificate(made.der)
    assert facts.fingerprint == made.fingerprint
    assert facts.spki == made.spki
    assert facts.key_kind == "ec"
    assert facts.not_after is not None
    _is_harmless(facts)


def test_names_in_a_broken_encoding_hide_no_other() -> None:
    """Bytes beyond ASCII in a dNSName are spelt out; the CA flag is still read."""
    extensions = [odd.alternative_names(b"\xff.test", b"mx.foo.test"), LENIENT]
    facts = parse_certificate(odd.altered(certs.self_signed(), extensions=extensions).der)
    assert facts.names == ("\\xff.test", "mx.foo.test")
    assert facts.is_ca is False


def test_duplicate_extensions() -> None:
    """An extension twice: the strict library refuses all of them, and the names are still told."""
    one, two = odd.alternative_names(b"mx.foo.test"), odd.alternative_names(b"mx.bar.test")
    facts = parse_certificate(odd.altered(certs.self_signed(), extensions=[one, two]).der)
    assert facts.names == ("mx.foo.test", "mx.bar.test")
    assert facts.is_ca is True


def test_names_that_are_broken_are_not_silently_none() -> None:
    """An unreadable subjectAltName is a problem that is named."""
    broken = odd.extension("2.5.29.17", b"\x30\x7f\x00")
    facts = parse_certificate(odd.altered(certs.self_signed(), extensions=[broken]).der)
    assert facts.names == ()
    assert "its names cannot be read" in facts.problems


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
def test_ten_thousand_names(lenient: bool) -> None:
    """Only so many are kept, and it is said."""
    many = odd.alternative_names(*(b"%d.foo.test" % number for number in range(10_000)))
    extensions = [many, LENIENT] if lenient else [many]
    facts = parse_certificate(odd.altered(certs.self_signed(), extensions=extensions).der)
    assert len(facts.names) == _NAMES_KEPT
    # the common name is one more
    assert f"it has 10001 names; the first {_NAMES_KEPT} are kept" in facts.problems


def test_deep_nesting_is_no_crash() -> None:
    """A hundred thousand levels in an extension and in the subject."""
    deep = certs.tlv(0x30)
    while len(deep) < 300_000:
        deep = certs.tlv(0x30, deep)
    base = certs.self_signed()
    facts = parse_certificate(odd.altered(base, extensions=[odd.extension("2.5.29.17", deep)]).der)
    assert facts.key_kind == "ec"
    assert parse_certificate(odd.altered(base, subject=deep).der).spki == base.spki


def test_a_strict_reader_of_warnings_changes_nothing() -> None:
    """With warnings as errors (as this suite runs) a negative serial is still no crash."""
    made = odd.altered(certs.self_signed(), serial=b"\x02\x01\x80")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse_certificate(made.der).serial == "-80"


@pytest.mark.parametrize(
    "data",
    [b"", b"0", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\0", b"\0" * 1000, b"\xff" * 1000],
)
def test_what_is_no_certificate_at_all(data: bytes) -> None:
    """The one error, with what to give instead."""
    with pytest.raises(InputError, match=r"no X\.509 certificate") as caught:
        parse_certificate(data)
    assert caught.value.hint == "give PEM or DER of one"


def test_a_revocation_list_and_a_request_are_no_certificates() -> None:
    """Signed things of much the same shape are not taken for a certificate without a key."""
    key = certs.self_signed().key_pem
    request = certs.openssl(
        "req", "-new", "-key", "/dev/stdin", "-subj", "/CN=x", "-outform", "DER", stdin=key
    )
    body, algorithm, signature = odd.parts(certs.self_signed().der)
    moment = certs.tlv(0x17, b"260101000000Z")
    fields = [b"\x02\x01\x01", algorithm, certs.tlv(0x30), moment, moment, certs.tlv(0x30)]
    revoked = certs.tlv(0x30, certs.tlv(0x30, *fields), algorithm, signature)
    for one in (request, revoked, body):
        with pytest.raises(InputError, match=r"no X\.509 certificate"):
            parse_certificate(one)


BASES = [
    certs.self_signed("mx.foo.test", ca=False).der,
    certs.issue(certs.authority(), ("mx.foo.test", "192.0.2.1")).der,
    certs.self_signed(key="ed25519").der,
    certs.self_signed(key="rsa1024", signed_with="sha1").der,
    odd.altered(certs.self_signed(), version=b"", extensions=()).der,
    odd.altered(certs.self_signed(), extensions=[LENIENT, odd.alternative_names(b"a.test")]).der,
]
Change = tuple[int, int, bytes]
CHANGES = st.lists(
    st.tuples(st.integers(0, 1200), st.integers(0, 3), st.binary(max_size=4)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(BASES), CHANGES)
def test_any_mutation_is_read_or_refused(base: bytes, changes: list[Change]) -> None:
    """Bytes replaced, removed and inserted anywhere: facts, or InputError, and nothing else."""
    data = bytearray(base)
    for at, remove, insert in changes:
        at %= len(data) + 1
        data[at : at + remove] = insert
    _read_or_refused(bytes(data))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(BASES), st.data())
def test_any_value_under_a_right_length_is_read_or_refused(
    base: bytes, data: st.DataObject
) -> None:
    """Same-length changes get past the outer shape: most of these are read."""
    der = bytearray(base)
    for _ in range(data.draw(st.integers(1, 5))):
        der[data.draw(st.integers(4, len(der) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(der))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Noise is refused."""
    _read_or_refused(data)


def _read_or_refused(data: bytes) -> None:
    try:
        facts = parse_certificate(data)
    except InputError:
        return
    assert facts.fingerprint == hashlib.sha256(data).hexdigest()
    _is_harmless(facts)


def _is_harmless(facts: CertificateFacts) -> None:
    """Text that a database takes (no lone surrogate), and problems in our own words."""
    json.dumps([facts.subject, facts.issuer, *facts.names], ensure_ascii=False).encode()
    assert all(printable(one) == one for one in facts.problems)
