"""IMAP up to the handshake."""

from __future__ import annotations

import pytest

from tests.wire.said import GOOD, begun, ended

_GREETED, _OFFERED, _GO = GOOD["imap"]


def test_a_greeting_that_offers_starttls_saves_the_question() -> None:
    """Its capabilities may stand in it (RFC 9051, 7.1)."""
    said = b"* OK [CAPABILITY IMAP4rev2 starttls AUTH=PLAIN] ready\r\n"
    assert begun("imap").receive(said) == b"a2 STARTTLS\r\n"


def test_a_greeting_that_does_not_is_followed_by_it() -> None:
    """What it does not list there it may list when asked."""
    leading = begun("imap")
    assert leading.receive(b"* OK [CAPABILITY IMAP4rev2] ready\r\n") == b"a1 CAPABILITY\r\n"


def test_what_is_untagged_may_come_at_any_time() -> None:
    """It is no answer (RFC 9051, 2.2.2)."""
    leading = begun("imap", _GREETED, b"* OK still here\r\n", b"* 3 EXISTS\r\n", _OFFERED)
    assert leading.receive(b"* OK wait\r\n") == b""
    assert not leading.ready
    leading.receive(_GO)
    assert leading.ready


def test_starttls_that_is_not_offered() -> None:
    """A word that only contains it is another."""
    ended("imap", _GREETED, b"* CAPABILITY IMAP4rev1 XSTARTTLS\r\na1 OK done\r\n",
          outcome="not-offered", detail="it offers no STARTTLS")  # fmt: skip
    ended("imap", _GREETED, b"a1 OK done\r\n", outcome="not-offered", detail="no STARTTLS")


def test_a_session_that_begins_logged_in_has_no_starttls() -> None:
    """PREAUTH keeps clients from encryption (CVE-2020-12398)."""
    ended("imap", b"* PREAUTH hello\r\n", outcome="not-offered", detail="takes us for logged in")


@pytest.mark.parametrize(
    ("said", "outcome", "detail", "transient"),
    [
        ((b"* BYE go away\r\n",), "declined", "it ends the session", False),
        ((b"* BYE [UNAVAILABLE] later\r\n",), "declined", "it ends the session", True),
        ((b"* NO\r\n",), "garbled", "it speaks no IMAP", False),
        ((b"+ go\r\n",), "garbled", "it speaks no IMAP", False),
        ((b"220 mx.foo.test ESMTP\r\n",), "garbled", "it speaks no IMAP", False),
        ((b"a1 OK\r\n",), "injected", "it answers what it was not asked", False),
        ((_GREETED, b"a1 BAD what\r\n"), "declined", "it refuses CAPABILITY", False),
        ((_GREETED, b"a2 OK go\r\n"), "injected", "it answers what it was not asked", False),
        ((_GREETED, _OFFERED, b"a2 NO no\r\n"), "declined", "it refuses STARTTLS", False),
        ((_GREETED, _OFFERED, b"a2 BAD no\r\n"), "declined", "it refuses STARTTLS", False),
        ((_GREETED, _OFFERED, b"a1 OK go\r\n"), "injected", "it answers what it was not", False),
        ((_GREETED, _OFFERED, b"* BYE\r\n"), "declined", "it ends the session", False),
    ],
)
def test_other_answers(said: tuple[bytes, ...], outcome: str, detail: str, transient: bool) -> None:
    """Each ends it, with its words."""
    assert ended("imap", *said, outcome=outcome, detail=detail).transient is transient
