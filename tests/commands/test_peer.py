"""``trustctl list`` and ``show``: who is pinned, in what state, and who says so."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import ANN, BOB, Console
from trustctl.facts.fingerprint import spoken

_DAY = certs.DAY


@pytest.fixture
def several(console: Console) -> Console:
    """Peers whose pins differ in state, domain, expiry and voucher."""
    console.pin(certs.self_signed("mx.long.test", days=400), "long")
    console.pin(certs.self_signed("mx.soon.test", days=20), "soon", "--vouched-by", BOB)
    console.pin(certs.self_signed("mx.ended.test", days=1, not_before=1_600_000_000), "ended")
    waiting = console.write("pending.pem", certs.self_signed("mx.pending.test").pem)
    console("add", waiting, "--peer", "pending", "--domain", "pending.test")
    console.pin(certs.self_signed("mx.old.test"), "old")
    console("retire", "old", "--yes")
    console.pin(certs.self_signed("mx.bad.test"), "bad")
    console("distrust", "bad", "--reason", "stolen", "--yes")
    return console


def _peers(console: Console, *words: str) -> list[str]:
    shown = [one["peer"] for one in console("list", "--json", *words).json]
    lines = console("list", *words).out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == shown
    return shown


def test_the_filters(several: Console) -> None:
    """Each alone and together; the table and the JSON show the same pins, in order of name."""
    everyone = ["bad", "ended", "long", "old", "pending", "soon"]
    assert _peers(several) == everyone
    assert _peers(several, "--pending") == ["pending"]
    assert _peers(several, "--expiring", "30d") == ["ended", "soon"]
    assert _peers(several, "--expiring", "1000d") == ["bad", "ended", "long", "pending", "soon"]
    assert _peers(several, "--expiring", "2001-01-01") == []
    assert _peers(several, "--domain", "SOON.test") == ["soon"]
    assert _peers(several, "--domain", "other.test") == []
    assert _peers(several, "--voucher", "bob@bar.test") == ["soon"]
    assert _peers(several, "--voucher", ANN) == ["bad", "ended", "long"]
    assert _peers(several, "--voucher", BOB, "--expiring", "1d") == []
    assert _peers(several, "--pending", "--domain", "pending.test") == ["pending"]


def test_the_states(several: Console) -> None:
    """One word for each, at this moment or another; retired pins with --all."""
    states = {one["peer"]: one["state"] for one in several("list", "--json").json}
    assert states == {
        "bad": "distrusted", "ended": "expired", "long": "trusted", "old": "no pin",
        "pending": "pending", "soon": "trusted",
    }  # fmt: skip
    later = several("list", "--json", "--at", "+25d").json
    assert {one["peer"]: one["state"] for one in later}["soon"] == "expired"
    shown = several("list", "--all", "--json").json
    assert {one["peer"]: one["state"] for one in shown}["old"] == "retired"
    reasons = {one["peer"]: one["reasons"] for one in shown}
    assert reasons["long"] == []
    assert reasons["bad"][0]["code"] == "distrusted"
    assert "stolen" in reasons["bad"][0]["text"]


def test_nothing_to_list_is_said(several: Console) -> None:
    """On stderr; as JSON it is an empty list."""
    ran = several("list", "--voucher", "nobody")
    assert ran.out == ""
    assert ran.err == "nothing to list with these filters\n"
    assert several("list", "--voucher", "nobody", "--json").json == []


def test_fingerprints_to_be_read_aloud(console: Console, foo: certs.Made) -> None:
    """Whole, in groups of four, two lines of eight groups."""
    console.pin(foo, "foo")
    lines = console("list", "--fingerprints").out.splitlines()
    assert lines[0] == "foo  foo.test  trusted"
    assert [one.strip() for one in lines[1:]] == spoken(foo.fingerprint).splitlines()
    assert all(len(group) == 4 for line in lines[1:] for group in line.split())


def test_the_table_fits_whatever_the_names(console: Console, foo: certs.Made) -> None:
    """Names of 63 letters, domains of 253, thirty of them: 80 columns, and what was cut shows."""
    longest = ".".join(["d" * 63] * 3 + ["d" * 61])
    words = [word for at in range(30) for word in ("--domain", f"d{at}.{'x' * 50}.test")]
    console.pin(foo, "p" * 63, "--domain", longest, *words)
    ran = console("list")
    assert max(len(line) for line in ran.out.splitlines()) == 80
    assert "\N{HORIZONTAL ELLIPSIS}" in ran.out
    assert len(console("list", "--json").json[0]["domains"]) == 32
    assert longest.replace(".", "") in console("show", "p" * 63).out.replace("\n", "").replace(
        " ", ""
    ).replace(".", "")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--expiring", "soon"), ("--expiring", ""), ("--domain", "foo"), ("--at", "never")],
)
def test_filters_that_cannot_be_meant(console: Console, option: str, value: str) -> None:
    """A filter that is not understood is no filter that lets everything through."""
    console.pin(certs.self_signed(), "foo")
    console.fails("list", option, value, code=2)


def test_show_tells_all_of_a_peer(console: Console, foo: certs.Made) -> None:
    """By name, domain or digits of a fingerprint, in any spelling."""
    console.pin(foo, "foo", "--note", "called him back", "--mx", "mx.foo.test")
    said = console("show", "foo").out
    for text in ("foo.test", "mx.foo.test", "host, trusted", ANN, "phone", "called him back",
                 "ec secp256r1", *spoken(foo.fingerprint).splitlines()):  # fmt: skip
        assert text in said
    for subject in ("FOO", "Foo.Test.", foo.fingerprint[:8], spoken(foo.fingerprint)[:19]):
        assert console("show", subject).out == said


def test_show_says_why_not(several: Console) -> None:
    """Each reason of each pin."""
    assert "not trusted  distrusted (fingerprint): stolen" in several("show", "bad").out
    assert "not trusted  pending: nobody" in several("show", "pending").out
    assert "not trusted  expired 2020-" in several("show", "ended").out
    assert "not trusted  retired" in several("show", "old").out


def test_show_of_a_certificate_shows_every_peer_that_pins_it(
    console: Console, foo: certs.Made
) -> None:
    """Two peers, one after the other, with an empty line between."""
    console.pin(foo, "foo")
    console.pin(foo, "bar")
    shown = console("show", foo.fingerprint, "--json").json
    assert {one["peer"] for one in shown} == {"foo", "bar"}
    assert console("show", foo.fingerprint).out.count("\n\npeer ") == 1


def test_a_domain_without_a_pin_waits_and_is_shown(console: Console) -> None:
    """An import may protect a domain before its certificate is there."""
    rows = b'{"peer": "foo", "domains": ["foo.test"]}\n'
    console("import", "-", stdin=rows)
    assert "no pin: mail to its domains waits" in console("show", "foo").out
    assert console("list", "--json").json == [
        {"peer": "foo", "domains": ["foo.test"], "state": "no pin", "inbound": "off"}
    ]


def test_unknown_subjects(console: Console, foo: certs.Made) -> None:
    """Who is not there is not shown."""
    console.pin(foo, "foo")
    for subject in ("nobody", "other.test", "0123456789", "", "\x1b[31m", "a\nb"):
        console.fails("show", subject, code=5)


def test_a_hostile_certificate_stays_on_its_lines(console: Console) -> None:
    """Its names forge no line of the answer, neither by line breaks nor by their length."""
    evil = "x\npin 1        host, trusted\u2028vouched      Ann"
    made = certs.self_signed((), subject=evil)
    file = console.write("evil.pem", made.pem)
    console("add", file, "--peer", "evil")
    lines = console("show", "evil").out.splitlines()
    assert sum(line.startswith("pin 1 ") for line in lines) == 1
    assert not any(line.startswith("vouched") for line in lines)
    assert any(line.startswith("subject      CN=x\\x0apin 1") for line in lines)
    many = certs.self_signed([f"host{at}.many.test" for at in range(50)])
    console("add", console.write("many.pem", many.pem), "--peer", "many")
    assert "... and 30 more" in console("show", "many").out
