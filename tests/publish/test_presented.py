"""An Exim's own key and certificate by ``--install exim``, on stock Debian Exims."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import certs
from tests.publish.box import Box, tree
from tests.publish.host import MX, PAIR, Host

TLS = "MAIN_TLS_ENABLE = yes\n"


@pytest.fixture
def host(exim: Callable[..., Box], tmp_path: Path) -> Host:
    """A stock Exim that is told to offer TLS, and a CA."""
    found = Host(exim(), tmp_path)
    found.tell(TLS)
    return found


def _stand(host: Host) -> None:
    """Let Exim have a pair that somebody made by hand."""
    made = certs.self_signed("old.bar.test", ca=True)
    (host.box.etc / "exim.crt").write_bytes(made.pem)
    (host.box.etc / "exim.key").write_bytes(made.key_pem)
    for one in PAIR:
        (host.box.etc / one).chmod(0o644)


def _seen(host: Host, wanted: str) -> str:
    """What the daemon presents, once it is this; a reload takes it a moment."""
    for _attempt in range(100):
        if wanted in (told := host.presents()):
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def test_one_command_places_checks_and_reloads(host: Host) -> None:
    """A running Exim presents the new chain at once, and the next one after a renewal; who trusts
    another root, or looks for another name, sees it fail."""
    _stand(host)
    host.box.daemon()
    assert "self-signed certificate" in host.presents()
    assert host.issue().code == 0
    told = _seen(host, "Verify return code: 0 (ok)")
    assert "subject=CN = mx.bar.test" in told
    assert "hostname mismatch" in host.presents("other.bar.test")
    before = host.serial()
    done = host.renew()
    assert done.code == 0
    assert "reloaded" in done.err
    assert host.serial() not in (None, before)
    assert host.issued() == [before, host.serial()]
    found = re.search(
        r"-----BEGIN CERTIFICATE-----\n(\S+)", (host.read("exim.crt") or b"").decode()
    )
    assert found is not None
    assert "Verify return code: 0 (ok)" in _seen(host, found[1])
    host.root.write_bytes(certs.authority("other").pem)
    assert "unable to get local issuer certificate" in host.presents()
    assert host("journal", "verify").code == 0


def test_owner_and_mode(host: Host) -> None:
    """The key is for root and Exim's group alone, from the first byte on: nothing of it is in any
    file that others may read, nor the key of the pair before in any."""
    assert host.issue().code == 0
    assert host.renew().code == 0
    group = (host.box.etc / "passwd.client").stat().st_gid
    root = host.box.etc / "trustctl-host"
    keys = [one for one in host.box.etc.rglob("*") if one.name == "exim.key"]
    files = [one for one in keys if not one.is_symlink()]
    assert len(files) == 1
    for path, mode in ((files[0], 0o640), (root, 0o750), (files[0].parent, 0o750)):
        info = path.stat()
        assert stat.S_IMODE(info.st_mode) == mode
        assert (info.st_uid, info.st_gid) == (0, group)
    done = host.box.command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                            "cat", "/etc/exim4/exim.key", check=False)  # fmt: skip
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize("before", ["nothing", "files", "links", "certificate alone"])
def test_uninstall_leaves_exim_as_it_was(host: Host, before: str) -> None:
    """To the byte, owner and mode: files that stood there, links to elsewhere, or nothing."""
    etc = host.box.etc
    if before != "nothing":
        _stand(host)
    if before == "links":
        (etc / "live").mkdir()
        for one in PAIR:
            (etc / one).rename(etc / "live" / one)
            (etc / one).symlink_to(f"live/{one}")
    if before == "certificate alone":
        (etc / "exim.key").unlink()
    was = tree(etc)
    was.pop(str(etc / "trustctl"))
    assert host.issue().code == 0
    assert host.renew().code == 0
    assert tree(etc) != was
    assert host("uninstall", "--from", "/etc/exim4", "--yes").code == 0
    assert tree(etc) == was
    assert host("uninstall", "--from", "/etc/exim4", "--yes").code == 7


def test_uninstall_removes_the_peers_and_the_pair(host: Host) -> None:
    """Both, where both were written, and the daemon goes back to what it had."""
    _stand(host)
    host.box.daemon()
    was = tree(host.box.etc)
    assert host.issue().code == 0
    _seen(host, "Verify return code: 0 (ok)")
    assert host("export", "--to", "/etc/exim4", "--reload", "--yes").code == 0
    assert host("uninstall", "--from", "/etc/exim4", "--yes").code == 0
    was.pop(str(host.box.etc / "trustctl"))
    assert tree(host.box.etc) == was
    _seen(host, "self-signed certificate")


@pytest.mark.parametrize(
    ("split", "macros", "words"),
    [
        (False, "", ("--profile", "mta-server")),
        (True, "", ("--profile", "mta-server")),
        (False, "MAIN_TLS_ENABLE = yes\nMAIN_TLS_CERTIFICATE = /etc/other.crt\n", ()),
        (True, "", ("--client",)),
    ],
    ids=["nothing", "nothing-split", "another", "client"],
)
def test_where_exim_does_not_use_it(
    exim: Callable[..., Box], tmp_path: Path, split: bool, macros: str, words: tuple[str, ...]
) -> None:
    """Exit 8, and what is said is enough: the lines, put where it says, make the next one work."""
    host = Host(exim(split=split), tmp_path)
    (host.box.etc / "conf.d/main/000_localmacros").write_text(macros)
    host.tell(macros)
    done = host.issue(*words)
    assert done.code == 8
    assert "NOT IN FORCE" in done.err
    assert host.serial() == host.issued()[0]
    place = re.search(r"put this into /etc/exim4/(\S+), then: (update-exim4.conf)", done.err)
    assert place is not None
    lines = re.findall(r"^  (\w+ = .*)$", done.err, re.MULTILINE)
    kept = [one for one in macros.splitlines() if one.partition(" =")[0] not in str(lines)]
    (host.box.etc / place[1]).write_text("\n".join([*kept, *lines, ""]))
    host.box.command(place[2])
    assert host.renew().code == 0
    other = "exim4.conf.localmacros" if split else "conf.d/main/000_localmacros"
    assert place[1] != other


def test_exim_that_refuses_its_configuration(host: Host) -> None:
    """It is asked before anything is made: no key, no certificate, nothing written."""
    (host.box.lib / "config.autogenerated").write_text("nonsense\n")
    was = host.box.tree()
    assert host.issue().code == 8
    assert host.issued() == []
    assert host.box.tree() == was


@pytest.mark.parametrize("first", [True, False], ids=["first", "renewal"])
def test_a_daemon_that_cannot_reload(host: Host, first: bool) -> None:
    """Key and certificate are as they were; the next try uses the key that is certified."""
    _stand(host)
    if not first:
        assert host.issue().code == 0
    was = {one: host.read(one) for one in PAIR}
    # started without its path it cannot execute itself anew
    host.box.command("bash", "-c", "cd /usr/sbin && exec -a exim4 /usr/sbin/exim4 -bd -q30m "
                     "-oX 127.0.0.1.2525 -oP /run/exim4/exim.pid")  # fmt: skip
    for _attempt in range(100):
        if (host.box.run / "exim.pid").exists():
            break
        time.sleep(0.05)
    done = host.issue()
    assert done.code == 8
    assert "as they were" in done.err
    assert {one: host.read(one) for one in PAIR} == was
    (key,) = (host.box.etc / "trustctl-host").glob(f"next-{MX}/exim.key")
    kept = key.read_bytes()
    host.box.command("pkill", "-F", "/run/exim4/exim.pid")
    for _attempt in range(100):
        if not (host.box.run / "exim.pid").exists():
            break
        time.sleep(0.05)
    assert host.issue().code == 0
    assert host.read("exim.key") == kept
    assert host.serial() == host.issued()[-1]


def test_the_same_key(host: Host) -> None:
    """A renewal keeps the key when asked to; a key that is not the certificate's is refused."""
    done = host("ca", "renew", MX, "--install", "exim", "--same-key")
    assert done.code == 5
    assert host.issue().code == 0
    key, serial = host.read("exim.key"), host.serial()
    assert host.renew("--same-key").code == 0
    assert host.read("exim.key") == key
    assert host.serial() != serial
    (place,) = [one for one in (host.box.etc / "trustctl-host").rglob("exim.key")
                if not one.is_symlink() and "current" not in one.parts]  # fmt: skip
    place.write_bytes(certs.self_signed().key_pem)
    place.chmod(0o640)
    known = host.issued()
    assert host.renew("--same-key").code == 4
    assert host.issued() == known


