"""``trustctl import`` and ``dump``: many peers at once, all or nothing, and all of them back."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests import certs
from tests.console import ANN, Console
from trustctl.facts.fingerprint import colons


def _row(made: certs.Made, peer: str, **more: Any) -> dict[str, Any]:
    return {
        "peer": peer,
        "domains": [f"{peer}.test"],
        "certificate": made.pem.decode(),
        "fingerprint": colons(made.fingerprint),
        "vouched_by": ANN,
        "via": "phone",
        **more,
    }


def _lines(*rows: dict[str, Any] | str) -> bytes:
    return "".join(
        (one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows
    ).encode()


def test_json_lines(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """Every field of the format, from a file and from standard input."""
    foo_row = _row(
        foo, "foo", domains=["Foo.test", "bücher.test"], mx_hosts=["MX.foo.test"], role="host",
        note="called back", expires="2099-01-01",
    )  # fmt: skip
    file = console.write("peers.jsonl", _lines(foo_row))
    assert console("import", file).out == f"imported {file} (lines: 1, changes: 6)\n"
    console("import", "-", stdin=_lines(_row(bar, "bar")))
    assert console.states() == {foo.fingerprint: "trusted", bar.fingerprint: "trusted"}
    (shown,) = console("show", "foo", "--json").json
    assert shown["domains"] == ["foo.test", "xn--bcher-kva.test"]
    assert shown["mx_hosts"] == ["mx.foo.test"]
    (vouch,) = shown["pins"][0]["vouches"]
    assert (vouch["voucher"], vouch["channel"], vouch["note"]) == (ANN, "phone", "called back")
    assert vouch["expires_at"] == "2099-01-01T00:00:00Z"


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv(console: Console, foo: certs.Made, bar: certs.Made, delimiter: str) -> None:
    """As a spreadsheet saves it; certificates as PEM in the cell, or as a path beside the file."""
    (console.folder / "peers").mkdir()
    console.write("peers/bar.der", bar.der)
    sheet = io.StringIO()
    names = ["peer", "domains", "certificate", "fingerprint", "vouched_by"]
    writer = csv.writer(sheet, delimiter=delimiter)
    writer.writerow(names)
    writer.writerow(["foo", "foo.test www.foo.test", foo.pem.decode(), foo.fingerprint, ANN])
    writer.writerow(["bar", "bar.test", "bar.der", "", ""])
    content = b"\xef\xbb\xbf" + sheet.getvalue().encode()
    console("import", console.write("peers/peers.csv", content))
    assert console.states() == {foo.fingerprint: "trusted", bar.fingerprint: "pending"}
    assert console("list", "--domain", "www.foo.test", "--json").json[0]["peer"] == "foo"


def test_every_bad_line_is_named_and_nothing_is_imported(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """All of them in one go, each with its reason; good lines between them change nothing."""
    console.pin(certs.self_signed("mx.own.test"), "own")
    leaf = certs.self_signed("mx.leaf.test", ca=False)
    bad: list[tuple[dict[str, Any] | str, str]] = [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({"peer": "x", "unknown": 1}, "unknown field 'unknown' (known: peer, domains"),
        ({"domains": ["x.test"]}, "peer is missing"),
        (_row(foo, "a b"), "not a peer's name"),
        (_row(foo, "x", domains=["foo"]), "not a domain"),
        (_row(foo, "x", fingerprint=bar.fingerprint), "not the certificate's"),
        (_row(foo, "x", fingerprint="ab" * 20), "SHA-1"),
        (_row(foo, "x", certificate="-----BEGIN CERTIFICATE-----\nMIIB"), "cut off"),
        (_row(foo, "x", certificate="missing.pem"), "no such file"),
        (_row(foo, "x", certificate=foo.key_pem.decode()), "PRIVATE KEY"),
        (_row(foo, "x", role="king"), "neither host nor authority"),
        (_row(leaf, "x", role="authority"), "no CA"),
        (_row(foo, "x", vouched_by=7), "not a text"),
        (_row(foo, "x", expires="soon"), "not a time"),
        (_row(foo, "x", note="a\u0000b"), "invisible"),
        ({"peer": "x", "certificate": foo.pem.decode(), "vouched_by": ANN}, "nobody can vouch"),
        ({"peer": "x", "fingerprint": foo.fingerprint}, "without a certificate"),
        ('{"peer": "x", "peer": "y"}', "stands twice"),
    ]
    rows: list[dict[str, Any] | str] = [_row(foo, "foo")]
    for row, _said in bad:
        rows += [row, ""]
    rows.append(_row(bar, "bar"))
    file = console.write("peers.jsonl", _lines(*rows))
    ran = console.fails("import", file, code=4)
    named = [one for one in ran.err.splitlines() if one.startswith(file)]
    assert len(named) == len(bad)
    for at, (line, said) in enumerate(zip(named, [one[1] for one in bad], strict=True)):
        assert line.startswith(f"{file}:{2 * at + 2}: "), line
        assert said in line
    assert f"nothing was imported (bad lines: {len(bad)})" in ran.err
    body = foo.key_pem.splitlines()[1].decode()
    assert body not in ran.err


def test_lines_that_the_inventory_refuses_are_named_too(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """A domain of another peer, a distrusted certificate: with their lines, all or nothing."""
    console.pin(foo, "foo")
    console("distrust", bar.fingerprint, "--reason", "stolen", "--yes")
    rows = [
        _row(certs.self_signed("mx.new.test"), "new"),
        _row(certs.self_signed("mx.x.test"), "x", domains=["foo.test"]),
        _row(bar, "bar"),
    ]
    ran = console.fails("import", "-", code=4, stdin=_lines(*rows))
    assert "-:2: foo.test belongs to the peer foo" in ran.err
    assert "-:3: " in ran.err
    assert "stolen" in ran.err
    assert "-:1: " not in ran.err


def test_many_bad_lines_are_all_named(console: Console) -> None:
    """However many: each with its number."""
    ran = console.fails("import", "-", code=4, stdin=b"{}\n" * 600)
    assert all(f"-:{number}: " in ran.err for number in range(1, 601))
    assert "(bad lines: 600)" in ran.err


def test_a_stream_of_bad_lines_is_given_up(console: Console) -> None:
    """After ten thousand it is no import file: what was read is named, and that there is more."""
    ran = console.fails("import", "-", code=4, stdin=b"{}\n" * 10_500)
    assert "(bad lines: 10000, the rest was not read)" in ran.err


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"domain\nfoo.test\n", b"peer,colour\nfoo,red\n", b"\xff\xfe\x00"]
)
def test_what_is_no_import_file(console: Console, content: bytes) -> None:
    """Empty, or with a first line that names nothing known."""
    console.fails("import", "-", code=4, stdin=content)


def test_a_certificate_named_dash_is_not_standard_input(console: Console, foo: certs.Made) -> None:
    """A line cannot make the import read anything but files."""
    console.write("peers.csv", b"peer,certificate\nfoo,-\n")
    assert "no such file" in console.fails("import", "peers.csv", code=4, stdin=foo.pem).err


def test_dump_import_dump_gives_the_same_bytes(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Settings, distrust, roles, chains, several vouches, pending pins, bare domains: all of it."""
    authority = certs.authority("Some CA")
    leaf = certs.issue(authority, "mx.leaf.test")
    console.pin(foo, "foo", "--note", "ünïcode", "--expires", "2099-01-01", "--mx", "mx.foo.test")
    console("vouch", foo.fingerprint, "--vouched-by", "Bob <bob@bar.test>")
    console.pin(authority, "ca", "--role", "authority")
    chain = console.write("chain.pem", leaf.pem + authority.pem)
    console("add", chain, "--peer", "leaf", "--domain", "leaf.test")
    console.pin(bar, "bar")
    console("distrust", "bar", "--key", "--reason", "stolen", "--yes")
    console("set", "vouches_required", "2")
    console("import", "-", stdin=b'{"peer": "bare", "domains": ["bare.test"]}\n')
    first = console("dump").out
    assert first.isascii()
    elsewhere = Console(console.folder / "elsewhere")
    elsewhere.folder.mkdir()
    elsewhere("import", "-", stdin=first.encode())
    assert elsewhere("dump").out == first
    shown = {one["peer"]: one["state"] for one in elsewhere("list", "--json").json}
    assert shown == {
        "bar": "no pin", "bare": "no pin", "ca": "unvouched", "foo": "trusted", "leaf": "pending"
    }  # fmt: skip
    file = elsewhere.write("bar.pem", bar.pem)
    assert "stolen" in elsewhere.fails("add", file, "--peer", "bar", code=5).err
    again = elsewhere("import", "-", stdin=first.encode())
    assert again.out.endswith(", changes: 0)\n")


def test_the_progress_bar_is_for_terminals(console: Console, foo: certs.Made) -> None:
    """A person sees one; a script's stderr stays empty."""
    file = console.write("peers.jsonl", _lines(_row(foo, "foo")))
    person = console.terminal("import", file)
    assert person.end() == 0
    assert "storing" in person.seen
    assert "100%" in person.seen
    assert console("import", file).err == ""
