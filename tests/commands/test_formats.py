"""Formats through the command line: passwords, what is left out, and those that others bring."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests import certs
from tests.console import Console
from tests.export.stores import run
from trustctl.commands.tree import BUILT_IN
from trustctl.export import formats
from trustctl.resources import resource

_PAGE = resource("share") / "doc" / "formats.md"


@pytest.fixture
def one(console: Console) -> Console:
    """One trusted peer, whose certificate may not sign."""
    console.pin(certs.self_signed("mx.foo.test", ca=False), "foo")
    return console


def _package(folder: Path, code: str, entry: str) -> dict[str, str]:
    """Install a package as pip would; the environment in which it is found."""
    info = folder / "domain_list-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: domain-list\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{formats.GROUP}]\n{entry}\n")
    (folder / "domain_list.py").write_text(code)
    root = Path(__file__).parents[2]
    return {"PYTHONPATH": f"{folder}:{root}"}


def _example() -> tuple[str, str]:
    text = _PAGE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    points = tomllib.loads(project)["project"]["entry-points"][formats.GROUP]
    ((name, value),) = points.items()
    return code, f"{name} = {value}"


def test_the_example_of_the_page_works(one: Console, tmp_path: Path) -> None:
    """Installed by somebody, it is a format like any other."""
    env = _package(tmp_path / "site", *_example())
    target = str(one.target)
    said = one.process("export", "--to", target, "--format", "domain-list", env=env)
    assert said.code == 0, said
    assert (one.target / "current" / "domains.txt").read_text() == "foo.test\n"
    assert "nothing has changed" in one.process("export", "--to", target, env=env).out
    assert one.process("audit", "--fail-on", "error", env=env).code == 0


def test_a_broken_package_is_an_error_that_names_it(one: Console, tmp_path: Path) -> None:
    """Without a traceback, and with nothing written; the other formats work."""
    env = _package(tmp_path / "site", "raise RuntimeError('\x1b[31mboom')", _example()[1])
    said = one.process("export", "--to", str(one.target), "--format", "domain-list", env=env)
    assert said.code == 2
    assert "the format domain-list (domain_list:FORMAT) is broken: RuntimeError" in said.err
    assert not one.target.exists()
    assert (
        one.process("export", "--to", str(one.target), "--format", "known-pins", env=env).code == 0
    )


def test_a_package_that_is_gone_is_told(one: Console, tmp_path: Path) -> None:
    """The target is named by its format; nothing there changes. An audit says so, and goes on."""
    env = _package(tmp_path / "site", *_example())
    one.process("export", "--to", str(one.target), "--format", "domain-list", env=env)
    ran = one.fails("export", "--to", str(one.target), code=2)
    assert "there is no format 'domain-list'" in ran.err
    other = str(one.target.with_name("other"))
    one("export", "--to", other, "--format", "known-pins")
    (one.target.with_name("other") / "current" / "known-pins.json").unlink()
    found = {each["rule"]: each for each in one("audit", "--json", code=1).json}
    assert found["target-format-missing"]["subject"] == str(one.target)
    assert "there is no format 'domain-list'" in found["target-format-missing"]["what"]
    assert found["file-altered"]["subject"].startswith(other)
    assert "generation-not-current" not in found


def test_a_package_that_broke_is_told(one: Console, tmp_path: Path) -> None:
    """An audit finds it, whatever its module raises."""
    env = _package(tmp_path / "site", *_example())
    one.process("export", "--to", str(one.target), "--format", "domain-list", env=env)
    (tmp_path / "site" / "domain_list.py").write_text("raise RuntimeError('boom')")
    said = one.process("audit", "--json", env=env)
    assert said.code == 1, said
    assert (
        "RuntimeError"
        in {each["rule"]: each for each in said.json}["target-format-missing"]["what"]
    )


def test_the_page_has_every_format() -> None:
    """With what becomes of authorities, as the module says it."""
    row = r"^\| `([a-z0-9-]+)` \|.*?\| (out|held|kept|as pinned) \|"
    rows = dict(re.findall(row, _PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == {*BUILT_IN}
    for name in formats.MODULES:
        assert rows[name] == formats.load(name).authorities


def test_a_store_has_a_password_from_a_file(one: Console) -> None:
    """Nothing is written without; the same password changes nothing, another one does."""
    words = ("export", "--to", str(one.target), "--format", "pkcs12")
    assert "the password of the store is needed" in one.fails(*words, code=2).err
    first, second = one.write("first", b"correct horse\n"), one.write("second", b"battery staple\n")
    short = one.write("short", b"abc\n")
    for file in (first, second, short):
        Path(file).chmod(0o600)
    one.fails(*words, "--password-file", short, code=2)
    one(*words, "--password-file", first)
    store = one.target / "current" / "truststore.p12"
    assert b"correct horse" not in store.read_bytes()
    before = one.state()
    assert "nothing" in one(*words, "--password-file", first, "--dry-run").out
    assert one.state() == before
    check = ("openssl", "pkcs12", "-nokeys", "-in", store, "-passin")
    assert run(*check, f"file:{first}").returncode == 0
    one(*words, "--password-file", second)
    assert run(*check, f"file:{second}").returncode == 0
    assert run(*check, f"file:{first}").returncode != 0
    assert one("audit", "--fail-on", "error").code == 0


def test_a_password_for_nothing_is_refused(one: Console) -> None:
    """Somebody believes that the target is protected."""
    words = ("export", "--to", str(one.target), "--format", "known-pins", "--password-file", "x")
    assert "has no password" in one.fails(*words, code=2).err


def test_who_is_left_out_is_told(one: Console) -> None:
    """An authority that could sign for any name; nothing of it gets to the target."""
    ca = certs.authority("Bar CA")
    one.pin(ca, "bar", "--role", "authority")
    said = one("export", "--to", str(one.target), "--format", "openssl-dir")
    assert "bar: the authority" in said.err
    assert "was left out: it could sign for any name" in said.err
    files = list((one.target / "current").iterdir())
    assert all(ca.fingerprint.upper()[:2] not in one.name for one in files)
    assert not any(ca.pem in file.read_bytes() for file in files)
    assert len(files) == 3
    assert one("audit", "--fail-on", "error").code == 0
