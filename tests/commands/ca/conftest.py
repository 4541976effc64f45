"""Fixtures of the tests of ``trustctl ca``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.authority import OwnCa
from tests.certs import Made
from tests.commands.ca.ceremony import Ceremony, Peers
from tests.console import Console


@pytest.fixture
def own(console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnCa:
    """A user who is about to make a CA, and knows the passphrase."""
    return OwnCa(console, monkeypatch)


@pytest.fixture(scope="session")
def _held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        own = OwnCa(Console(tmp_path_factory.mktemp("held")), patch)
        own.init("--permit", "bar.test")
        return own.console.db.parent


@pytest.fixture
def ca(own: OwnCa, _held: Path) -> OwnCa:
    """A CA that is held to bar.test, and has issued nothing yet."""
    shutil.copytree(_held, own.console.db.parent)
    return own


@pytest.fixture
def out(ca: OwnCa) -> Path:
    """Where the hosts' files go; it is not there yet."""
    return ca.console.folder / "mail"


@pytest.fixture(scope="session")
def _peers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("peers")
        return folder, Peers(folder, patch, None).foo


@pytest.fixture
def peers(
    console: Console, monkeypatch: pytest.MonkeyPatch, _peers: tuple[Path, Made], tmp_path: Path
) -> Peers:
    """A root for peers on a machine without a network; elsewhere foo's CA, pinned."""
    folder = tmp_path / "peers"
    shutil.copytree(_peers[0], folder)
    return Peers(folder, monkeypatch, _peers[1])


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console) -> Ceremony:
    """Two machines, the root made on the dark one."""
    return Ceremony(tmp_path, monkeypatch)
