"""The documents under share/doc that say what the command line does: they are held to be true."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests import certs, odd, reference
from tests.authority import OwnCa
from tests.commands.town import Town, town
from tests.console import ANN, BOB, Console
from tests.sightings import ABSENT, seen
from tests.tools import require, require_root
from trustctl import cli, errors
from trustctl.inventory import observations
from trustctl.inventory.transaction import writing
from trustctl.policy import audit

_DOC = Path(__file__).parents[1] / "share" / "doc"
_ROW = re.compile(r"\| `(?P<key>[^`]+)` \| (?P<type>\w+)(?P<null>\??) \| \S.* \|")
_TYPES = {"text": str, "number": int, "flag": bool, "list": list, "object": dict}


def test_the_page_of_the_command_line_is_current() -> None:
    """share/doc/cli.md is what --help says."""
    page = (_DOC / "cli.md").read_text()
    assert page == reference.reference(), "python -m tests.reference > share/doc/cli.md"


def test_no_command_or_option_is_undocumented() -> None:
    """Each command says what it is for, and so does each of its options."""
    for path, command in reference.commands():
        where = " ".join(path)
        assert command.help, where
        assert not command.hidden, where
        for one in command.params:
            if isinstance(one, click.Option):
                assert one.help, f"{where} {one.name}"
                assert one.help.endswith((".", "]", "?")), f"{where} {one.name}"


def test_every_help_text_fits_80_columns() -> None:
    """And the list of commands cuts no sentence."""
    for path, _command in reference.commands():
        said = reference.help_text(path)
        assert all(len(line) <= 80 for line in said.splitlines()), path
        listed = said.partition("Commands:")[2]
        assert "..." not in listed, path


def test_every_command_of_the_issue_is_there() -> None:
    """Under the name that it is known by."""
    there = {" ".join(path) for path, _command in reference.commands()}
    assert there == {
        "", "add", "fetch", "announce", "vouch", "withdraw", "distrust", "retire", "unprotect",
        "check", "list", "show", "journal", "journal verify", "set", "import", "dump", "export",
        "generations", "rollback", "uninstall", "audit", "probe", "prove", "history", "foresee",
        "db", "db upgrade", "db backup", "db check", "share-card", "ca", "ca init", "ca issue",
        "ca sign", "ca renew", "ca rollover", "ca list", "ca show", "ca certificate", "ca revoke",
        "ca crl", "ca ocsp", "ca request", "ca sign-request", "ca accept", "ca lint", "ca cross",
        "ca tlsa", "ca next-key", "adopt",
    }  # fmt: skip


def test_exit_codes_are_documented() -> None:
    """Those of errors.py and of the boundary, each once, and no other."""
    page = (_DOC / "exit-codes.md").read_text()
    documented = [int(one) for one in re.findall(r"^\| (\d+) \| \S", page, re.MULTILINE)]
    raised = {
        one.exit_code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.TrustctlError)
    }
    boundary = {0, 1, cli._INTERNAL, cli._INTERRUPTED, cli._NOBODY_READ}
    assert documented == sorted(raised | boundary)
    summary = reference.help_text(())
    for code in raised - {cli._INTERNAL}:
        assert f"{code} " in summary.partition("Exit codes:")[2]


def test_audit_rules_are_documented() -> None:
    """share/doc/audit-rules.md is what the rules say of themselves."""
    page = (_DOC / "audit-rules.md").read_text()
    assert page == audit.reference(), "write trustctl.policy.audit.reference() to it"


def _documented(command: str) -> dict[str, tuple[str, bool]]:
    page = (_DOC / "json.md").read_text()
    section = page.partition(f"## `trustctl {command} --json`\n")[2].partition("\n## ")[0]
    found = {one["key"]: (one["type"], bool(one["null"])) for one in _ROW.finditer(section)}
    assert len(found) == section.count("\n| `"), command
    if command == "ca show":
        found = _documented("ca list")
    if command == "announce":
        found |= _documented("add")
    if command == "probe":  # a line as of fetch, or one with a finding
        found |= {f"finding.{key}": kind for key, kind in _documented("audit").items()}
        ours = _documented("fetch").items()
        more = ("evidence", "chain")
        found |= {key: kind for key, kind in ours if key.split("[")[0] not in more}
    if command == "show":
        rows = _documented("list")
        own = ("peer", "domains", "inbound")
        found |= {f"pins[].{key}": kind for key, kind in rows.items() if key not in own}
    return found


def _paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            for key, held in one.items():
                yield f"{prefix}{key}", held
                if isinstance(held, list):
                    yield from _paths(held, f"{prefix}{key}[].")
                elif key == "finding":
                    yield from _paths(held, f"{prefix}{key}.")


@pytest.fixture
def here(console: Console) -> Iterator[Town]:
    """Mail hosts to ask."""
    with town(console) as made:
        yield made


@pytest.fixture
def everything(console: Console, here: Town, monkeypatch: pytest.MonkeyPatch) -> Console:
    """An inventory in which every documented key has a value somewhere, and a null where it may."""
    foo = certs.self_signed("mx.foo.test")
    authority = certs.authority()
    leaf = certs.issue(authority, "mx.leaf.test")
    never = certs.tlv(0x30, certs.tlv(0x17, b"some day"), certs.tlv(0x17, b"later"))
    broken = odd.altered(certs.self_signed("mx.odd.test"), validity=never)
    console.pin(foo, "foo", "--mx", "mx.foo.test", "--expires", "90d", "--note", "called back")
    console("vouch", foo.fingerprint, "--vouched-by", BOB)
    console("withdraw", "foo", "--vouched-by", BOB, "--reason", "misheard")
    console("add", console.write("chain.pem", leaf.pem + authority.pem), "--peer", "leaf")
    console.pin(broken, "odd")
    bad = certs.self_signed("mx.bad.test", key="rsa2048")
    console.pin(bad, "bad")
    console("distrust", "bad", "--reason", "stolen", "--yes")
    old = certs.self_signed("mx.old.test")
    console.pin(old, "old")
    console("retire", "old", "--reason", "over", "--yes")
    console("set", "foo", "--inbound", "require", "--allow-from", "192.0.2.0/24")
    console("export", "--to", str(console.target), "--format", "exim", "--yes")
    console.write("foo.pem", foo.pem)
    console.write("new.pem", foo.pem)
    console.write("next.pem", certs.self_signed("mx.foo.test").pem)
    console.write("other.pem", certs.self_signed("mx.leaf.test").pem)
    with writing(console.db, "root", int(time.time())) as tx:
        looked = seen(foo, at=tx.now, peer="foo", domain="foo.test")
        nowhere = seen(None, "mx.nobody.test", at=tx.now, address="", outcome="no-host")
        kept = observations.record(tx, [looked, nowhere])
        observations.testify(tx, kept.ids[0], [ABSENT])
    here.host("mx.foo.test", foo, "foo.test")
    own = OwnCa(console, monkeypatch)
    own.init("--permit", "our.test")
    (one, _two) = own.issue("mx1.our.test", "mx2.our.test")
    own("revoke", "mx2.our.test", "--reason", "superseded", "--yes")
    own("rollover", "issuing", "--yes")
    console.write("mx.csr", certs.request("mx3.our.test"))
    console.write("issued.pem", one.read_bytes())
    return console


_SAMPLES = {
    "add": (("add", "new.pem", "--peer", "another"), ("add", "foo.pem", "--peer", "foo")),
    "adopt": (
        ("adopt", "next.pem", "new.pem", "--dry-run"),
        ("adopt", "next.pem", "other.pem", "--peer", "another"),
    ),
    "announce": (
        ("announce", "foo", "next.pem", "--from", "30d"),
        ("announce", "leaf", "other.pem", "--from", "30d", "--auto-retire", "7"),
    ),
    "fetch": (("fetch", "foo.test", "mx.nobody.test", "--chain", "--dry-run"),),
    "probe": (("probe", "--all"),),
    "prove": (("prove", "--peer", "foo"),),
    "list": (("list", "--all"),),
    "show": (("show", "foo"), ("show", "leaf"), ("show", "odd"), ("show", "bad"), ("show", "old")),
    "check": (
        ("check", "foo.test", "--certificate", "foo.pem"),
        ("check", "old.test"),
        ("check", "nobody.test"),
    ),
    "journal": (("journal",),),
    "generations": (("generations",),),
    "audit": (("audit",),),
    "history": (("history", "foo"), ("history", "mx.nobody.test")),
    "foresee": (("foresee",),),
    "ca list": (("ca", "list", "--all"),),
    "ca list --authorities": (("ca", "list", "--authorities"),),
    "ca show": (("ca", "show", "mx1.our.test"),),
    "ca issue": (("ca", "issue", "mx4.our.test", "--out", "new"),),
    "ca renew": (("ca", "renew", "mx1.our.test", "--out", "issued"),),
    "ca sign": (
        ("ca", "sign", "mx.csr"),
        ("ca", "sign", "mx.csr", "--out", "mx3.crt"),
    ),
    "ca tlsa": (("ca", "tlsa", "mx1.our.test"),),
    "ca lint": (("ca", "lint", "issued.pem"), ("ca", "lint", "foo.pem")),
}


_BY_LINE = ("fetch", "history", "probe", "prove")


@pytest.mark.parametrize("command", _SAMPLES)
def test_every_key_of_the_json_is_documented(everything: Console, here: Town, command: str) -> None:
    """With its type, null where it may be null, and no key is documented that never comes."""
    if command == "prove":  # of this machine's Exim, in a namespace
        require_root()
        require("exim4", "unshare", "ip")
    documented = _documented(command)
    seen: set[str] = set()
    for words in _SAMPLES[command]:
        asked = here.options if words[0] in ("fetch", "probe") else []
        out = everything.any(*words, *asked, "--json").out
        lines = out.splitlines() if command in _BY_LINE else [out]
        for key, held in (pair for one in lines for pair in _paths(json.loads(one))):
            assert key in documented, f"{command}: {key} is not documented"
            kind, may_be_null = documented[key]
            if held is None:
                assert may_be_null, f"{command}: {key} is null"
            else:
                assert type(held) is _TYPES[kind], f"{command}: {key} is {held!r}"
            seen.add(key)
    assert seen == set(documented)


def test_every_option_json_is_documented() -> None:
    """No command has a --json whose keys are not in json.md."""
    with_json = {
        " ".join(path)
        for path, command in reference.commands()
        if any(one.name == "as_json" for one in command.params)
    }
    with_json.add("ca list --authorities")  # one command, two listings
    page = (_DOC / "json.md").read_text()
    assert set(re.findall(r"## `trustctl (.*) --json`", page)) == with_json == set(_SAMPLES)


def test_the_examples_of_the_import_page_are_imported(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Each as it stands, but for the fingerprint, which is foo's."""
    page = (_DOC / "import.md").read_text()
    examples = re.findall(r"```(json|csv)\n(.*?)```", page, re.DOTALL)
    assert [kind for kind, _text in examples] == ["json", "json", "json", "csv"]
    for at, (kind, text) in enumerate(examples):
        other = Console(console.folder / str(at))
        other.folder.mkdir()
        other.write("foo.pem", foo.pem)
        other.write("bar.pem", bar.pem)
        if at == 2:  # it is about a peer that is there
            first = examples[0][1].replace("FOO-FINGERPRINT", foo.fingerprint).encode()
            other("import", other.write("first.json", first))
        content = text.replace("FOO-FINGERPRINT", foo.fingerprint).encode()
        other("import", other.write(f"peers.{kind}", content))
        if at == 2:
            assert other("show", "foo", "--json").json[0]["allow_from"] == ["192.0.2.0/24"]
        elif at != 1:
            assert other.states() == {foo.fingerprint: "trusted", bar.fingerprint: "pending"}
            assert other("list", "--voucher", ANN, "--json").json[0]["peer"] == "foo"
    assert json.loads(examples[1][1].splitlines()[1])["reason"] in other_journal(console)


def other_journal(console: Console) -> str:
    """The journal of the second example's inventory."""
    second = Console(console.folder / "1")
    return second("journal", "--json").out


def test_the_fields_of_the_import_page_are_the_fields() -> None:
    """None missing, none more, in the page and in the command's help."""
    from trustctl.intake.rows import FIELDS

    page = (_DOC / "import.md").read_text()
    section = page.partition("## Fields")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(FIELDS)
    said = reference.help_text(("import",))
    assert all(one in said for one in FIELDS)
