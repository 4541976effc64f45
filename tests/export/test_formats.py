"""Every format: what holds for all of them, and those that others bring."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import certs
from tests.export.stores import FOO, NAMES, PASSWORD, hostile_peers, made, peers
from tests.trusts import HOSTILE, trust, trusted
from trustctl.commands.tree import BUILT_IN
from trustctl.errors import DatabaseError, UsageError
from trustctl.export import formats
from trustctl.export.format import Format, Options, bounded, compile_peer
from trustctl.facts.records import Held

_BINARY = ("jks", "pkcs12")


def test_the_names_on_the_command_line_are_those_of_the_registry() -> None:
    """It names them without loading any."""
    assert {*BUILT_IN} == {*formats.SPECIAL, *formats.MODULES}
    assert list(BUILT_IN[2:]) == sorted(BUILT_IN[2:], key=list(formats.MODULES).index)


@pytest.mark.parametrize("name", formats.MODULES)
def test_a_format_says_what_it_is(name: str) -> None:
    """Its name, in one sentence what it is for, and how to use it."""
    found = formats.load(name)
    assert found.name == name
    assert found.help
    assert found.use.isascii()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_peers_make_the_same_files(name: str) -> None:
    """Byte for byte; where there is a salt, the format knows its own again."""
    first, second = made(name, *peers()), made(name, *peers())
    chosen = formats.load(name)
    if chosen.keeps is None:
        assert first == second
    else:
        assert chosen.keeps(first, Options("/t", PASSWORD))
        assert not chosen.keeps(first, Options("/t", b"another one"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_certificate_says_gets_into_a_text(name: str) -> None:
    """Files are ASCII of our own words, under names of our own, whatever is in the certificates;
    binary ones have their own tests."""
    trusts = hostile_peers()
    for path, content in made(name, *trusts).items():
        assert path.isascii()
        assert not any(text in path for text in HOSTILE if len(text) > 2)
        if name in _BINARY:
            continue
        text = content.decode("ascii")
        assert "\0" not in text
        assert "\x1b" not in text
        for each in ("${run", "$(id)", "=evil", "lsearch;/f", "<; a;b"):
            assert each not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_trustctl_never_stores_is_refused(name: str) -> None:
    """Somebody with the database's file at hand may have put it there."""
    for text in (*HOSTILE, "../up", ""):
        for strange in (trust(text, trusted(FOO), domains=("foo.test",)),
                        trust("foo", trusted(FOO), domains=(text,))):  # fmt: skip
            with pytest.raises(DatabaseError):
                compile_peer(strange)


_AUTHORITY = certs.authority("Foo CA")
_ROOT = certs.authority("Our root")
_CROSS = certs.issue(_ROOT, (), ca=True, subject="Foo CA", key=_AUTHORITY.key)
_HELD = Held(_CROSS.fingerprint, _CROSS.der, 1, _ROOT.fingerprint, _ROOT.der, 1)


def _kept(how: str, **changed: object) -> tuple[set[str], int]:
    one = replace(trusted(_AUTHORITY, "authority", may_sign=True), **changed)  # type: ignore[arg-type]
    chosen = Format("x", "", lambda trusts, options: {}, "", authorities=how)  # type: ignore[arg-type]
    mine, notes = bounded(trust("foo", one, trusted(FOO)), chosen)
    return {each.fingerprint for each in mine.certificates} - {FOO.fingerprint}, len(notes)


def test_who_could_sign_for_any_name_is_left_out_unless_a_format_says_otherwise() -> None:
    """Of an authority, its cross-certificate where the reader goes by it; our own CA stays."""
    assert Format("x", "", lambda trusts, options: {}, "").authorities == "out"
    assert _kept("out") == (set(), 1)
    assert _kept("out", held=_HELD) == (set(), 1)
    assert _kept("out", role="host") == (set(), 1)
    assert _kept("out", role="host", may_sign=False) == ({_AUTHORITY.fingerprint}, 0)
    assert _kept("out", crl="own") == ({_AUTHORITY.fingerprint}, 0)
    assert _kept("held") == (set(), 1)
    assert _kept("held", held=_HELD) == ({_CROSS.fingerprint, _ROOT.fingerprint}, 0)
    assert _kept("kept", held=_HELD) == ({_AUTHORITY.fingerprint}, 0)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that somebody installed, with an entry point ``theirs``."""
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[trustctl.formats]\ntheirs = theirs_trustctl:FORMAT\njks = theirs_trustctl:FORMAT\n"
        "../up = theirs_trustctl:FORMAT\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("theirs_trustctl", None)


_GOOD = """
from trustctl.export.format import Format

def files(trusts, options):
    return {FILES}

FORMAT = Format(name="theirs", help="Theirs.", files=files, use="{current}/x")
"""


def test_another_package_adds_a_format(package: Path) -> None:
    """By an entry point; it cannot take the place of one of ours."""
    code = _GOOD.replace("{FILES}", '{"sub/x.txt": b" ".join(t.peer.encode() for t in trusts)}')
    (package / "theirs_trustctl.py").write_text(code)
    assert formats.names()[-1] == "theirs"
    assert made("theirs", *peers()) == {"sub/x.txt": b"bar foo gone"}
    assert formats.load("jks").name == "jks"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise RuntimeError('\\x1b[31m boom')", "RuntimeError"),
        ("import not_there", "ModuleNotFoundError"),
        ("this is no Python", "SyntaxError"),
        ("FORMAT = 1", "it is no"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_one_is_named(package: Path, code: str, why: str) -> None:
    """An error of one sentence, whatever its module does when it is loaded."""
    (package / "theirs_trustctl.py").write_text(code)
    with pytest.raises(UsageError, match=r"the format theirs \(theirs_trustctl:FORMAT\) is broken"):
        formats.load("theirs")
    assert formats.load("jks").name == "jks"


@pytest.mark.parametrize(
    "files",
    [
        "1 / 0", "None", '{"../up": b""}', '{"/etc/x": b""}',
        '{".hidden": b""}', '{"manifest": b""}',
        '{"index.theirs": b""}', '{"a/../b": b""}', '{"x": "text"}', '{1: b""}', '{"a\\n": b""}',
    ],
)  # fmt: skip
def test_what_a_broken_one_makes_is_not_written(package: Path, files: str) -> None:
    """No path out of the target, no file of ours, nothing but bytes."""
    (package / "theirs_trustctl.py").write_text(_GOOD.replace("{FILES}", files))
    with pytest.raises(UsageError, match="is broken"):
        made("theirs", *peers())


@pytest.mark.parametrize("name", ["dovecot", "haproxy", "nginx", "opensmtpd"])
def test_a_path_that_means_something_to_a_server_is_refused(name: str) -> None:
    """It stands in a configuration."""
    for text in (*HOSTILE, 'x"; y', "a b", "../up"):
        with pytest.raises(UsageError, match="a path in a configuration"):
            made(name, *peers(), directory=Path(f"/t/{text}"))
