"""What holds for all commands: hostile text is never raw, and nothing that anybody types or any
file holds ends in a traceback. ``tests.console.inspect`` looks at each answer."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import certs, odd, reference
from tests.console import Console

_HOSTILE = {
    "escape": "\x1b]0;owned\x07\x1b[31m",
    "C1": "\x9b31m\x90x\x9c",
    "right to left": "\u202egnp.exe",
    "line separator": "a\u2028b\u2029c\x85d",
    "CRLF": "a\r\ntrustctl: error: forged\nhint: rm -rf /",
    "zero width": "a\u200b\u2060\ufeffb",
    "tag": "a\U000e0041",
    "run": "${run{/bin/sh -c id}}",
    "formula": "=cmd|'/c calc'!A1",
    "star": "*",
    "lookup": "lsearch;/etc/passwd",
    "percent": "%s%n{}\\",
    "long": "x" * 3000,
}
_FOLDER_OPTIONS = {
    "export": "--to", "generations": "--of", "rollback": "--of", "uninstall": "--from",
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """An inventory full of certificates whose names are hostile, under harmless peers' names."""
    console = Console(tmp_path_factory.mktemp("hostile"))
    for number, text in enumerate(_HOSTILE.values()):
        raw = text.encode()
        made = odd.altered(
            certs.self_signed(f"mx{number}.test"),
            subject=odd.common_name(raw),
            extensions=[odd.alternative_names(raw, raw + b"\0.test")],
        )
        console.pin(made, f"peer{number}")
        if number % 3 == 0:
            console("retire", f"peer{number}", "--yes")
    console("export", "--to", str(console.target), "--format", "exim", "--yes")
    return console


@pytest.mark.parametrize(
    "words",
    [
        ("list",), ("list", "--all", "--json"), ("list", "--fingerprints"), ("dump",),
        ("journal",), ("journal", "--json"), ("audit",), ("audit", "--json"),
        ("generations",), ("export", "--dry-run", "--diff", "--at", "2099-01-01"),
    ],
)  # fmt: skip
def test_no_listing_shows_a_certificates_text_raw(hostile: Console, words: tuple[str, ...]) -> None:
    """Neither the table nor the JSON nor a finding holds what a terminal obeys."""
    ran = hostile.any(*words)
    assert ran.code in (0, 1)
    assert ran.out or ran.err


def test_no_peers_page_shows_it_raw_either(hostile: Console) -> None:
    """And the escapes are there: the names are shown, made visible."""
    said = "".join(hostile("show", f"peer{at}").out for at in range(len(_HOSTILE)))
    for visible in ("\\x1b", "\\x9b", "\\u{202e}", "\\u{2028}", "\\x0d\\x0a", "\\u{200b}"):
        assert visible in said
    assert not any(line.startswith(("trustctl:", "hint:")) for line in said.splitlines())
    for at in range(len(_HOSTILE)):
        hostile("show", f"peer{at}", "--json")
        hostile.any("check", f"peer{at}.test")


def test_nothing_of_it_is_in_what_was_exported(hostile: Console) -> None:
    """No byte of a name reaches Exim's files: A-labels, hex and words of our own alone."""
    files = [one for one in (hostile.target / "trustctl").rglob("*") if one.is_file()]
    assert len(files) > 5
    for one in files:
        text = one.read_bytes()
        if one.suffix == ".cdb" or one.parent.name == "snippets":
            assert b"owned" not in text
            continue
        assert text.isascii(), one
        outside = b"".join(part.split(b"-----BEGIN")[0] for part in text.split(b"-----END"))
        for banned in (b"\x1b", b"${run", b"=cmd", b"\r", b"xxxxxxxx", b"lsearch;"):
            assert banned not in outside, one


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_arguments(console: Console, foo: certs.Made, text: str) -> None:
    """As a value of every option and argument of every command: shown escaped, or refused."""
    console.pin(foo, "foo")
    file = console.write("p.pem", foo.pem)
    for words in _with(text, file):
        console.any(*words)
    assert "whole" in console("journal", "verify").out


def _with(text: str, file: str) -> list[tuple[str, ...]]:
    place = text.replace("/", "_")[:100]
    fill = {"FILE...": file, "DIR": place, "NAME": "foo", "DOMAIN": "foo.test"}
    calls: list[tuple[str, ...]] = []
    for path, command in reference.commands():
        if not path or path in (("db", "backup"), ("dump",)):
            continue
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option"]
        usual = [fill.get(one.make_metavar(_context(command)), "foo") for one in arguments]
        where = _FOLDER_OPTIONS.get(path[0])
        if where is not None:  # never this machine's own Exim
            usual += [where, "elsewhere"]
        calls.append((*path, *usual[len(arguments) :], "--", *[text] * len(arguments)))
        for one in options:
            name = one.opts[0]
            if getattr(one, "is_flag", False) or name == "--help":
                continue
            value = place if "DIR" in str(one.metavar) else text
            calls.append((*path, *usual, name, value))
    return calls


