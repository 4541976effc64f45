"""What holds for every dialogue before the handshake."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.said import ASKED, EHLO, GOOD, SPOKEN, begun, ended
from trustctl.facts.wire import PROTOCOLS, Endpoint, Protocol
from trustctl.wire.dialogue import dialogue
from trustctl.wire.lines import Dialogue, DialogueError

_FLOOD = 100_000


class _Fed(NamedTuple):
    bytes: int
    error: DialogueError


def _fed(leading: Dialogue, pieces: Iterable[bytes]) -> _Fed:
    """How much a dialogue takes before it ends, and what ends it."""
    fed = 0
    for piece in pieces:
        try:
            leading.receive(piece)
        except DialogueError as error:
            return _Fed(fed, error)
        fed += len(piece)
    pytest.fail("it takes everything")


@pytest.mark.parametrize("protocol", SPOKEN)
def test_a_good_host_is_led_to_tls(protocol: Protocol) -> None:
    """It is asked one thing at a time, each after its whole answer to the one before."""
    leading = begun(protocol)
    answers = []
    for one in GOOD[protocol]:
        assert not leading.ready
        answers.append(leading.receive(one))
    assert leading.ready
    assert answers == [*ASKED[protocol], b""]


@pytest.mark.parametrize("protocol", SPOKEN)
def test_the_pieces_that_it_arrives_in_do_not_matter(protocol: Protocol) -> None:
    """Byte by byte it is the same dialogue."""
    leading = begun(protocol)
    asked = b"".join(leading.receive(bytes((one,))) for one in b"".join(GOOD[protocol]))
    assert leading.ready
    assert asked == b"".join(ASKED[protocol])


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("more", [b"250 fake\r\n", b"\x16\x03\x03\x00\x02", b"\n", b"<a/>"])
def test_what_comes_with_the_answer_to_starttls_is_injected(
    protocol: Protocol, more: bytes
) -> None:
    """Be it the protocol, or TLS, which no server begins: nothing is kept (CVE-2021-38371)."""
    *before, last = GOOD[protocol]
    ended(protocol, *before, last + more, outcome="injected", detail="it sent more than its answer")


@pytest.mark.parametrize("protocol", ["smtp", "lmtp", "pop3", "xmpp"])
def test_answers_to_what_was_not_asked_yet_are_injected(protocol: Protocol) -> None:
    """All of a good host's answers at once lead nowhere."""
    ended(protocol, b"".join(GOOD[protocol]), outcome="injected", detail="it sent more than")


@pytest.mark.parametrize("protocol", SPOKEN)
def test_a_piece_without_end_is_refused(protocol: Protocol) -> None:
    """Ten megabytes of one line are given up after 4 KiB of it."""
    start = {"ldap": b"\x30\x84\x00\x98\x96\x80", "xmpp": b"<stream:stream a='"}
    leading = begun(protocol)
    begin = start.get(protocol, GOOD[protocol][0][:4])
    fed = _fed(leading, itertools.chain((begin,), itertools.repeat(b"a" * 1024, 10_000)))
    assert fed.bytes <= 4096
    assert fed.error.outcome == "garbled"
    assert "more than 4096 bytes" in fed.error.detail


@pytest.mark.parametrize(
    ("protocol", "piece"),
    [
        ("smtp", b"220-banner\r\n"),
        ("smtp", b"220-" + b"a" * 1000 + b"\r\n"),
        ("lmtp", b"220-banner\r\n"),
        ("imap", b"* OK banner\r\n"),
        ("imap", b"* CAPABILITY " + b"A " * 1000 + b"\r\n"),
        ("pop3", b"UIDL\r\n"),
        ("xmpp", b"<mechanism>PLAIN</mechanism>"),
    ],
)
def test_an_answer_without_end_is_refused(protocol: Protocol, piece: bytes) -> None:
    """After 200 lines or 64 KiB at the most, whichever is first."""
    first: dict[Protocol, tuple[bytes, ...]] = {
        "imap": GOOD["imap"][:1],
        "pop3": (b"+OK\r\n", b"+OK\r\n"),
        "xmpp": (b"<stream:stream>",),
    }
    leading = begun(protocol, *first.get(protocol, ()))
    fed = _fed(leading, itertools.repeat(piece, _FLOOD))
    assert fed.bytes <= 65536
    assert fed.error.outcome == "garbled"
    assert re.match("it sent more than (200|65536) ", fed.error.detail)


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("noise", [b"\0" * 64 + b"\n", b"\xff\xfe\r\n>", b"HTTP/1.1 400 Bad\r\n"])
def test_noise_is_no_protocol(protocol: Protocol, noise: bytes) -> None:
    """What is quoted of it can be shown on a terminal."""
    if protocol == "ldap" or not noise.startswith(b"\xff"):
        error = ended(protocol, noise, outcome="garbled", detail="it speaks no")
    else:
        error = ended(protocol, noise, outcome="garbled", detail="\\xff\\xfe")
    assert error.detail.isprintable()
    assert len(error.detail) < 120


@given(
    st.sampled_from(SPOKEN),
    st.lists(
        st.one_of(
            st.binary(max_size=50),
            st.sampled_from([one for said in GOOD.values() for one in said]),
            st.sampled_from(
                [b"250-", b"220 ", b"* ", b"a1 OK", b"+OK", b"\r\n", b"<", b">", b"\x30"]
            ),
        ),
        max_size=8,
    ),
)
def test_whatever_a_host_says_is_an_outcome(protocol: Protocol, said: list[bytes]) -> None:
    """No other exception, nothing that a terminal obeys, nothing kept beyond the limit."""
    leading = begun(protocol)
    try:
        for one in said:
            if leading.ready:
                break
            leading.receive(one)
    except DialogueError as error:
        assert error.detail.isprintable()  # noqa: PT017
        assert not leading.ready


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["", "a b", "a\r\nMAIL FROM:<x>", "a\n", "é.test", "<a>"])
def test_a_name_that_would_say_more_is_refused(protocol: Protocol, name: str) -> None:
    """The caller's mistake is the caller's exception, in every protocol."""
    with pytest.raises(ValueError, match="no name to say EHLO with"):
        dialogue(Endpoint("mx.foo.test", "127.0.0.1", 25, protocol), name)


def test_an_address_literal_is_a_name() -> None:
    """RFC 5321, 4.1.3."""
    leading = dialogue(Endpoint("mx.foo.test", "::1", 25, "smtp"), "[IPv6:2001:db8::1]")
    assert leading.receive(b"220 a\r\n") == b"EHLO [IPv6:2001:db8::1]\r\n"


def test_without_a_dialogue_it_is_time_for_tls_at_once() -> None:
    """RFC 8314, 3: not a word in plain text, and none is taken."""
    leading = dialogue(Endpoint("mx.foo.test", "127.0.0.1", 465, "none"), EHLO)
    assert leading.ready
    assert leading.opening() == b""
    assert leading.farewell == b""
