"""``trustctl export`` into a scratch folder: what it says, asks, writes and leaves alone."""

from __future__ import annotations

import hashlib

import pytest

from tests import certs
from tests.console import Console
from tests.publish.box import tree
from trustctl.facts.fingerprint import colons


@pytest.fixture
def two(console: Console, foo: certs.Made, bar: certs.Made) -> Console:
    """Two trusted peers, and nothing exported yet."""
    console.pin(foo, "foo")
    console.pin(bar, "bar")
    return console


def _bundle(console: Console) -> str:
    return (console.target / "ca-certificates.crt").read_text()


def test_a_bundle_holds_the_trusted_and_nothing_else(
    two: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """A comment line of our own words over each certificate; the answer counts the peers."""
    waiting = certs.self_signed("mx.pending.test", subject="Evil Name")
    two("add", two.write("w.pem", waiting.pem), "--peer", "pending")
    ran = two("export", "--to", str(two.target), "--format", "pem")
    assert ran.out.splitlines()[0] == f"{two.target}: generation 1 is current (peers: 2)"
    text = _bundle(two)
    assert text.count("BEGIN CERTIFICATE") == 2
    for made, peer in ((foo, "foo"), (bar, "bar")):
        assert made.pem.decode() in text
        (comment,) = (line for line in text.splitlines() if colons(made.fingerprint) in line)
        assert comment.startswith("#")
        assert f"{peer}.test" in comment
    assert "Evil" not in text
    assert "Ann" not in text


def test_the_format_is_exims_where_the_folder_is(two: Console) -> None:
    """All that Exim needs: bundle, sets, map, configuration snippets; a stranger's folder: pem."""
    two.target.mkdir()
    two.write("target/exim4.conf.template", b"begin routers\n\nbegin transports\n")
    two.write("target/update-exim4.conf.conf", b"dc_eximconfig_configtype='internet'\n")
    ran = two("export", "--to", str(two.target))
    assert "(domains: 2, peers: 2)" in ran.out
    files = {one.name for one in (two.target / "trustctl" / "current").iterdir()}
    assert files >= {"ca-certificates.crt", "peers.cdb", "peers.map"}
    assert "NOT IN FORCE until Exim reads it: add --reload" in ran.err
    other = two.folder / "other"
    two("export", "--to", str(other))
    assert {one.name for one in other.iterdir()} == {"ca-certificates.crt"}


def test_nothing_changed_writes_nothing_and_says_so(two: Console) -> None:
    """The second export leaves every file and the inventory as they are."""
    command = ("export", "--to", str(two.target), "--format", "exim")
    two(*command)
    before = two.state()
    assert "nothing has changed; nothing was written" in two(*command).out
    assert two.state() == before
    # the only known target need not be named again
    assert "nothing has changed" in two("export").out


def test_what_changes_is_said_first_and_afterwards(two: Console, foo: certs.Made) -> None:
    """--dry-run and --diff write nothing and name what would change, as the export then does."""
    command = ("export", "--to", str(two.target), "--format", "exim")
    two(*command)
    following = certs.self_signed("mx.foo.test")
    two.pin(following, "foo")
    two.pin(certs.self_signed("mx.new.test"), "new")
    before = two.state()
    ran = two(*command, "--dry-run", "--diff")
    assert two.state() == before
    assert "a new generation would be written (peers: 3)" in ran.out
    assert "protected now: new.test" in ran.out
    assert "changed: foo.test" in ran.out
    assert "+ new.test" in ran.out
    assert "~ foo.test" in ran.out
    assert any(
        line.startswith("+ ") and colons(following.fingerprint) in line
        for line in ran.out.splitlines()
    )
    assert colons(foo.fingerprint) not in ran.out
    assert "a dry run; nothing was written" in ran.err
    said = two(*command).out
    assert "protected now: new.test" in said
    assert "changed: foo.test" in said
    assert "nothing would change" in two(*command, "--dry-run").out


def test_at_another_moment(two: Console) -> None:
    """The future may be exported or looked at, the past only looked at."""
    command = ("export", "--to", str(two.target), "--format", "pem")
    ran = two(*command, "--at", "2099-01-01", "--dry-run")
    assert "(peers: 0)" in ran.out
    ran = two.fails(*command, "--at", "2001-01-01", code=2)
    assert "--dry-run" in ran.err
    two(*command, "--at", "2001-01-01", "--dry-run")
    two(*command)
    ran = two.fails(*command, "--at", "2099-01-01", code=9)
    assert "bar: would be dropped" in ran.err


def test_a_protected_domain_left_without_a_pin_is_asked_for(two: Console, foo: certs.Made) -> None:
    """Each domain is named; without a yes nothing changes; with one its mail waits."""
    command = ("export", "--to", str(two.target), "--format", "exim")
    two(*command)
    two("distrust", "foo", "--reason", "stolen", "--yes")
    ran = two.fails(*command, code=9)
    assert "foo.test: no trusted pin is left; its mail would wait" in ran.err
    assert f"trustctl export --to {two.target} --yes" in ran.err
    assert "bar.test" not in ran.err
    person = two.terminal(*command)
    person.expect("Export this? [y/N]: ")
    person.type("n")
    assert person.end() == 9
    assert foo.fingerprint.upper() in _map(two).upper()
    assert "waiting, no trusted pin: foo.test" in two(*command, "--yes").out
    assert "foo.test" in _map(two)
    assert foo.fingerprint.upper() not in _map(two).upper()
    assert "nothing has changed" in two(*command).out


def _map(console: Console) -> str:
    return (console.target / "trustctl" / "current" / "peers.map").read_text()


def test_most_peers_dropped_at_once_is_asked_for(console: Console) -> None:
    """Two of three: each is named. One of three goes without a question."""
    made = {one: certs.self_signed(f"mx.{one}.test") for one in ("a1", "b2", "c3")}
    for name, one in made.items():
        file = console.write(f"{name}.pem", one.pem)
        console("add", file, "--peer", name, "--fingerprint", one.fingerprint)
    command = ("export", "--to", str(console.target), "--format", "pem")
    console(*command)
    console("retire", "a1")
    console("retire", "b2")
    ran = console.fails(*command, code=9)
    assert "a1: would be dropped" in ran.err
    assert "b2: would be dropped" in ran.err
    assert "2 of 3 peers would be dropped" in ran.err
    console(*command, "--yes")
    assert _bundle(console).count("BEGIN") == 1
    console("retire", "c3")
    console(*command)
    assert "BEGIN" not in _bundle(console)


@pytest.mark.parametrize("kind", ["pem", "exim"])
def test_a_file_edited_by_hand_is_not_overwritten(two: Console, kind: str) -> None:
    """It is named; --force writes it anew."""
    command = ("export", "--to", str(two.target), "--format", kind)
    two(*command)
    path = two.target / "ca-certificates.crt"
    if kind == "exim":
        path = two.target / "trustctl" / "current" / "ca-certificates.crt"
    right = path.read_bytes()
    path.write_bytes(right + b"# by hand\n")
    two.pin(certs.self_signed("mx.new.test"), "new")
    ran = two.fails(*command, code=7)
    assert "ca-certificates.crt" in ran.err
    assert "--force" in ran.err
    two(*command, "--force")
    assert b"by hand" not in path.read_bytes()
    assert path.read_bytes().count(b"BEGIN") == 3


def test_strangers_files_are_left_alone(two: Console) -> None:
    """What trustctl did not write it never removes, at an export or an uninstall."""
    two.target.mkdir()
    two.write("target/own.crt", b"mine\n")
    two("export", "--to", str(two.target), "--format", "pem")
    two("uninstall", "--from", str(two.target), "--yes")
    assert {one.name for one in two.target.iterdir()} == {"own.crt"}


def test_places_that_cannot_be_written(two: Console) -> None:
    """A symbolic link, a file, a folder in which everybody may write: named, and untouched."""
    real = two.folder / "real"
    real.mkdir()
    (two.folder / "link").symlink_to(real)
    two.write("file", b"x")
    shared = two.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for name, said in (("link", "symbolic link"), ("file", ""), ("shared", "everybody")):
        place = str(two.folder / name)
        ran = two.fails("export", "--to", place, "--format", "pem", code=7)
        assert place in ran.err
        assert said in ran.err
    assert not list(real.iterdir())


def test_options_that_cannot_be_meant(two: Console) -> None:
    """--reload without an Exim, an unknown format, no target where several are known."""
    place = str(two.target)
    two.fails("export", "--to", place, "--format", "pem", "--reload", code=2)
    two.fails("export", "--to", place, "--format", "sendmail", code=2)
    two.fails("export", "--to", place, "--at", "never", code=2)
    two("export", "--to", place, "--format", "pem")
    two("export", "--to", str(two.folder / "second"), "--format", "pem")
    ran = two.fails("export", "--format", "pem", code=2)
    assert "2 are known" in ran.err


def test_two_exports_of_one_inventory_are_the_same_bytes(two: Console) -> None:
    """Deterministic: same order, same comments, wherever it is written."""
    for name in ("one", "two"):
        two("export", "--to", str(two.folder / name), "--format", "pem")
    digests = {
        hashlib.sha256((two.folder / name / "ca-certificates.crt").read_bytes()).hexdigest()
        for name in ("one", "two")
    }
    assert len(digests) == 1


def test_exims_files_are_nobody_elses_to_read(two: Console) -> None:
    """Neither files nor folders are open to others."""
    two("export", "--to", str(two.target), "--format", "exim")
    for path, seen in tree(two.target / "trustctl").items():
        mode = int(seen.split()[0], 8)
        if mode & 0o170000 != 0o120000:
            assert mode & 0o007 == 0, path
