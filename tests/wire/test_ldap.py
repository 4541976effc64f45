"""LDAP up to the handshake."""

from __future__ import annotations

import pytest

from tests.wire.said import begun, ended, ldap
from trustctl.facts.der import encode, encode_integer


def test_the_request_is_the_standard_s() -> None:
    """An ExtendedRequest with the name of StartTLS and no value (RFC 4511, 4.14.1)."""
    asked = begun("ldap").opening()
    assert asked == b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"


def test_the_answer_may_name_the_operation_and_be_oddly_long() -> None:
    """Servers send lengths in four bytes where one would do, and the name back."""
    name = encode(0x8A, b"1.3.6.1.4.1.1466.20037")
    response = encode(0x78, b"\x0a\x01\x00\x04\x00\x04\x00", name)
    body = encode_integer(1) + response
    leading = begun("ldap", b"\x30\x84" + len(body).to_bytes(4, "big") + body)
    assert leading.ready


@pytest.mark.parametrize(
    ("said", "outcome", "detail", "transient"),
    [
        (ldap(2, b"unknown operation"), "not-offered", 'result 2, "unknown operation"', False),
        (ldap(1), "declined", "it refuses StartTLS: result 1", False),
        (ldap(52), "declined", "it refuses StartTLS: result 52", True),
        (ldap(52, number=0), "declined", "it ends the session: result 52", True),
        (ldap(0, number=0), "declined", "it ends the session: result 0", False),
        (ldap(0, number=2), "garbled", "it speaks no LDAP", False),
        (ldap(1, b"\x1b[2J\r\nok"), "declined", r"\x1b[2J\x0d\x0aok", False),
        (encode(0x30), "garbled", "it speaks no LDAP", False),
        (encode(0x30, encode_integer(1), encode(0x61, b"\x0a\x01\x00")), "garbled", "LDAP", False),
        (encode(0x30, encode_integer(1), encode(0x78, b"\x0a\x7f")), "garbled", "no LDAP", False),
        (encode(0x30, encode_integer(1), encode(0x78)), "garbled", "it speaks no LDAP", False),
        (b"\x30\x80\x02\x01\x01", "garbled", "no definite length", False),
        (b"\x30\x89" + bytes(9), "garbled", "no definite length", False),
        (b"\x30\x84\x7f\xff\xff\xff", "garbled", "more than 4096 bytes", False),
        (b"220 mx\r\n", "garbled", "it speaks no LDAP", False),
    ],
)  # fmt: skip
def test_other_answers(said: bytes, outcome: str, detail: str, transient: bool) -> None:
    """Each ends it, with its words made harmless."""
    assert ended("ldap", said, outcome=outcome, detail=detail).transient is transient
