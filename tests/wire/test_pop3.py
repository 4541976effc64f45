"""POP3 up to the handshake."""

from __future__ import annotations

import pytest

from tests.wire.said import GOOD, begun, ended

_GREETED, _OFFERED, _GO = GOOD["pop3"]


def test_a_host_without_capa_is_asked_all_the_same() -> None:
    """CAPA is an extension (RFC 2449): what it cannot list it may still do."""
    leading = begun("pop3", _GREETED)
    assert leading.receive(b"-ERR unknown command\r\n") == b"STLS\r\n"
    leading.receive(_GO)
    assert leading.ready
    ended("pop3", _GREETED, b"-ERR what\r\n", b"-ERR what\r\n", outcome="not-offered",
          detail="it knows no STLS")  # fmt: skip


@pytest.mark.parametrize(
    ("said", "outcome", "detail", "transient"),
    [
        ((b"-ERR no\r\n",), "declined", "it refuses the session", False),
        ((b"-ERR [SYS/TEMP] later\r\n",), "declined", "it refuses the session", True),
        ((b"+OKAY\r\n",), "garbled", "it speaks no POP3", False),
        ((b"\r\n",), "garbled", "it speaks no POP3", False),
        ((b"* OK IMAP4\r\n",), "garbled", "it speaks no POP3", False),
        ((_GREETED, b"+OK\r\nXSTLS\r\nSASL STLS\r\n.\r\n"), "not-offered", "no STLS", False),
        ((_GREETED, _OFFERED, b"-ERR no\r\n"), "declined", "it refuses STLS", False),
        ((_GREETED, _OFFERED, b"-ERR [SYS/TEMP] no\r\n"), "declined", "it refuses STLS", True),
    ],
)  # fmt: skip
def test_other_answers(said: tuple[bytes, ...], outcome: str, detail: str, transient: bool) -> None:
    """Each ends it, with its words."""
    assert ended("pop3", *said, outcome=outcome, detail=detail).transient is transient
