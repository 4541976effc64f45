"""What a run left behind: the inventory's content, what a reader of a target sees, and each file.

Two runs are compared, made seconds apart: the times in them, and the hashes over those, are left
out, and so is a generation's number: a killed run may have used one up. Everything else is compared
to the byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Container
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trustctl.files import TEMPORARY
from trustctl.inventory import verify
from trustctl.inventory.schema import HEAD
from trustctl.inventory.transaction import reading

_OF_THE_MOMENT = frozenset(
    ("added_at", "as_of", "at", "created_at", "hash", "manifest_sha256", "number", "retired_at")
)
_SET = re.compile(rb"set=([0-9a-f]{64}\.pem)")
_PID = re.compile(r"(?<=[a-z])-\d+(?=$|-)")
_LINE = re.compile(rb"([0-9a-f]{64}) (\d+) (\S+)\n")

Rows = dict[str, list[dict[str, Any]]]
Tree = dict[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Inventory:
    """The rows of all tables, and the generation that is said to be in force at each target."""

    rows: Rows
    claims: dict[str, int] = field(compare=False)


_looked_at: dict[bytes, Inventory] = {}


def inventory(folder: Path, scratch: Path) -> Inventory | None:
    """The inventory in ``folder``, sound in each respect; None where there is none.

    A copy of it is opened: what a killed process left, and SQLite mends when it opens the file, is
    still there for the next command.
    """
    if not (folder / "trustctl.db").exists():
        return None
    digest = hashlib.sha256()
    for one in sorted(folder.glob("trustctl.db*")):
        content = one.read_bytes()
        digest.update(f"{one.name} {len(content)} ".encode() + content)
    if digest.digest() not in _looked_at:
        _looked_at[digest.digest()] = _look_at(folder, scratch)
    return _looked_at[digest.digest()]


def _look_at(folder: Path, scratch: Path) -> Inventory:
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch, ignore=shutil.ignore_patterns("generations"))
    path = scratch / "trustctl.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row

        def query(statement: str) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(statement)]

        assert query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert query("PRAGMA foreign_key_check") == []
        tables = [one["name"] for one in query("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = {
            name: sorted((_lasting(one) for one in query(f'SELECT * FROM "{name}"')), key=repr)  # noqa: S608
            for name in tables
        }
        claims = {}
        if "target" in tables:
            claims = {
                one["path"]: one["number"]
                for one in query(
                    "SELECT path, number FROM target JOIN current_generation ON id = target_id"
                )
            }
    if rows["alembic_version"] == [{"version_num": HEAD}]:
        with reading(path) as tx:
            assert verify.verify(tx.connection) == []
    return Inventory(rows, claims)


def _lasting(row: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in row.items() if key not in _OF_THE_MOMENT}
    if "details" in found:
        found["details"] = _lasting(json.loads(found["details"]))
    return found


def tree(folder: Path, *, raw: bool = False) -> Tree:
    """Every file, link and folder under ``folder``: mode, owner and group, and the content.

    Args:
        raw: the content of a manifest as it is; else the lines of its files alone.
    """
    found: Tree = {}
    for one in sorted(folder.rglob("*")):
        info = one.lstat()
        content = b""
        if one.is_symlink():
            content = os.fsencode(os.readlink(one))
        elif stat.S_ISREG(info.st_mode):
            content = one.read_bytes()
            if one.name == "manifest" and not raw and TEMPORARY not in str(one):
                content = _checked_manifest(content)
        found[str(one.relative_to(folder))] = (
            f"{info.st_mode:o} {info.st_uid}:{info.st_gid}",
            content,
        )
    return found


def _checked_manifest(text: bytes) -> bytes:
    """The lines of its files, after a look at its own last line: it is whole."""
    body, _end, digest = text.rpartition(b"end ")
    assert digest == hashlib.sha256(body).hexdigest().encode() + b"\n", "a torn manifest"
    return body.partition(b"\n\n")[2]


def in_force(root: Path) -> dict[str, bytes] | None:
    """What a reader of ``root``/current sees: its files, and the trust sets that its map names."""
    if not os.path.lexists(root / "current"):
        return None
    folder = (root / "current").resolve()
    missing = [one for one, there in listed(root, folder).items() if not there]
    assert not missing, f"in force without {missing}"
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.name != "manifest"}
    for name in set(_SET.findall(found.get("peers.map", b""))):
        found[name.decode()] = (root / "sets" / name.decode()).read_bytes()
    return found


def listed(root: Path, folder: Path) -> dict[str, bool]:
    """The files that a generation's manifest lists, and whether each is there. None is torn."""
    found = {}
    for digest, size, name in _LINE.findall((folder / "manifest").read_bytes()):
        path = root / name.decode()
        found[name.decode()] = path.exists()
        if path.exists():
            content = path.read_bytes()
            assert len(content) == int(size), f"torn: {path}"
            assert hashlib.sha256(content).hexdigest().encode() == digest, f"torn: {path}"
    assert found, f"{folder}: its manifest lists nothing"
    return found


def assert_none_torn(root: Path) -> None:
    """No generation that has its name has a torn file; one without a manifest is wholly gone."""
    for folder in (root / "generations").glob("*"):
        if (folder / "manifest").exists() and not folder.name.startswith(TEMPORARY):
            listed(root, folder)
        elif not folder.name.startswith(TEMPORARY):
            assert list(folder.iterdir()) == [], f"{folder} has lost its manifest"


def settled(tree: Tree, names: Container[str]) -> Tree:
    """The tree without what depends on how many generations were begun: those that are not in
    force, and the trust sets that are not among ``names``."""
    return {
        path: found
        for path, found in tree.items()
        if not (
            "/generations/" in path
            or path.endswith("/current")
            or ("/sets/" in path and os.path.basename(path) not in names)
        )
    }


def orphans(root: Path) -> set[str]:
    """The trust sets that no generation lists."""
    there = {f"sets/{one.name}" for one in root.glob("sets/*")}
    for one in root.glob("generations/*/manifest"):
        there -= listed(root, one.parent).keys()
    return there


def signature(folder: Path) -> bytes:
    """A hash of everything under ``folder``: two of the same are the same to the next command.

    SQLite's ``-shm`` counts by its name alone: the first process that opens it makes it anew. The
    process number in an unfinished file's name does not count.
    """
    digest = hashlib.sha256()
    for path, (mode, content) in tree(folder, raw=True).items():
        kept = b"" if path.endswith("-shm") else content
        digest.update(f"{_PID.sub('-', path)} {mode} {len(kept)} ".encode() + kept)
    return digest.digest()


def leftovers(folder: Path) -> list[str]:
    """Unfinished files that somebody left."""
    return sorted(
        str(one.relative_to(folder))
        for one in folder.rglob("*")
        if one.name.startswith(TEMPORARY) or ".new-" in one.name
    )
