"""``--inbound`` on ``add`` and ``set``: taken, shown, carried; what cannot be meant is refused."""

from __future__ import annotations

import json

import pytest

from tests import certs
from tests.console import Console

_MADE = certs.self_signed("mx.foo.test", ca=False)


def _add(console: Console, *more: str) -> None:
    file = console.write("foo.pem", _MADE.pem)
    console(
        "add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint", _MADE.fingerprint,
        "--vouched-by", "Ann <ann@us.test>", "--via", "phone", *more,
    )  # fmt: skip


def _asked(console: Console) -> dict[str, object]:
    found = json.loads(console("show", "foo", "--json").out)[0]
    return {key: found[key] for key in ("inbound", "relay", "allow_from")}


_OFF = {"inbound": "off", "relay": False, "allow_from": []}
_ALL = {"inbound": "require", "relay": True, "allow_from": ["192.0.2.0/24"]}


def test_off_unless_somebody_says_so(console: Console) -> None:
    """A peer is asked nothing by default, and nothing is told of it."""
    _add(console)
    assert _asked(console) == _OFF
    assert "inbound" not in console("show", "foo").out


def test_add_takes_it_whole(console: Console) -> None:
    """Mode, relay and networks; show, list and check tell it."""
    _add(console, "--inbound", "require", "--relay", "--allow-from", "192.0.2.0/24")
    assert _asked(console) == _ALL
    for words in (("show", "foo"), ("check", "foo.test")):
        told = console(*words).out
        assert "require: nobody sends as its domains without its certificate" in told
        assert "192.0.2.0/24" in told
    assert json.loads(console("list", "--json").out)[0]["inbound"] == "require"
    assert json.loads(console("check", "foo.test", "--json").out)["relay"] is True


def test_set_changes_what_is_named_alone(console: Console) -> None:
    """The mode, the flag and the networks each; off forgets all of it."""
    _add(console, "--inbound", "require", "--relay", "--allow-from", "192.0.2.0/24")
    console("set", "foo", "--inbound", "offer")
    assert _asked(console) == {**_ALL, "inbound": "offer"}
    console("set", "foo", "--no-relay")
    assert _asked(console) == {**_ALL, "inbound": "offer", "relay": False}
    console("set", "foo", "--allow-from", "2001:db8::/32,198.51.100.7")
    assert _asked(console)["allow_from"] == ["198.51.100.7/32", "2001:db8::/32"]
    console("set", "foo", "--no-allow-from", "--relay")
    assert _asked(console) == {"inbound": "offer", "relay": True, "allow_from": []}
    assert "(as it was)" in console("set", "foo", "--relay").out
    console("set", "foo", "--inbound", "off")
    assert _asked(console) == _OFF


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("foo", "--inbound", "off", "--relay"), 2, "neither --relay nor --allow-from"),
        (("foo", "--relay"), 2, "need --inbound"),
        (("foo", "--allow-from", "192.0.2.0/24"), 2, "need --inbound"),
        (("foo", "--inbound", "require", "--allow-from", "192.0.2.1/24"), 2, "within a network"),
        (("foo", "--inbound", "require", "--allow-from", "mx.list.test"), 2, "not a network"),
        (("foo", "--inbound", "require", "--allow-from", " "), 2, "names no network"),
        (("foo", "--inbound", "require", "--allow-from", "::/0", "--no-allow-from"), 2, "exclude"),
        (("foo", "--inbound", "sometimes"), 2, "sometimes"),
        (("--inbound", "require"), 2, "about one peer"),
        (("foo", "x", "--inbound", "require"), 2, "about one peer"),
        (("eve", "--inbound", "require"), 5, "there is no peer eve"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: tuple[str, ...], code: int, says: str, console: Console
) -> None:
    """And nothing is changed."""
    _add(console)
    before = console("journal").out
    refused = console("set", *words, code=code)
    assert says in refused.err
    assert console("journal").out == before
    assert _asked(console) == _OFF


def test_a_refused_add_leaves_nothing(console: Console) -> None:
    """The peer is not there either."""
    file = console.write("foo.pem", _MADE.pem)
    refused = console("add", file, "--peer", "foo", "--relay", code=2)
    assert "need --inbound" in refused.err
    assert "nothing to list" in console.any("list").err + console.any("list").out


def test_what_nobody_could_meet_is_said(console: Console) -> None:
    """A server knows a client by its own certificate alone: a CA's pin is not enough."""
    root = certs.authority("Foo root")
    file = console.write("root.pem", root.pem)
    console("add", file, "--peer", "foo", "--domain", "foo.test", "--role", "authority")
    told = console("set", "foo", "--inbound", "require")
    assert "the peer's CA alone is pinned" in told.err
    console("add", console.write("foo.pem", _MADE.pem), "--peer", "foo")
    assert "CA alone" not in console("set", "foo", "--inbound", "offer").err


def test_a_dump_carries_it(console: Console, tmp_path_factory: pytest.TempPathFactory) -> None:
    """And an import brings it back, twice without a second record."""
    _add(console, "--inbound", "require", "--relay", "--allow-from", "192.0.2.0/24")
    other = Console(tmp_path_factory.mktemp("other"))
    file = other.write("dump", console("dump").out.encode())
    other("import", file)
    assert _asked(other) == _ALL
    before = other("journal").out
    other("import", file)
    assert other("journal").out == before


@pytest.mark.parametrize(
    "line",
    [
        '{"peer": "foo", "inbound": "sometimes"}',
        '{"peer": "foo", "inbound": "off", "relay": true}',
        '{"peer": "foo", "inbound": "offer", "relay": "yes"}',
        '{"peer": "foo", "inbound": "offer", "allow_from": "192.0.2.1/24"}',
        '{"peer": "foo", "inbound": "offer", "allow_from": [7]}',
        '{"peer": "foo", "inbound": "offer", "domains": "bar.test"}',
        '{"peer": "eve", "inbound": "offer"}',
        '{"peer": "foo", "inbound": null}',
    ],
)
def test_a_bad_line_is_refused(line: str, console: Console) -> None:
    """Nothing of the file is taken."""
    _add(console)
    good = '{"peer": "foo", "inbound": "require"}'
    refused = console.any("import", console.write("in", f"{good}\n{line}\n".encode()))
    assert refused.code not in (0, 1), refused
    assert _asked(console) == _OFF
