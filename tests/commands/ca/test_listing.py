"""Tests of ``trustctl ca list`` and ``ca show``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authority import OwnCa

MX = "mx.bar.test"


@pytest.fixture
def hosts(ca: OwnCa, out: Path) -> OwnCa:
    """Three hosts: one short-lived, one revoked."""
    ca("issue", MX, "mx2.bar.test", "--out", str(out))
    ca("issue", "short.bar.test", "--days", "20", "--client", "--out", str(out))
    ca("revoke", "mx2.bar.test", "--reason", "superseded", "--yes")
    return ca


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), {MX, "short.bar.test"}),
        (("--all",), {MX, "mx2.bar.test", "short.bar.test"}),
        (("--revoked",), {"mx2.bar.test"}),
        (("--expiring", "30d"), {"short.bar.test"}),
        (("--expiring", "400d"), {MX, "short.bar.test"}),
        (("--host", "MX"), {MX}),
        (("--host", "x%"), set()),
        (("--ca", "main"), {MX, "short.bar.test"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_filters(hosts: OwnCa, words: tuple[str, ...], names: set[str]) -> None:
    """What people ask for, as a table and for programs."""
    listed = {one["host"] for one in hosts("list", *words, "--json").json if one["names"]}
    assert listed == names
    ran = hosts("list", *words)
    for name in names:
        assert name in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_states(hosts: OwnCa) -> None:
    """Valid and revoked ones are told apart, and the CAs' own certificates are there with --all."""
    out = hosts("list", "--all").out
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "revoked" in lines["mx2.bar.test"]
    assert "valid" in lines[MX]
    assert "main root 1" in out
    assert "main issuing 1" in out
    assert "main root 1" not in hosts("list").out


def test_authorities(hosts: OwnCa) -> None:
    """Which CAs there are, what each is held to, and which sign."""
    hosts("rollover", "issuing", "--yes")
    out = hosts("list", "--authorities").out
    assert all(len(line) <= 80 for line in out.splitlines())
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert "retired" in rows["main/issuing-1"]
    assert "bar.test" in rows["main/issuing-2"]
    assert " - " in rows["main/root-1"]


def test_show(hosts: OwnCa) -> None:
    """By host, by serial number in any spelling; everything that is known; nothing for nobody."""
    one = hosts("show", MX, "--json").json[0]
    for subject in (MX, MX.upper(), one["serial"], one["serial"].upper()):
        assert hosts("show", subject, "--json").json == [one]
    ran = hosts("show", MX)
    assert one["serial"].upper() in ran.out
    assert "valid" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    revoked = hosts("list", "--revoked", "--json").json[0]["serial"]
    assert "superseded" in hosts("show", revoked).out
    for nobody in ("mx9.bar.test", "0", "", "\x1b[31m", "f" * 41):
        hosts.console.fails("ca", "show", nobody, code=5)


def test_without_a_ca(own: OwnCa) -> None:
    """An inventory without one is an empty list, and an error where a CA is named."""
    own.console("set", "vouches_required", "1")
    assert own("list", "--json").json == []
    assert own("list", "--authorities", "--json").json == []
    own.console.fails("ca", "list", "--ca", "main", code=5)
    own.console.fails("ca", "show", MX, code=5)
