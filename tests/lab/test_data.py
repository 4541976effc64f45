"""Broken data files: nothing is ever delivered unverified to a protected domain."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import certs
from tests.lab.lab import Lab
from tests.lab.senders import Protected, peer, trusted
from trustctl.export import cdb

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-data")]
FOO, MX = "foo.test", "mx.foo.test"
Break = Callable[[Path], object]


def _map(data: Path) -> Path:
    return (data / "current" / "peers.cdb").resolve()


def _set(data: Path) -> Path:
    (only,) = (data / "sets").glob("*.pem")
    return only


def _cut(path: Path, to: int) -> None:
    path.write_bytes(path.read_bytes()[:to])


def _zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _broken_block_after(path: Path) -> None:
    good = path.read_bytes()
    broken = good.replace(b"\n", b"\n!!!!", 1)
    path.write_bytes(good + broken)


def _other_map(data: Path) -> None:
    _map(data).write_bytes(cdb.build([(b"other.test", b"closed=yes")]))


def _corrupt_values(data: Path) -> None:
    """The keys are there, what they say is not."""
    whole = _map(data).read_bytes()
    _map(data).write_bytes(whole.replace(b"set=", b"sat=").replace(b"pins=", b"pans="))


def _unpinned(data: Path) -> None:
    whole = _map(data).read_bytes()
    at = whole.index(b"pins=") + 5
    _map(data).write_bytes(whole[:at] + b"0" * 64 + whole[at + 64 :])


def _folder_for_map(data: Path) -> None:
    place = _map(data)
    place.unlink()
    place.mkdir()


def _circle(data: Path) -> None:
    (data / "current").unlink()
    (data / "current").symlink_to("current")


def _missing_both(data: Path) -> None:
    _set(data).unlink()
    (data / "nobody.pem").unlink()


MAP_BREAKS: dict[str, Break] = {
    "missing map": lambda data: _map(data).unlink(),
    "empty map": lambda data: _cut(_map(data), 0),
    "zeroed map": lambda data: _zeroed(_map(data)),
    "map cut to its head": lambda data: _cut(_map(data), 2048),
    "map cut in the middle": lambda data: _cut(_map(data), 2100),
    "garbage map": lambda data: _map(data).write_bytes(b"garbage\n" * 1000),
    "a text for a map": lambda data: _map(data).write_bytes(b"foo.test: closed=yes\n"),
    "a map of another's": _other_map,
    "a folder for a map": _folder_for_map,
    "missing link": lambda data: (data / "current").unlink(),
    "dangling link": lambda data: shutil.rmtree(_map(data).parent),
    "link in a circle": _circle,
    "no data at all": lambda data: shutil.rmtree(data),
}
SET_BREAKS: dict[str, Break] = {
    "missing set": lambda data: _set(data).unlink(),
    "empty set": lambda data: _cut(_set(data), 0),
    "zeroed set": lambda data: _zeroed(_set(data)),
    "garbage set": lambda data: _set(data).write_bytes(b"garbage\n" * 1000),
    "half a set": lambda data: _cut(_set(data), _set(data).stat().st_size // 2),
    "a broken block after a good one": lambda data: _broken_block_after(_set(data)),
    "a set of somebody else's": lambda data: _set(data).write_bytes(
        certs.self_signed("mx.foo.test").pem
    ),
    "unreadable set": lambda data: _set(data).chmod(0),
    "missing sets": lambda data: shutil.rmtree(data / "sets"),
    "missing set and nobody": _missing_both,
    "a value without its parts": _corrupt_values,
    "another pin": _unpinned,
}


@pytest.fixture
def us(lab: Lab) -> Iterator[Protected]:
    """A sender of its own that trusts foo's certificate; its data is made anew for each test."""
    sender = lab.protected("data.test")
    if sender.data.exists():
        sender.data.chmod(0o755)
        shutil.rmtree(sender.data)
    sender.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.route(FOO, lab.foo, MX)
    lab.route("free.test", lab.bar)
    yield sender
    if sender.data.exists():
        sender.data.chmod(0o755)


@pytest.mark.parametrize("what", MAP_BREAKS)
def test_a_broken_map_lets_nothing_through(lab: Lab, us: Protected, what: str) -> None:
    """Neither to the peer nor to an impostor: who is protected cannot be told, so all mail waits;
    it does not bounce, and goes out once the map is whole again."""
    assert us.send("bob@foo.test").one.cv == "yes"
    lab.foo.clear()
    whole = us.etc / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    shutil.copytree(us.data, whole, symlinks=True)
    MAP_BREAKS[what](us.data)
    for host in (lab.foo, lab.stranger):
        lab.route(FOO, host, MX)
        outcome = us.send("bob@foo.test", "eve@free.test")
        assert not outcome.bounced
        assert not outcome.delivered
        assert set(outcome.deferred) == {"bob@foo.test", "eve@free.test"}
    assert lab.foo.taken() == lab.stranger.taken() == lab.bar.taken() == []
    if us.data.exists():
        us.data.chmod(0o755)
        shutil.rmtree(us.data)
    os.rename(whole, us.data)
    lab.route(FOO, lab.foo, MX)
    assert len(us.send("bob@foo.test", "eve@free.test").delivered) == 2


