"""What is installed is what was tested: the wheel carries migrations/ and share/ and finds them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import trustctl
from tests.certs import self_signed
from tests.inventory.older import make_older
from trustctl.inventory import schema

pytestmark = pytest.mark.xdist_group("wheel")  # it is built once

_TREE = Path(trustctl.__file__).resolve().parent.parent
_WHERE = "from trustctl.resources import resource; print(resource('migrations'), resource('share'))"
_CARRIED = ("migrations", "share")


def _run(*command: str | Path, folder: Path) -> str:
    """What a command prints, run in ``folder``, with nothing that points to the tree."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ran = subprocess.run(
        [str(one) for one in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of this tree without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", _TREE, "--no-deps",
        "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", folder, folder=folder,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment's ``bin`` that has the wheel; what it depends on is lent by ours."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    # a path alone: the .pth files in there, the editable install's too, are not followed
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python",
        folder / "bin" / "python", "install", "--no-deps", "--no-index", "--quiet",
        "--ignore-installed", wheel, folder=folder,
    )  # fmt: skip
    return folder / "bin"


def _files(folder: Path) -> dict[str, str]:
    """Each file that belongs there, by its path, and its SHA-256."""
    return {
        str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in folder.rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    }


def test_wheel_carries_the_package_its_migrations_and_its_share(wheel: Path) -> None:
    """Every file of the three, to the byte, and nothing else: no test, no cache."""
    expected = {f"trustctl/{name}": digest for name, digest in _files(_TREE / "trustctl").items()}
    for folder in _CARRIED:
        for name, digest in _files(_TREE / folder).items():
            expected[f"trustctl/_data/{folder}/{name}"] = digest
    with zipfile.ZipFile(wheel) as archive:
        found = {
            one: hashlib.sha256(archive.read(one)).hexdigest()
            for one in archive.namelist()
            if ".dist-info/" not in one
        }
    assert found == expected
    assert any(name.startswith("trustctl/_data/migrations/versions/0001_") for name in found)
    assert "trustctl/_data/share/exim/router.conf" in found


def test_installed_wheel_finds_what_it_carries(installed: Path, tmp_path: Path) -> None:
    """Package, migrations and share are the installed ones, not the tree's."""
    places = _run(installed / "python", "-c", _WHERE, folder=tmp_path).split()
    places.append(_run(installed / "python", "-c", "import trustctl; print(trustctl.__file__)",
                       folder=tmp_path).strip())  # fmt: skip
    for place in places:
        assert Path(place).is_relative_to(installed.parent)
        assert Path(place).exists()
        assert not Path(place).is_relative_to(_TREE)


def test_installed_wheel_upgrades_an_older_inventory(installed: Path, tmp_path: Path) -> None:
    """From 0001 to the newest by the migrations it carries; then add, check and dump work."""
    database = tmp_path / "trustctl.db"
    make_older(database)
    command = (installed / "trustctl", "--db", database)
    refused = subprocess.run(
        [*command, "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 6
    assert "trustctl db upgrade" in refused.stderr
    said = _run(*command, "db", "upgrade", folder=tmp_path)
    assert f"from 0001 to {schema.HEAD}" in said
    made = self_signed("mx.new.test")
    (tmp_path / "new.pem").write_bytes(made.pem)
    _run(*command, "add", "new.pem", "--peer", "new", "--domain", "new.test",
         f"--fingerprint={made.fingerprint}", folder=tmp_path)  # fmt: skip
    assert "is sound" in _run(*command, "db", "check", folder=tmp_path)
    dumped = _run(*command, "dump", folder=tmp_path)
    assert '"peer": "foo"' in dumped
    assert '"peer": "new"' in dumped


def test_installed_wheel_writes_the_same_configuration(installed: Path, tmp_path: Path) -> None:
    """The templates of share/ are found: Exim's router and transport are those of the tree."""
    program = "from trustctl.export.exim import configuration; print(configuration('/etc/exim4'))"
    theirs = _run(installed / "python", "-c", program, folder=tmp_path)
    assert "hosts_require_tls" in theirs
    assert theirs == _run(sys.executable, "-c", program, folder=tmp_path)


def test_editable_install_finds_the_trees(tmp_path: Path) -> None:
    """Without a wheel, from any folder: the tree's own migrations/ and share/."""
    found = _run(sys.executable, "-c", _WHERE, folder=tmp_path).split()
    assert [Path(one) for one in found] == [_TREE / name for name in _CARRIED]
    for one in found:
        assert list(Path(one).iterdir())
