"""share/doc/migrating.md is a way that can be gone: each of its lines is typed, in order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests import certs
from tests.console import ANN, Console, Ran

_PAGE = Path(__file__).parents[2] / "share" / "doc" / "migrating.md"
_VOUCH = "trustctl vouch 3f2a91c4d5e60718 --peer foo --domain foo.test --fingerprint"


class Machine:
    """A machine whose certificates were laid by hand: its places are folders of the test's."""

    def __init__(self, console: Console, foo: certs.Made, bar: certs.Made) -> None:
        self.console = console
        self.places = {
            "/usr/local/share/ca-certificates": console.folder / "local",
            "/etc/exim4": console.folder / "exim4",
            "/etc/ssl/peers": console.folder / "peers",
        }
        for one in self.places.values():
            one.mkdir()
        (console.folder / "local" / "foo.crt").write_bytes(foo.pem)
        (console.folder / "exim4" / "partners.crt").write_bytes(bar.pem)

    def type(self, line: str, *more: str, code: int = 0) -> Ran:
        """Type a line of the page, its places being this machine's."""
        for name, place in self.places.items():
            line = re.sub(rf"{re.escape(name)}(?=[ /]|$)", str(place), line)
        command, *words = shlex.split(line)
        assert command == "trustctl"
        return self.console(*words, *more, code=code)


@pytest.fixture
def lines() -> list[str]:
    """What the page says to type."""
    blocks = re.findall(r"^```\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_the_pages_steps(
    console: Console, foo: certs.Made, bar: certs.Made, lines: list[str]
) -> None:
    """From two strangers to two trusted peers, mail protected, and a store of them alone."""
    here = Machine(console, foo, bar)
    (system, laid, dry, adopt, vouch, export, audit, check, debian, pem, again) = lines
    here.type(system, "--fail-on", "never")
    said = here.type(laid, code=1).out
    assert said.count("strangers            1") == 2
    here.type(dry)
    assert not console.db.exists()
    ran = here.type(adopt)
    assert set(console.states().values()) == {"pending"}
    assert "strangers            0" in here.type(laid, code=1).out
    assert vouch == _VOUCH
    shown = [one.strip() for one in ran.err.splitlines() if one.startswith("  trustctl")]
    assert shown == [
        vouch.replace("3f2a91c4d5e60718", made.fingerprint[:16]).replace("foo", name)
        for made, name in ((foo, "foo"), (bar, "bar"))
    ]
    for line, made in zip(shown, (foo, bar), strict=True):
        here.type(line, made.fingerprint, "--vouched-by", ANN)
    assert set(console.states().values()) == {"trusted"}
    # no Exim runs in the test's folder: what --reload does is the lab's matter
    assert export.endswith(" --reload")
    here.type(export.removesuffix(" --reload"), "--format", "exim")
    here.type(audit, "--fail-on", "never")
    assert ": protected" in here.type(check).out
    for name in ("local/foo.crt", "exim4/partners.crt"):
        (console.folder / name).unlink()
    # it would write this machine's own store: tests/commands/test_debian.py types it elsewhere
    assert debian == "trustctl export --format debian --only-peers"
    here.type(pem)
    said = here.type(again, "--fail-on", "never").out
    assert "pinned and trusted   2: bar 1, foo 1" in said
    assert "strangers            0" in said