def test_a_map_cut_anywhere_hands_the_domain_to_nobody_else(us: Protected) -> None:
    """However much of it was written: the domain's mail is never Debian's to deliver."""
    place = _map(us.data)
    whole = place.read_bytes()
    assert "router = trustctl," in us.ok("exim4", "-bt", "bob@foo.test")
    for size in [*range(0, len(whole) - 300, 256), *range(len(whole) - 300, len(whole), 12)]:
        place.write_bytes(whole[:size])
        told = us.run("exim4", "-bt", "bob@foo.test").stdout.decode()
        assert "remote_smtp" not in told, size
        assert "bob@foo.test" in told


@pytest.mark.parametrize("what", ["current/peers.cdb", "sets", "nobody.pem", ""])
def test_what_exim_s_user_cannot_read_lets_nothing_through(
    lab: Lab, us: Protected, what: str
) -> None:
    """Exim looks addresses up as root and speaks TLS as its user: an impostor gets nothing."""
    place = us.data / what
    mode = place.stat().st_mode
    place.chmod(0)
    lab.route(FOO, lab.stranger, MX)
    assert us.send("bob@foo.test").waits
    place.chmod(mode)
    assert lab.stranger.taken() == []


@pytest.mark.parametrize("what", SET_BREAKS)
def test_a_broken_trust_set_stops_its_domain_alone(lab: Lab, us: Protected, what: str) -> None:
    """Its mail waits, whoever the host is; a domain that nobody pinned is delivered as before."""
    SET_BREAKS[what](us.data)
    for host in (lab.foo, lab.stranger):
        lab.route(FOO, host, MX)
        outcome = us.send("bob@foo.test", "eve@free.test")
        assert list(outcome.deferred) == ["bob@foo.test"]
        assert [one.address for one in outcome.delivered] == ["eve@free.test"]
    assert lab.foo.taken() == lab.stranger.taken() == []


def test_one_bad_block_stops_everybody_in_a_common_file(lab: Lab) -> None:
    """One file for all peers: an empty, missing or broken one stops all mail to all of them."""
    lab.route(FOO, lab.foo, MX)
    lab.route("bar.test", lab.bar)
    naive = lab.bundle
    broken = lab.foo_cert.pem.replace(b"\n", b"\n!!!!", 1)
    naive.bundle(lab.foo_cert, lab.bar_cert)
    assert len(naive.send("bob@foo.test", "bob@bar.test").delivered) == 2
    for content in (lab.foo_cert.pem + lab.bar_cert.pem + broken, b"", b"garbage\n"):
        naive.put("peers.pem", content)
        assert not naive.send("bob@foo.test", "bob@bar.test").delivered
    (naive.etc / "peers.pem").unlink()
    assert not naive.send("bob@foo.test", "bob@bar.test").delivered


def test_an_empty_list_of_protected_domains_opens_all_of_them(lab: Lab) -> None:
    """What everybody writes, a list of protected domains in a file: once it is empty, nothing is
    protected any more. Our map's own entry tells an empty map from one that protects nobody."""
    naive = lab.listed
    lab.route(FOO, lab.stranger, MX)
    naive.bundle(lab.foo_cert)
    naive.put("protected", "foo.test\n")
    assert naive.send("bob@foo.test").waits
    naive.put("protected", "")
    assert naive.send("bob@foo.test").one.cv == "no"


def test_a_map_that_protects_nobody_changes_nothing(lab: Lab, us: Protected) -> None:
    """The map of an empty inventory: all domains are delivered to as before."""
    us.trust()
    lab.route(FOO, lab.stranger, MX)
    ours, stock = us.send("bob@foo.test").one, lab.stock.send("bob@foo.test").one
    assert (ours.transport, ours.cv) == (stock.transport, stock.cv)


def test_a_swap_during_a_delivery_is_whole(lab: Lab, us: Protected) -> None:
    """A message that waits takes the map that is in force when it is tried again."""
    command = ("/usr/sbin/exim4", "-odf", "-oi", "-f", "ann@us.test", "bob@foo.test")
    lab.route(FOO, lab.stranger, MX)
    assert us.logged(*command, stdin=b"\nhello\n", keep=True).waits
    us.trust(peer(FOO, trusted(lab.stranger_cert)))
    assert us.logged("/usr/sbin/exim4", "-qff").one.cv == "yes"


@pytest.mark.parametrize("mode", [0o640, 0o600])
def test_exim_s_user_reads_what_is_for_its_group(lab: Lab, us: Protected, mode: int) -> None:
    """0640 files in 0750 folders, root's and Debian-exim's group, are enough, and no less is:
    what Exim cannot read stops its mail."""
    group = us.spool.stat().st_gid
    for folder, _folders, names in os.walk(us.data):
        os.chown(folder, 0, group)
        Path(folder).chmod(0o750)
        for name in names:
            path = Path(folder) / name
            os.chown(path, 0, group)
            path.chmod(mode)
    outcome = us.send("bob@foo.test")
    assert bool(outcome.delivered) == (mode == 0o640)
    assert outcome.waits == (mode == 0o600)