def test_a_timer_renews_what_is_in_force(host: Host) -> None:
    """``renew --all --install exim`` renews Exim's own certificate when it is due, and no other."""
    assert host("ca", "issue", "mx2.bar.test", "--out", str(host.db.parent)).code == 0
    assert host("ca", "renew", "--all", "--install", "exim", "--before", "400d").code == 0
    assert len(host.issued()) == 1
    assert host.issue().code == 0
    for before, more in (("30d", 0), ("400d", 1)):
        known = host.issued()
        assert host("ca", "renew", "--all", "--install", "exim", "--before", before).code == 0
        assert len(host.issued()) == len(known) + more
        assert host.serial() == host.issued()[-1]


@pytest.mark.parametrize("what", ["folder", "edited"])
def test_what_is_not_ours_stays(host: Host, what: str) -> None:
    """A folder in the certificate's place, or a file that replaced ours, is not written over."""
    etc = host.box.etc
    if what == "folder":
        (etc / "exim.crt").mkdir()
    else:
        _stand(host)
        assert host.issue().code == 0
        (etc / "exim.crt").unlink()
        (etc / "exim.crt").write_text("by hand\n")
    was, known = tree(etc), host.issued()
    done = host.issue()
    assert done.code == 7
    assert "by hand" in done.err or "not a file" in done.err
    assert (tree(etc), host.issued()) == (was, known)
    if what == "edited":
        assert (etc / "exim.crt").read_text() == "by hand\n"
        said = host("uninstall", "--from", "/etc/exim4", "--yes").err
        assert (etc / "exim.crt").read_text() == "by hand\n"
        assert "/etc/exim4/exim.crt.before-trustctl" in said


