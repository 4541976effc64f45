"""``trustctl prove``: what it prints, and how it says that it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console import Console
from tests.prove.site import Proof, Site, numbered
from tests.tools import require, require_root

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove")]


def test_the_table_fits_a_terminal_and_tells_what_json_tells(site: Site, proof: Proof) -> None:
    """Each attempt with the MTA's own words under it, in 80 columns, and what it comes to."""
    said = site("prove").out
    lines = said.splitlines()
    assert all(len(one) <= 80 for one in lines)
    headings = [one for one in lines if one.startswith("foo.test")]
    assert headings == [
        "foo.test (peer foo), data as they are installed",
        "foo.test (peer foo), throwaway certificates",
    ]
    assert numbered(said) == len(proof.rows)
    assert "T=trustctl_smtp" in said
    held = sum(one["held"] is True for one in proof.rows)
    assert lines[-1] == f"proven: {held} came out as they must"


def test_what_is_kept_is_for_root_alone(site: Site) -> None:
    """The configuration, the whole log and what became of each attempt; never over anything."""
    place = site.folder / "kept"
    site("prove", "--keep", str(place))
    assert sorted(one.name for one in place.iterdir()) == ["attempts", "configuration", "mainlog"]
    assert {one.stat().st_mode & 0o777 for one in place.iterdir()} == {0o600}
    assert place.stat().st_mode & 0o777 == 0o700
    assert "trustctl_smtp:" in (place / "configuration").read_text()
    assert "=> prove@foo.test" in (place / "mainlog").read_text()
    assert "## 0 foo.test self-signed installed deferred" in (place / "attempts").read_text()
    before = {one: one.read_bytes() for one in place.iterdir()}
    assert "is there already" in site("prove", "--keep", str(place), code=7).err
    assert {one: one.read_bytes() for one in place.iterdir()} == before


def test_a_proof_that_fails_says_so_at_the_row_and_at_the_end(site: Site) -> None:
    """And exits with 1."""
    transport = "conf.d/transport/050_trustctl"
    with site.edited({transport: {"hosts_require_tls = *": "hosts_require_tls = :"}}):
        said = site("prove", code=1).out
    assert re.search("^  STARTTLS is stripped +delivered  FAILED$", said, re.MULTILINE)
    assert said.splitlines()[-1].startswith("NOT PROVEN: ")


def test_without_root_it_says_what_it_needs(tmp_path: Path) -> None:
    """Before it looks at anything."""
    require("setpriv")
    require_root()
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-m", "trustctl",
         "--db", str(tmp_path / "none.db"), "prove"],
        capture_output=True, text=True, check=False, cwd="/",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "prove needs root" in done.stderr
    assert "hint: sudo trustctl prove" in done.stderr


@pytest.mark.parametrize(
    ("tool", "says", "hint"),
    [
        ("ip", "prove needs ip", "apt install iproute2"),
        ("unshare", "prove needs unshare", "apt install util-linux"),
        ("exim4", "no Exim and no Postfix is installed here", "apt install exim4"),
    ],
)
def test_a_tool_that_is_missing_is_named(site: Site, tool: str, says: str, hint: str) -> None:
    """With the package that has it."""
    hidden = site.folder / "hidden"
    hidden.touch(mode=0o600)
    script = f'mount --bind {hidden} "$(readlink -f "$(command -v {tool})")"; exec "$@"'
    said = site(
        "prove",
        code=2,
        before=("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"),
    )
    assert says in said.err
    assert f"hint: {hint}" in said.err


def test_a_kind_that_is_not_there_is_named(site: Site) -> None:
    """What was asked for is not replaced by what is there."""
    said = site("prove", "--mta", "postfix", code=2).err
    assert "no Postfix is installed here" in said
    assert "hint: apt install postfix" in said


def test_where_namespaces_are_forbidden_it_says_so(site: Site) -> None:
    """As in a container: nothing was attacked, and nothing is proven."""
    require("setpriv")
    before = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    said = site("prove", code=7, before=before)
    assert "the MTA cannot be run in a namespace of its own: unshare" in said.err
    assert "CAP_SYS_ADMIN" in said.err


def test_who_cannot_be_played_is_told(site: Site) -> None:
    """No such peer, or none with a protected domain."""
    assert "there is no peer nobody" in site("prove", "--peer", "nobody", code=5).err


def test_an_inventory_that_is_not_there_proves_nothing(console: Console) -> None:
    """It is the inventory that says who is protected."""
    require_root()
    require("exim4", "unshare", "ip")
    console("prove", code=6)
