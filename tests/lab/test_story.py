"""The whole story, by what an administrator types, on a stock Debian Exim."""

from __future__ import annotations

import pytest

from tests import certs
from tests.lab.lab import Lab, Mx

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-story")]
FOO, MX = "foo.test", "mx.foo.test"


@pytest.mark.parametrize("split", ["false", "true"], ids=["unsplit", "split"])
def test_from_an_unknown_certificate_to_verified_mail_and_back(lab: Lab, split: str) -> None:
    """Unknown: waits. Added and exported: delivered to exactly that certificate. Rolled over,
    distrusted, withdrawn: as it says. Unprotected, uninstalled: as if it had never been there."""
    us = lab.administered(f"story-{split}.test", settings={"dc_use_split_config": split})
    new = certs.self_signed(MX)
    renewed = lab.mx(f"renewed-{split}", new)
    stock = us.tree()

    def outcome(host: Mx) -> str:
        lab.route(FOO, host, MX)
        sent = us.send("bob@foo.test")
        return "waits" if sent.waits else f"{sent.one.transport} CV={sent.one.cv}"

    assert outcome(lab.stranger) == "remote_smtp CV=no"
    lab.stranger.clear()

    us.add(lab.foo_cert, "foo", vouched=False)
    assert "foo.test" in us.export(code=9), "nobody agreed that the mail will wait"
    assert us.tree() == stock
    us.export("--yes")
    assert (outcome(lab.foo), outcome(lab.stranger)) == ("waits", "waits")
    us.trustctl("audit", code=1)

    us.add(lab.foo_cert, "foo")
    told = us.export()
    assert "changed: foo.test" in told
    assert "Exim reloaded (pid " in told
    assert "the router and the transport are there, first and unaltered" in told
    assert outcome(lab.foo) == "trustctl_smtp CV=yes"
    assert [outcome(one) for one in (lab.stranger, lab.certified, lab.stripper)] == ["waits"] * 3
    assert "nothing found" in us.trustctl("audit")
    assert "nothing has changed" in us.export()

    us.add(new, "foo")
    us.export()
    assert [outcome(one) for one in (lab.foo, renewed)] == ["trustctl_smtp CV=yes"] * 2
    us.trustctl("distrust", lab.foo_cert.fingerprint, "--reason", "the key was stolen", "--yes")
    assert outcome(lab.foo) == "trustctl_smtp CV=yes", "not exported yet"
    assert "still in force" in us.trustctl("audit", code=1)
    us.export()
    assert (outcome(lab.foo), outcome(renewed)) == ("waits", "trustctl_smtp CV=yes")

    us.trustctl("withdraw", new.fingerprint, "--reason", "misheard")
    assert "no trusted pin is left" in us.export(code=9)
    assert outcome(renewed) == "trustctl_smtp CV=yes", "a refused export changes nothing"
    us.export("--yes")
    assert (outcome(renewed), outcome(lab.stranger)) == ("waits", "waits")

    us.trustctl("unprotect", FOO, "--yes")
    assert outcome(lab.stranger) == "waits", "not exported yet"
    us.export("--yes")
    assert outcome(lab.stranger) == "remote_smtp CV=no"

    us.trustctl("uninstall", "--from", "/etc/exim4", "--yes")
    assert us.tree() == stock
    assert outcome(lab.stranger) == "remote_smtp CV=no"
    us.trustctl("journal", "verify")


def test_rollback_and_export_bring_the_old_and_the_new_back(lab: Lab) -> None:
    """A generation that is brought back decides at once, without a reload, and so does the next."""
    us = lab.administered("rollback.test", settings={"dc_use_split_config": "false"})
    us.add(lab.foo_cert, "foo")
    us.export()
    us.add(lab.bar_cert, "bar")
    us.export()
    lab.route("bar.test", lab.stranger)
    assert us.send("bob@bar.test").waits
    us.trustctl("rollback", "--of", "/etc/exim4", "--yes")
    assert us.send("bob@bar.test").one.cv == "no"
    assert "is in force, " in us.trustctl("audit", code=1)
    us.export()
    assert us.send("bob@bar.test").waits


def test_what_is_written_is_for_exim_s_group_and_nobody_else(lab: Lab) -> None:
    """Files 0640 and folders 0750, of root and Exim's group; Exim's own user reads all of it."""
    us = lab.administered("modes.test", settings={"dc_use_split_config": "true"})
    before = set(us.tree())
    us.add(lab.foo_cert, "foo")
    us.export()
    ours = {path: told for path, told in us.tree().items() if path not in before}
    group = us.spool.stat().st_gid
    for path, told in ours.items():
        mode, owner, _content = told.split(" ")
        if path.endswith("/current"):
            continue  # a link
        assert owner == f"0:{0 if path.endswith('/lock') else group}", path
        assert int(mode, 8) & 0o027 == 0, path
    lab.route(FOO, lab.foo, MX)
    assert us.send("bob@foo.test").one.cv == "yes"
    reads = ("setpriv", "--reuid=Debian-exim", "--regid=Debian-exim", "--clear-groups")
    us.ok(
        *reads,
        "find",
        "/etc/exim4/trustctl",
        "-type",
        "f",
        "!",
        "-name",
        "lock",
        "-exec",
        "wc",
        "-c",
        "{}",
        "+",
    )
    for path in ("/etc/exim4/trustctl", "/etc/exim4/trustctl/current/peers.cdb"):
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        assert us.run(*nobody, "cat", path).returncode != 0
