"""The kinds of table that Debian's other packages bring, where they are the default."""

from __future__ import annotations

import shutil
import time

import pytest

from tests.lab.conftest import unavailable
from tests.lab.lab import Lab
from tests.lab.postfix import UNPACKED
from tests.lab.test_postfix_export import CONF, FOO, Administered

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-postfix")]
_MAIN = "default_database_type = {kind}\nmeta_directory = /mnt/meta\n"


class Mapped(Administered):
    """A Postfix with a package of tables; that kind is its default."""

    def __init__(self, lab: Lab, kind: str) -> None:
        self._kind = kind
        super().__init__(lab.network, f"postfix-{kind}.test", _MAIN.format(kind=kind))

    def start(self) -> None:
        """Start it with what the package's installation adds."""
        library = UNPACKED.with_name(f"postfix-{self._kind}") / "usr/lib/postfix"
        meta = self.base / "meta"
        shutil.copytree(UNPACKED / "etc/postfix", meta)
        kind, place = self._kind, library / f"postfix-{self._kind}.so"
        line = f"{kind}\t{place}\tdict_{kind}_open\tmkmap_{kind}_open\n"
        (meta / "dynamicmaps.cf").write_text(line)
        super().start()

    def dies(self, recipient: str) -> None:
        """Send a message over which the client ends, and is started again a minute later."""
        before = len(self.log())
        message = b"Subject: hello\n\nhello\n"
        self.ok_in(message, "sendmail", "-C", CONF, "-i", "-f", "ann@us.test", "--", recipient)
        for _attempt in range(500):
            if "/smtp: bad command startup -- throttling" in self.log()[before:]:
                return
            time.sleep(0.02)
        raise AssertionError(self.log()[before:])


@pytest.mark.parametrize("kind", ["lmdb", "cdb"])
def test_a_table_of_another_kind_holds(lab: Lab, kind: str) -> None:
    """It is the default's kind that is made, asked and read: the peer gets its mail and an impostor
    none, what is distrusted waits without a reload, a table that is lost or broken holds all mail,
    and nothing is left of it."""
    for one in ("postfix", f"postfix-{kind}"):
        if not UNPACKED.with_name(one).is_dir():
            unavailable(f"{one} is not unpacked in {UNPACKED.parent}: tests/run does that")
    us = Mapped(lab, kind)
    us.add(lab.foo_cert, "foo")
    us.add(lab.bar_cert, "bar")
    us.export()
    assert us.value("smtp_tls_policy_maps").startswith(f"{kind}:{CONF}/trustctl/live/tls_policy, ")
    table = us.conf / f"trustctl/live/tls_policy.{kind}"
    lab.route(FOO, lab.stranger)
    assert us.send(f"bob@{FOO}").waits
    lab.route(FOO, lab.foo)
    assert us.send(f"bob@{FOO}").went
    us.trustctl("audit", "--fail-on", "error")
    us.trustctl("distrust", lab.foo_cert.fingerprint, "--reason", "stolen", "--yes")
    us.trustctl("export", "--format", "postfix", "--to", CONF, "--yes")
    assert us.send(f"bob@{FOO}").waits
    us.forget()
    lab.route("bar.test", lab.stranger)
    content = table.read_bytes()
    for damaged in (None, b"", *([bytes(len(content))] if kind == "lmdb" else [])):
        table.unlink(missing_ok=True)
        if damaged is not None:
            table.write_bytes(damaged)
        assert "the table cannot be read" in us.trustctl("audit", "--fail-on", "error", code=1)
        us.reload()
        if kind == "lmdb" or damaged is None:
            assert us.send("bob@bar.test").waits, damaged
        else:
            us.dies("bob@bar.test")
    us.forget()
    assert lab.stranger.taken() == []
    us.export()
    us.trustctl("audit", "--fail-on", "error", code=1)  # of the pin that is distrusted
    lab.route("bar.test", lab.bar)
    if kind == "lmdb":
        assert us.send("bob@bar.test").went
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert not (us.conf / "trustctl").exists()
