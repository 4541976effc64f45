"""Start-up is a feature: nothing is loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = {"sqlalchemy", "alembic", "cryptography", "tabulate", "asn1crypto", "idna", "sqlite3"}
_LOADED = """
import contextlib, io, json, sys
before = set(sys.modules)
from trustctl import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    words = json.loads(sys.argv[1])
    code = cli.run(words) if words is not None else 0
print(json.dumps([code, sorted({name.split(".")[0] for name in set(sys.modules) - before})]))
"""


def _loaded(words: list[str] | None) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, json.dumps(words)],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    code, names = json.loads(done.stdout)
    return code, set(names)


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    """Neither the libraries, nor any command, nor any layer."""
    _code, names = _loaded(None)
    assert not names & _HEAVY
    done = subprocess.run(
        [sys.executable, "-c", "import sys, trustctl.cli; print(*sorted(sys.modules))"],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    own = {one for one in done.stdout.split() if one.split(".")[0] == "trustctl"}
    lazy = {"trustctl.commands", "trustctl.commands.lazy"}
    assert own == {"trustctl", "trustctl.cli", "trustctl.errors"} | lazy


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0), (["--version"], 0), ([], 2), (["nonsense"], 2), (["add", "--help"], 0),
        (["export", "--help"], 0), (["audit", "--help"], 0), (["list", "--nonsense"], 2),
        (["add", "missing.pem", "--peer", "x"], 4),
    ],
)  # fmt: skip
def test_answers_that_need_no_inventory_load_nothing_heavy(words: list[str], code: int) -> None:
    """Help and mistakes are told at once."""
    ended, names = _loaded(words)
    assert ended == code
    assert not names & _HEAVY


def test_reading_the_inventory_parses_no_certificate(tmp_path: Path) -> None:
    """list and check take facts from the database: cryptography and alembic stay out."""
    database = str(tmp_path / "trustctl.db")
    assert _loaded(["--db", database, "set", "vouches_required", "2"])[0] == 0
    for words, expected in ((["list"], 0), (["check", "foo.test"], 1)):
        code, names = _loaded(["--db", database, *words])
        assert code == expected
        assert "sqlalchemy" in names
        assert not names & {"cryptography", "alembic", "asn1crypto", "tabulate"}


def test_reading_pins_loads_nothing_of_what_is_seen(tmp_path: Path) -> None:
    """Neither the tables of the wire nor their records, where nothing was ever renewed."""
    database = str(tmp_path / "trustctl.db")
    assert _loaded(["--db", database, "set", "vouches_required", "2"])[0] == 0
    told = _LOADED.replace('.split(".")[0]', "")
    for words in (["list"], ["check", "foo.test"]):
        done = subprocess.run(
            [sys.executable, "-c", told, json.dumps(["--db", database, *words])],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        names = set(json.loads(done.stdout)[1])
        assert "trustctl.inventory.snapshot" in names
        assert not names & {
            "trustctl.facts.wire", "trustctl.facts.network", "trustctl.facts.notification",
            "trustctl.inventory.schema_wire", "trustctl.inventory.renewed",
        }  # fmt: skip