OCSP = "tls_ocsp_file = ${if exists{/etc/exim4/exim.ocsp}{/etc/exim4/exim.ocsp}}\n"


def _stapled(host: Host) -> bool:
    """Whether a client sees a good staple; TLS itself has to work."""
    _seen(host, "Verify return code: 0 (ok)")
    done = host.box.command(
        "sh", "-c", "echo QUIT | openssl s_client -connect 127.0.0.1:2525 -starttls smtp -status",
        check=False,
    )  # fmt: skip
    return "Cert Status: good" in done.stdout


def test_the_staple_comes_with_the_pair(exim: Callable[..., Box], tmp_path: Path) -> None:
    """It is about the certificate beside it, after each renewal; an export has the next one, and
    takes away one that has ended."""
    host = Host(exim(split=True), tmp_path)
    (host.box.etc / "conf.d/main/04_staple").write_text(OCSP)
    (host.box.etc / "conf.d/main/000_localmacros").write_text(TLS)
    host.tell("")
    host.box.daemon()
    assert host.issue().code == 0
    assert _stapled(host)
    assert host.renew().code == 0
    assert _stapled(host)
    before = (host.box.etc / "exim.ocsp").read_bytes()
    assert host("ca", "ocsp", MX, "--days", "30", "--out", str(tmp_path)).code == 0
    assert host("export", "--to", "/etc/exim4", "--yes").code == 0
    assert (host.box.etc / "exim.ocsp").read_bytes() != before
    assert (host.box.etc / "exim.ocsp").read_bytes() == (tmp_path / f"{MX}.ocsp").read_bytes()
    assert _stapled(host)
    host.secret.unlink()
    assert host("ca", "revoke", host.serial() or "", "--reason", "superseded", "--yes").code == 0
    assert host("export", "--to", "/etc/exim4", "--yes").code == 0
    assert not (host.box.etc / "exim.ocsp").exists()
    assert not _stapled(host)


def test_a_staple_of_the_certificate_before(exim: Callable[..., Box], tmp_path: Path) -> None:
    """Exim offers no TLS with a staple about another certificate: one that it reads from elsewhere
    is refused before anything is issued."""
    host = Host(exim(split=True), tmp_path)
    (host.box.etc / "conf.d/main/000_localmacros").write_text(TLS)
    host.tell("")
    host.box.daemon()
    assert host.issue().code == 0
    assert host("ca", "ocsp", MX, "--out", "/etc/exim4").code == 0
    place = f"/etc/exim4/{MX}.ocsp"
    line = f"tls_ocsp_file = ${{if exists{{{place}}}{{{place}}}}}\n"
    (host.box.etc / "conf.d/main/04_staple").write_text(line)
    host.tell("")
    host.box.command("pkill", "-HUP", "-F", "/run/exim4/exim.pid")
    _seen(host, "OCSP response")
    known, serial = host.issued(), host.serial()
    done = host.renew()
    assert done.code == 8
    assert "it would offer no TLS" in done.err
    assert (host.issued(), host.serial()) == (known, serial)
    assert _stapled(host)
    # what would have happened
    assert host("ca", "issue", MX, "--out", str(tmp_path / "out")).code == 0
    folder = host.box.etc / "trustctl-host" / "current"
    for name, path in (("exim.crt", f"{MX}.crt"), ("exim.key", f"{MX}.key")):
        (folder / name).write_bytes((tmp_path / "out" / path).read_bytes())
    host.box.command("pkill", "-HUP", "-F", "/run/exim4/exim.pid")
    _seen(host, "no peer certificate available")
