"""What hosts say in each protocol up to the handshake, and how a dialogue is led with it."""

from __future__ import annotations

import re

import pytest

from trustctl.facts.der import encode, encode_integer
from trustctl.facts.wire import Endpoint, Protocol
from trustctl.wire.dialogue import dialogue
from trustctl.wire.lines import Dialogue, DialogueError

EHLO = "probe.bar.test"
_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"
STREAM = (
    b"<?xml version='1.0'?><stream:stream from='mx.foo.test' id='a' version='1.0' xmlns='jabber:"
    b"client' xmlns:stream='http://etherx.jabber.org/streams'>"
)


def ldap(code: int, text: bytes = b"", *, number: int = 1) -> bytes:
    """The answer to an extended operation (RFC 4511, 4.12)."""
    fields = encode(0x0A, bytes((code,))), encode(0x04), encode(0x04, text)
    return encode(0x30, encode_integer(number), encode(0x78, *fields))


GOOD: dict[Protocol, tuple[bytes, ...]] = {
    "smtp": (
        b"220-mx.foo.test\r\n220 ESMTP\r\n",
        b"250-mx.foo.test hello\r\n250-SIZE 1000\r\n250 STARTTLS\r\n",
        b"220 go ahead\r\n",
    ),
    "lmtp": (b"220 mx.foo.test\r\n", b"250-mx\r\n250-starttls\r\n250 SIZE\r\n", b"220 go\r\n"),
    "imap": (
        b"* OK [ALERT] ready\r\n",
        b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n",
        b"a2 OK begin\r\n",
    ),
    "pop3": (b"+OK ready\r\n", b"+OK list\r\nTOP\r\nSTLS\r\n.\r\n", b"+OK begin\r\n"),
    "ldap": (ldap(0),),
    "xmpp": (
        STREAM + b"<stream:features><starttls xmlns='" + _TLS + b"'><required/></starttls>"
        b"</stream:features>",
        b"<proceed xmlns='" + _TLS + b"'/>",
    ),
}
"""What a good host says, answer by answer; the last one begins TLS."""

SPOKEN: tuple[Protocol, ...] = tuple(GOOD)

ASKED: dict[Protocol, tuple[bytes, ...]] = {
    "smtp": (b"EHLO probe.bar.test\r\n", b"STARTTLS\r\n"),
    "lmtp": (b"LHLO probe.bar.test\r\n", b"STARTTLS\r\n"),
    "imap": (b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"),
    "pop3": (b"CAPA\r\n", b"STLS\r\n"),
    "ldap": (),
    "xmpp": (b"<starttls xmlns='" + _TLS + b"'/>",),
}
"""What it is asked, after each answer but the last."""


def begun(protocol: Protocol, *said: bytes, host: str = "mx.foo.test", port: int = 25) -> Dialogue:
    """A dialogue in which the host has said this much."""
    leading = dialogue(Endpoint(host, "127.0.0.1", port, protocol), EHLO)
    leading.opening()
    for one in said:
        leading.receive(one)
    return leading


def ended(protocol: Protocol, *said: bytes, outcome: str, detail: str) -> DialogueError:
    """What ends the dialogue when the host says the last of these, and not before."""
    leading = begun(protocol, *said[:-1])
    with pytest.raises(DialogueError, match=re.escape(detail)) as caught:
        leading.receive(said[-1])
    assert caught.value.outcome == outcome
    assert not leading.ready
    return caught.value