def _context(command: Any) -> Any:
    import click

    return click.Context(command)


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_file_names_and_import_files(console: Console, foo: certs.Made, text: str) -> None:
    """A path, a JSON value and a CSV cell are quoted in errors: escaped."""
    console.pin(foo, "foo")
    name = text.replace("/", "_").replace("\0", "")[:80]
    console.fails("add", name, "--peer", "x", code=4)
    console.write(name, b"not a certificate\n")
    for words in (("add", name, "--peer", "x"), ("import", name),
                  ("check", "foo.test", "--certificate", name)):  # fmt: skip
        console.fails(*words, code=4)
    rows = [
        {field: text}
        | ({"peer": "x"} if field != "peer" else {})
        | ({"certificate": foo.pem.decode()} if field not in ("domains", "mx_hosts") else {})
        for field in ("peer", "domains", "mx_hosts", "role", "fingerprint", "vouched_by", text)
    ]
    rows += [{"distrust": text}, {"setting": text, "value": text}]
    content = "".join(json.dumps(one) + "\n" for one in rows).encode()
    console.fails("import", console.write("rows.jsonl", content), code=4)
    sheet = f'peer,note\nfoo,"{text}"\n{json.dumps(text)},x\n'.encode()
    console.any("import", console.write("rows.csv", sheet))


def test_notes_and_reasons_that_only_look_dangerous(console: Console, foo: certs.Made) -> None:
    """Formulas and Exim's braces are a person's words: kept as they are, exported nowhere."""
    for at, text in enumerate(("=cmd|'/c calc'!A1", "${run{/bin/id}}", "%s%n", "<script>")):
        console.pin(foo, "foo", "--note", text, "--via", f"phone {at}")
        assert text in console("show", "foo").out
    console("export", "--to", str(console.target), "--format", "exim")
    for one in (console.target / "trustctl").rglob("*"):
        if one.is_file() and one.parent.name != "snippets":
            assert b"${run" not in one.read_bytes()
            assert b"calc" not in one.read_bytes()


_ELSEWHERE = set(_FOLDER_OPTIONS)
_WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            sorted({word for path, _ in reference.commands() for word in path[:1]} - _ELSEWHERE)
        ),
        st.sampled_from(
            ["--json", "--at", "--peer", "--domain", "--fingerprint", "--yes", "-", "--", "foo",
             "foo.test", "p.pem", "--reason", "x", "-h", "2027-01-01", "?", "verify", "check",
             "--certificate", "--all", "--voucher", "--note", "--role", "authority", "2"]
        ),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        st.binary(max_size=10).map(os.fsdecode).filter(lambda one: "\0" not in one),
    ),
    max_size=6,
)  # fmt: skip
_QUICK = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_QUICK
@given(words=_WORDS, stdin=st.binary(max_size=200))
def test_no_words_end_in_a_traceback(
    console: Console, foo: certs.Made, words: list[str], stdin: bytes
) -> None:
    """Whatever is typed: an answer, or one line that says what is wrong."""
    if not console.db.exists():
        console.pin(foo, "foo")
        console.write("p.pem", foo.pem)
    assert console.any(*words, stdin=stdin).code in (*range(10), 130)


@_QUICK
@given(data=st.data())
def test_no_bytes_end_in_a_traceback(
    console: Console, foo: certs.Made, data: st.DataObject
) -> None:
    """A real certificate with bytes altered, cut or added: added, or one line that says why not."""
    content = bytearray(data.draw(st.sampled_from([foo.der, foo.pem])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    file = console.write("p.pem", bytes(content))
    assert console.any("add", file, "--peer", "x").code in (0, 2, 4, 5)
    assert console.any("check", "x.test", "--certificate", file).code in (1, 4, 6)


@_QUICK
@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["peer", "domains", "certificate", "fingerprint", "note", "expires",
                             "role", "vouched_by", "via", "distrust", "setting", "value", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                lambda inner: st.lists(inner, max_size=2), max_leaves=3,
            ),
            max_size=4,
        ),
        max_size=3,
    )
)  # fmt: skip
def test_no_import_file_ends_in_a_traceback(console: Console, rows: list[dict[str, Any]]) -> None:
    """Any JSON in any field: imported, or every bad line is named."""
    content = "".join(json.dumps(one) + "\n" for one in rows).encode()
    assert console.any("import", "-", stdin=content).code in (0, 4)
