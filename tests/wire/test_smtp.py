"""SMTP and LMTP up to the handshake."""

from __future__ import annotations

import pytest

from tests.wire.said import GOOD, begun, ended
from trustctl.facts.wire import Protocol

_GREETED, _OFFERED, _GO = GOOD["smtp"]


@pytest.mark.parametrize("last", [b"220\r\n", b"220 \r\n", b"220 a\n", b"220-a\r\n220\r\n"])
def test_greetings_of_all_shapes(last: bytes) -> None:
    """A code alone, a bare line feed, several lines (RFC 5321, 4.2)."""
    assert begun("smtp").receive(last) == b"EHLO probe.bar.test\r\n"


@pytest.mark.parametrize(
    ("greeting", "transient"),
    [
        (b"421 too many connections\r\n", True),
        (b"421-a\r\n421 b\r\n", True),
        (b"450 later\r\n", True),
        (b"554 no SMTP service here\r\n", False),
        (b"521 host does not accept mail\r\n", False),
    ],
)
def test_a_session_that_is_refused(greeting: bytes, transient: bool) -> None:
    """Its own words are told; a 4yz may go better later."""
    error = ended("smtp", greeting, outcome="declined", detail="it refuses the session: ")
    assert error.transient is transient
    assert error.polite


@pytest.mark.parametrize(
    "greeting", [b"250 ok\r\n", b"354 go\r\n", b"220-a\r\n250 b\r\n", b"22 a\r\n", b"220_a\r\n",
                 b"220-a\r\nb\r\n", b"+OK\r\n", b"hello\r\n", b"620 a\r\n", b"220 a\rb\r\n"]
)  # fmt: skip
def test_a_greeting_that_is_none(greeting: bytes) -> None:
    """Nor is one whose lines disagree about the code."""
    ended("smtp", greeting, outcome="garbled", detail="it ")


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_ehlo_that_is_refused(protocol: Protocol) -> None:
    """It is said why HELO would be of no use."""
    hello = "EHLO" if protocol == "smtp" else "LHLO"
    error = ended(protocol, GOOD[protocol][0], b"502 not implemented\r\n", outcome="declined",
                  detail=f'it refuses {hello}, and STARTTLS takes {hello}: "502 not')  # fmt: skip
    assert not error.transient
    error = ended(protocol, GOOD[protocol][0], b"451 later\r\n", outcome="declined", detail="451")
    assert error.transient


@pytest.mark.parametrize(
    "offered",
    [
        b"250 STARTTLS\r\n",  # the first line is the host's name, not a keyword
        b"250-mx\r\n250 XSTARTTLS\r\n",
        b"250-mx\r\n250 STARTTLSX\r\n",
        b"250-mx\r\n250 AUTH STARTTLS\r\n",
        b"250-STARTTLS\r\n250 SIZE\r\n",
        b"250 mx\r\n",
        b"250\r\n",
    ],
)
def test_starttls_that_is_not_offered(offered: bytes) -> None:
    """It is a whole word on a line of its own (RFC 5321, 4.1.1.1); it is not tried regardless."""
    error = ended("smtp", _GREETED, offered, outcome="not-offered", detail="it offers no STARTTLS")
    assert error.polite


@pytest.mark.parametrize(
    "offered",
    [
        b"250-mx\r\n250 STARTTLS\r\n",
        b"250-mx\r\n250 starttls\r\n",
        b"250-mx\r\n250-StartTLS \r\n250 SIZE\r\n",
        b"250-mx\n250-STARTTLS\n250 SIZE\n",
    ],
)
def test_starttls_that_is_offered(offered: bytes) -> None:
    """In letters of any case, on any line but the first."""
    assert begun("smtp", _GREETED).receive(offered) == b"STARTTLS\r\n"


@pytest.mark.parametrize(
    ("answer", "outcome", "transient"),
    [
        (b"454 TLS not available\r\n", "declined", True),
        (b"501 no parameters\r\n", "declined", False),
        (b"554 no\r\n", "declined", False),
        (b"250 ok\r\n", "garbled", False),
        (b"334 go\r\n", "garbled", False),
    ],
)
def test_starttls_that_is_refused(answer: bytes, outcome: str, transient: bool) -> None:
    """220 alone begins TLS (RFC 3207, 4)."""
    error = ended("smtp", _GREETED, _OFFERED, answer, outcome=outcome, detail=answer[:3].decode())
    assert error.transient is transient


def test_starttls_in_several_lines() -> None:
    """They are one answer."""
    leading = begun("smtp", _GREETED, _OFFERED, b"220-go\r\n")
    assert not leading.ready
    leading.receive(b"220 ahead\r\n")
    assert leading.ready


def test_the_farewell() -> None:
    """RFC 5321, 4.1.1.10."""
    assert begun("smtp").farewell == b"QUIT\r\n"
