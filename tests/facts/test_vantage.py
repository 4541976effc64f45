"""Tests of trustctl.facts.vantage: what a colleague fetched elsewhere, beside what is seen here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustctl.errors import InputError
from trustctl.facts import vantage  # pytest takes testify for a test
from trustctl.facts.text import printable
from trustctl.facts.vantage import LINES_LIMIT, parse
from trustctl.facts.wire import Endpoint

A, B, C = "a" * 64, "b" * 64, "c" * 64
HERE = Endpoint("mx.foo.test", "192.0.2.1", 25, "smtp")


def line(**changes: Any) -> str:
    """A line of ``fetch --json``."""
    value = {
        "domain": "foo.test", "host": "mx.foo.test", "address": "192.0.2.1", "port": 25,
        "protocol": "smtp", "at": "2026-10-01T00:00:00Z", "outcome": "presented", "fingerprint": A,
        "names": ["mx.foo.test"], "anything": {"else": None},
    }  # fmt: skip
    value.update(changes)
    return json.dumps(value) + "\n"


def verdict(*lines: str, endpoint: Endpoint = HERE, fingerprint: str | None = A) -> str:
    """What the lines say of a certificate here."""
    found = vantage.testify(parse(lines), endpoint, fingerprint)
    assert found.kind == "vantage"
    assert printable(found.detail, 250) == found.detail
    return found.verdict


def test_the_same_certificate_supports() -> None:
    """And another contradicts, with what it was and where."""
    assert verdict(line()) == "supports"
    assert verdict(line(fingerprint=B)) == "contradicts"
    found = vantage.testify(parse([line(fingerprint=B)]), HERE, A)
    assert "bbbbbbbbbbbbbbbb" in found.detail
    assert "2026-10-01T00:00:00Z" in found.detail


def test_the_same_address_counts_before_another() -> None:
    """Whoever sits before one address may own another: a match there makes up for nothing."""
    other = line(address="192.0.2.2")
    assert verdict(line(fingerprint=B), other) == "contradicts"
    assert verdict(line(), line(address="192.0.2.2", fingerprint=B)) == "supports"


def test_any_address_of_the_host_counts_where_the_same_was_not_seen() -> None:
    """DNS may give other addresses elsewhere."""
    assert verdict(line(address="2001:db8::2")) == "supports"
    assert verdict(line(address="2001:db8::2", fingerprint=B)) == "contradicts"
    both = [line(address="192.0.2.2", fingerprint=B), line(address="192.0.2.3")]
    assert verdict(*both) == "supports"
    assert "1 other at its other addresses" in vantage.testify(parse(both), HERE, A).detail


def test_the_newest_look_counts() -> None:
    """In whatever order the lines are, and whether times are stamps or seconds."""
    old, new = line(fingerprint=B, at=1000), line(at="2026-10-01T00:00:00Z")
    assert verdict(old, new) == verdict(new, old) == "supports"
    assert verdict(line(at=1000), line(fingerprint=B, at=2000)) == "contradicts"


@pytest.mark.parametrize(
    "changes",
    [{"host": "mx2.foo.test"}, {"port": 465, "protocol": "none"}, {"protocol": "lmtp"}],
)
def test_another_place_says_nothing(changes: dict[str, Any]) -> None:
    """Another host, port or protocol, whatever the certificate; so does an empty file."""
    assert verdict(line(**changes)) == "absent"
    assert verdict() == "absent"


def test_nothing_seen_is_inconclusive() -> None:
    """Neither a host that could not be reached from there, nor one that cannot be from here."""
    gone = {"fingerprint": None, "outcome": "timeout"}
    assert verdict(line(**gone)) == "inconclusive"
    assert verdict(line(), fingerprint=None) == "inconclusive"
    assert verdict(line(**gone), fingerprint=None) == "inconclusive"
    assert verdict(line(**gone, address="")) == "inconclusive"
    assert verdict(line(**gone), line(address="192.0.2.9")) == "inconclusive"


def test_a_host_may_be_an_address() -> None:
    """In any form of it."""
    endpoint = Endpoint("2001:db8::1", "2001:db8::1", 25, "smtp")
    there = line(host="2001:DB8:0::1", address="2001:db8:0:0::1", domain=None)
    assert verdict(there, endpoint=endpoint) == "supports"


def test_names_are_compared_as_names() -> None:
    """Any case, a trailing dot; empty lines are nothing."""
    assert verdict("\n", line(host="MX.foo.test."), "  \n") == "supports"


BAD: list[tuple[str, str]] = [
    ("{", "not JSON"),
    ("\x1b[2J", "not JSON"),
    ('{"port": ' + "9" * 5000 + "}", "not JSON"),
    ("[" * 100_000, "nested too deeply|not JSON"),
    ("[]", "not a JSON object"),
    ('"text"', "not a JSON object"),
    ("{}", "not a port"),
    (line(port=0), "not a port"),
    (line(port=True), "not a port"),
    (line(port="25"), "not a port"),
    (line(port=10**400), "not a port"),
    (line(port=25.0), "not a port"),
    (line(protocol="gopher"), "not a protocol"),
    (line(protocol=["smtp"]), "not a protocol"),
    (line(outcome="fine\x1b[2J"), "not an outcome"),
    (line(fingerprint="A" * 64), "not a SHA-256 fingerprint"),
    (line(fingerprint="a" * 63), "not a SHA-256 fingerprint"),
    (line(fingerprint=A + "\n"), "not a SHA-256 fingerprint"),
    (line(fingerprint=0), "not a SHA-256 fingerprint"),
    (line(fingerprint=""), "not a SHA-256 fingerprint"),
    (line(host="${run{x}}"), "not a host"),
    (line(host="\udc80.test"), "not a host"),
    (line(host=None), "not a host"),
    (line(address="foo.test"), "not an address"),
    (line(address="fe80::1%eth0"), "not an address"),
    (line(address=7), "not an address"),
    (line(at="yesterday"), "not a time"),
    (line(at=-1), "not a time"),
    (line(at=10**30), "not a time"),
    (line(at="@999999999999999"), "not a time"),
    (line(at=None), "not a time"),
]


@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_bad_line_is_named(text: str, why: str) -> None:
    """By its number, with what is wrong: nothing of the file is used."""
    with pytest.raises(InputError, match=why) as refused:
        parse([line(), "\n", text])
    assert refused.value.message.startswith("line 3: ")
    assert len(printable(refused.value.message)) < 200


def test_bytes_that_are_no_text_are_named() -> None:
    """By the line at which whoever reads the file stumbled."""

    def lines() -> Iterator[str]:
        yield line()
        yield b"\xff".decode()

    with pytest.raises(InputError, match="line 2: it is not UTF-8"):
        parse(lines())


def test_a_file_is_bounded() -> None:
    """In lines and in characters: what comes after is not even read."""

    def endless(text: str) -> Iterator[str]:
        while True:
            yield text

    with pytest.raises(InputError, match=f"line {LINES_LIMIT + 1}: more than"):
        parse(endless("\n"))
    with pytest.raises(InputError, match=r"line 11: more than .* 10 MiB"):
        parse(endless(" " * (1 << 20)))
    assert parse(["\n"] * LINES_LIMIT).looks == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["host", "address", "port", "protocol", "at", "outcome", "fingerprint"]),
        JSON, max_size=4,
    )
)  # fmt: skip
def test_a_line_is_read_or_refused(changes: dict[str, Any]) -> None:
    """Whatever the values are, and it is then told without what a terminal would obey."""
    problem = None
    try:
        assert len(parse([line(**changes)]).looks) == 1
    except InputError as error:
        problem = error.message
    if problem is not None:
        assert problem.startswith("line 1: ")
        assert printable(problem, 200) == problem
