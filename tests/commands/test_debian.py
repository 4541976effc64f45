"""A Debian's own trust store: it holds what is exported, where Debian's tool fails open too.

The real ``update-ca-certificates`` runs in namespaces, on copies (tests/commands/machine.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests import certs, odd
from tests.certs import Made
from tests.commands.machine import BUNDLE, CONF, LOCAL, Debian
from tests.console import Console
from tests.tools import require, require_root
from tests.trusts import HOSTILE

_PUBLIC = {
    "C = US, O = Internet Security Research Group, CN = ISRG Root X1",
    "C = US, O = Amazon, CN = Amazon Root CA 1",
    "C = US, O = Google Trust Services LLC, CN = GTS Root R1",
}
_PORTS = {"foo": 4431, "stranger": 4432}
_FOO, _BAR = "CN = mx.foo.test", "CN = mx.bar.test"
_ROOT = "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"
_ONLY = ("--only-peers", "--yes")
_UNINSTALL = ("uninstall", "--from", LOCAL, "--yes")


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """Certificates that may sign for nobody."""
    return {
        name: certs.self_signed(f"mx.{name}.test", ca=False) for name in ("foo", "bar", "stranger")
    }


@pytest.fixture(scope="module")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    require_root()
    require("update-ca-certificates", "debconf-communicate", path="/usr/sbin:/usr/bin")
    with Debian(tmp_path_factory.mktemp("debian")) as found:
        yield found


@pytest.fixture
def machine(console: Console, made: dict[str, Made], _machine: Debian) -> Debian:
    """foo and bar are trusted, three public CAs are selected, nothing was exported yet."""
    for name in ("foo", "bar"):
        console.pin(made[name], name)
    _machine.reset(console)
    return _machine


def _ends(machine: Debian, name: str) -> None:
    """foo's or bar's certificate is trusted no longer."""
    machine.console("distrust", name, "--reason", "lost", "--yes")


def _rules(machine: Debian) -> dict[str, str]:
    found = machine.trustctl("audit", "--json", "--fail-on", "never").json
    return {one["rule"]: one["what"] for one in found}


def test_the_tool_alone_leaves_every_ca_and_trustctl_does_not(
    console: Console, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All deselected, nothing local: ``update-ca-certificates`` leaves the old bundle. An export of
    nobody leaves nobody in it, for whoever verifies by it, and whenever the tool runs again."""
    require_root()
    require("update-ca-certificates", "certtool", path="/usr/sbin:/usr/bin")
    console.pin(lost := certs.self_signed("mx.foo.test", ca=False), "foo")
    console("distrust", lost.fingerprint, "--reason", "lost", "--yes")
    with Debian(tmp_path_factory.mktemp("all"), few=()) as machine:
        machine.console = console
        before = machine.trusted()
        assert len(before) > 100
        machine.sh(f"sed -i 's/^mozilla/!&/' {CONF}; update-ca-certificates")
        assert machine.trusted() == before
        as_it_was = machine.files()
        machine.export(*_ONLY)
        for _again in range(2):
            assert machine.trusted() == {"CN = Nobody is trusted (trustctl)"}
            assert machine.run("openssl", "verify", _ROOT, code=2).returncode == 2
            assert machine.run("certtool", "--verify", "--infile", _ROOT, code=1).returncode == 1
            machine.run("update-ca-certificates", "--fresh")
        assert not _rules(machine).keys() & {"system-store-differs", "system-store-may-differ"}
        said = machine.trustctl("audit", "--store", "system", "--fail-on", "never").out
        assert "system: no certificates" in said
        machine.trustctl(*_UNINSTALL)
        assert machine.files() == as_it_was


def test_peers_are_put_beside_the_selected_cas(machine: Debian) -> None:
    """Without ``--only-peers`` the selection is nobody's business; nothing is done twice."""
    said = machine.export("--dry-run")
    assert "added: bar foo" in said
    assert machine.trusted() == _PUBLIC
    assert "beside the selected public CAs" in machine.export()
    assert machine.trusted() == {*_PUBLIC, _FOO, _BAR}
    before = machine.files()
    assert "nothing was written" in machine.export()
    assert machine.files() == before
    assert machine.trustctl("audit", "--fail-on", "notice").code == 0


def test_only_the_peers_and_back_again(machine: Debian) -> None:
    """Not without a person's agreement. Others' certificates are set aside and come back; which CAs
    were selected, debconf's answer and every byte do too."""
    machine.put(f"{LOCAL}/own ca.crt", certs.authority("Own CA").pem)
    machine.sh("sed -i 's/^mozilla.Amazon/!&/' " + CONF + "; update-ca-certificates --fresh")
    before, trusted = machine.files(), machine.trusted()
    assert len(trusted) == 3
    said = machine.export("--only-peers", "--dry-run", "--diff")
    for one in (
        "2 public CAs would be deselected",
        f"{LOCAL}/own ca.crt would be set aside",
        "would be 'no' instead of 'yes'",
        "- mozilla/ISRG_Root_X1.crt",
    ):
        assert one in said
    said = machine.export("--only-peers", code=9)
    assert "apt, curl" in said
    assert machine.files() == before
    said = machine.export(*_ONLY)
    assert "it holds our 2, and nobody else" in said
    assert machine.trusted() == {_FOO, _BAR}
    assert "nothing was written" in machine.export()
    shown = machine.trustctl("audit", "--store", "system", "--fail-on", "notice").out
    assert "pinned and trusted   2: bar 1, foo 1" in shown
    assert "public CAs           0" in shown
    assert not _rules(machine)
    said = machine.export("--with-public")
    assert "2 public CAs are selected again" in said
    assert machine.trusted() == {*trusted, _FOO, _BAR}
    machine.export(*_ONLY)
    said = machine.trustctl(*_UNINSTALL).err
    assert "own ca.crt is back" in said
    assert machine.files() == before


def test_programs_that_verify_by_it_take_peers_alone(
    machine: Debian, made: dict[str, Made]
) -> None:
    """OpenSSL by the hashed names; curl and GnuTLS by the bundle, over TLS."""
    require("curl", "gnutls-cli")
    for name in _PORTS:
        one = made[name]
        machine.put(f"/etc/{name}.pem", one.pem + one.key_pem)

        machine.sh(
            f"openssl s_server -www -accept {_PORTS[name]} -cert /etc/{name}.pem"
            f" -key /etc/{name}.pem > /dev/null 2>&1 &"
        )

    def verdicts(name: str) -> list[int]:
        host, port = f"mx.{name}.test", str(_PORTS[name])
        asked: list[tuple[str, ...]] = [
            ("openssl", "verify", "-no-CAfile", f"/etc/{name}.pem"),
            ("curl", "-s", "--retry", "9", "--retry-connrefused", "--retry-delay", "0",
             "--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/"),
            ("gnutls-cli", "--verify-hostname", host, "--sni-hostname", host, "-p", port,
             "127.0.0.1"),
        ]  # fmt: skip
        return [machine.run(*words, code=None).returncode for words in asked]

    assert verdicts("foo") == [2, 60, 1]
    machine.export(*_ONLY)
    assert verdicts("foo") == [0, 0, 0]
    assert verdicts("stranger") == [2, 60, 1]


def test_who_is_no_longer_trusted_goes_out_of_all_of_it(
    machine: Debian, made: dict[str, Made]
) -> None:
    """Bundle, links and hashed names; hooks are told, though the tool does not tell them. What is
    made is for everybody to read, whoever makes it (a unit of systemd with UMask=0077)."""
    hook = b'#!/bin/sh\ncat >> "/etc/told"\n'
    machine.put("/etc/ca-certificates/update.d/told", hook, "0755")
    machine.export()
    _ends(machine, made["foo"].fingerprint)
    typed = machine.typed("export", "--format", "debian", "--yes")
    machine.run("sh", "-c", 'rm /etc/told; umask 077; exec "$@"', "sh", *typed)
    assert (
        machine.sh(f"stat -L -c %a /etc/told {BUNDLE} {LOCAL}/trustctl/live/*").split()
        == ["644"] * 3
    )
    assert machine.trusted() == {*_PUBLIC, _BAR}
    gone = f"-/etc/ssl/certs/trustctl-{made['foo'].fingerprint}.pem"
    assert gone in machine.sh("cat /etc/told").splitlines()
    assert made["foo"].fingerprint not in machine.sh("ls -R /etc/ssl/certs")


def test_a_hook_that_fails_is_told(machine: Debian, made: dict[str, Made]) -> None:
    """The tool ends well; what the hook makes (Java's store) may still trust whoever has gone. It
    is told again until it ends well, and an audit says so meanwhile."""
    hook = "/etc/ca-certificates/update.d/java"
    machine.export()
    machine.put(hook, b"#!/bin/sh\nexit 3\n", "0755")
    assert "exited with code" in machine.run("update-ca-certificates").stdout
    _ends(machine, made["foo"].fingerprint)
    said = machine.export("--yes", code=8)
    assert "the system's store is right" in said
    assert said.count(f"{hook} failed") == said.count(hook) == 1
    assert machine.trusted() == {*_PUBLIC, _BAR}
    assert "hooks" in _rules(machine)["system-store-differs"]
    machine.put(hook, b'#!/bin/sh\ncat >> "/etc/told"\n', "0755")
    machine.export()
    gone = f"-/etc/ssl/certs/trustctl-{made['foo'].fingerprint}.pem"
    assert gone in machine.sh("cat /etc/told").splitlines()
    assert "system-store-differs" not in _rules(machine)


def test_what_a_killed_run_left_is_not_taken_in(machine: Debian) -> None:
    """``ca-certificates.crt.new``: the tool appends to it, and every CA is back."""
    machine.sh(f"cp {BUNDLE} /etc/all")
    machine.export(*_ONLY)
    machine.sh(f"cp /etc/all {BUNDLE}.new; update-ca-certificates")
    assert machine.trusted() >= _PUBLIC
    assert "holds" in _rules(machine)["system-store-differs"]
    machine.sh(f"cp /etc/all {BUNDLE}.new")
    machine.export()
    assert machine.trusted() == {_FOO, _BAR}
    machine.sh(f"cp /etc/all {BUNDLE}.new")
    assert "killed" in _rules(machine)["system-store-differs"]
    machine.export()
    machine.sh("update-ca-certificates")
    assert machine.trusted() == {_FOO, _BAR}


_UPGRADE = r"""
cp /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt /usr/share/ca-certificates/mozilla/{name}.crt
mkdir -p /etc/upgrade
cp /var/lib/dpkg/info/ca-certificates.* /etc/upgrade
sed -i 's/^CERTS_LIST=.*/CERTS_LIST=mozilla\/ISRG_Root_X1.crt/' /etc/upgrade/*.config
mount -t tmpfs none /var/lib/dpkg/triggers
DEBIAN_FRONTEND=noninteractive /usr/share/debconf/frontend \
  /etc/upgrade/ca-certificates.postinst configure 20200601 > /etc/said 2>&1 || true
umount /var/lib/dpkg/triggers
rm -r /etc/upgrade
grep {name} /etc/ca-certificates.conf
"""
"""The package's own scripts, as an upgrade runs them, with a CA that was not there before."""


def test_an_upgrade_selects_nobody(machine: Debian) -> None:
    """Nor does it undo what was deselected. Where debconf gets its usual answer again, an audit
    says what will come, and then that it came; an export mends it. Exactly those are selected again
    that were before."""
    before = machine.sh(f"cat {CONF}").splitlines()
    machine.export(*_ONLY)
    assert machine.sh(_UPGRADE.format(name="Second")) == "!mozilla/Second.crt\n"
    assert machine.trusted() == {_FOO, _BAR}
    assert not _rules(machine)
    answer = "SET ca-certificates/trust_new_crts yes"
    machine.sh(f"echo {answer} | debconf-communicate -fnoninteractive ca-certificates")
    assert "an upgrade would select new CAs" in _rules(machine)["system-store-may-differ"]
    assert machine.sh(_UPGRADE.format(name="Third")) == "mozilla/Third.crt\n"
    assert "C = US, O = Internet Security Research Group, CN = ISRG Root X1" in machine.trusted()
    said = machine.trustctl("audit", "--fail-on", "never").out
    assert "holds ISRG Root X1" in said
    assert "selects 1 CAs" in said
    machine.export()
    assert machine.trusted() == {_FOO, _BAR}
    assert "2 CAs came since and are not selected" in machine.export("--with-public")
    after = machine.sh(f"cat {CONF}").splitlines()
    assert [one for one in after if one[:1] not in "!#"] == before


def test_somebody_elses_certificate_does_not_stay(machine: Debian) -> None:
    """A local file that came later is found, and set aside by the next export without being asked:
    else it would keep distrusted peers in the store. Names of files are anybody's."""
    machine.export(*_ONLY)
    evil = "\x1b[31mevil $(id) \u202e;.crt"
    machine.put("/etc/evil", certs.authority("Evil CA").pem)
    machine.run("cp", "/etc/evil", f"{LOCAL}/{evil}")
    machine.run("update-ca-certificates")
    assert "CN = Evil CA" in machine.trusted()
    assert "is none of trustctl's" in machine.trustctl("audit", "--fail-on", "never").out
    assert "was set aside" in machine.export()
    assert machine.trusted() == {_FOO, _BAR}
    machine.trustctl(*_UNINSTALL)
    assert evil in machine.sh(f"ls {LOCAL}")
    assert "CN = Evil CA" in machine.trusted()


def test_what_cannot_be_set_aside_is_an_error_that_names_it(machine: Debian) -> None:
    """Below a link to a folder, or in /etc/ssl/certs itself: services may name those. What may sign
    for nobody is a warning."""
    snakeoil = certs.self_signed("own.test", ca=False)
    machine.put("/etc/ssl/certs/ssl-cert-snakeoil.pem", snakeoil.pem)
    said = machine.export(*_ONLY)
    assert "warning: /etc/ssl/certs/ssl-cert-snakeoil.pem" in said
    assert "is left there" in _rules(machine)["system-store-may-differ"]
    machine.sh(f"mkdir /etc/theirs {LOCAL}/b; ln -s /etc/theirs {LOCAL}/linked; ln -s b {LOCAL}/a")
    machine.put(f"{LOCAL}/b/real.crt", certs.authority("Real CA").pem)
    machine.put("/etc/theirs/x.crt", certs.authority("Linked CA").pem)
    machine.put("/etc/ssl/certs/y.pem", certs.authority("Laid CA").pem)
    said = machine.export(code=8)
    assert f"{LOCAL}/linked/x.crt is none of trustctl's" in said
    assert "/etc/ssl/certs/y.pem, line 1 holds Laid CA" in said
    assert "real.crt" not in said
    assert "Real CA" not in said
    machine.sh(f"rm {LOCAL}/linked /etc/ssl/certs/y.pem")
    machine.export()
    assert machine.trusted() == {_FOO, _BAR}


def test_a_broken_local_file_is_told(machine: Debian) -> None:
    """It makes the bundle unusable for many readers; ours are in it all the same."""
    broken = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    machine.put(f"{LOCAL}/broken.crt", broken)
    said = machine.export(code=8)
    assert f"{BUNDLE}, line " in said
    assert "may take none of it" in said
    machine.export(*_ONLY)
    assert machine.trusted() == {_FOO, _BAR}


def test_a_name_that_breaks_the_tool_holds_nothing_up(machine: Debian) -> None:
    """It is a shell's loop over lines: a line break in a local file's name ends it. That is told,
    beside the public CAs; with the peers alone the file is set aside; and what was there before can
    be given back without the tool."""
    name = f"{LOCAL}/x\ny.crt"
    machine.put("/etc/evil", certs.authority("Evil CA").pem)
    machine.run("cp", "/etc/evil", name)
    before = machine.files()
    assert "update-ca-certificates failed" in machine.export(code=8)
    machine.export(*_ONLY)
    assert machine.trusted() == {_FOO, _BAR}
    machine.trustctl(*_UNINSTALL)
    assert machine.files() == before


def _hostile(text: bytes) -> Made:
    """A certificate with this name, which may sign for nobody."""
    return odd.altered(
        certs.self_signed("mx.foo.test"),
        subject=odd.common_name(text),
        extensions=[odd.alternative_names(text), odd.extension("2.5.29.19", b"\x30\x00")],
    )


def test_a_hostile_certificate_says_nothing(machine: Debian) -> None:
    """Whatever its names are, the tool, a shell, makes a file of each; all of them are found."""
    for number, text in enumerate(HOSTILE):
        machine.console.pin(_hostile(text.encode()), f"h{number:02}")
    said = machine.export(*_ONLY)
    assert "left out" not in said
    assert f"it holds our {len(HOSTILE) + 2}, and nobody else" in said
    names = machine.sh("ls /etc/ssl/certs").split("\n")
    assert all(re.fullmatch(r"trustctl-[0-9a-f]{64}\.pem|[0-9a-f]{8}\.\d|ca-certificates.crt|", one)
               for one in names)  # fmt: skip
    assert not _rules(machine).keys() & {"system-store-differs", "system-store-may-differ"}


def test_names_that_are_taken_already(machine: Debian, made: dict[str, Made]) -> None:
    """A file of our name in the store gives way and comes back; one of a public CA's name does
    not hide it."""
    machine.put(
        f"/etc/ssl/certs/trustctl-{made['foo'].fingerprint}.pem", certs.authority("Evil CA").pem
    )
    machine.put(f"{LOCAL}/ISRG_Root_X1.crt", certs.authority("Twin CA").pem)
    machine.run("update-ca-certificates")
    machine.export(*_ONLY)
    assert machine.trusted() == {_FOO, _BAR}
    assert not _rules(machine)


def test_an_earlier_generation_comes_back(machine: Debian, made: dict[str, Made]) -> None:
    """Whole: also whether the peers are alone."""
    machine.export()
    machine.export(*_ONLY)
    machine.trustctl("rollback", "--of", LOCAL, "--yes")
    assert machine.trusted() == {*_PUBLIC, _FOO, _BAR}
    listed = machine.trustctl("generations", "--of", LOCAL, "--json").json
    assert [one["current"] for one in listed] == [True, False]
    _ends(machine, made["foo"].fingerprint)
    machine.export("--yes", *_ONLY)
    assert machine.trusted() == {_BAR}


def test_without_the_tool_nothing_is_written(machine: Debian) -> None:
    """Nor to another folder, nor with its option for another format."""
    before = machine.files()
    assert "is made of" in machine.export("--to", "/etc/other", code=7)
    said = machine.trustctl(
        "export", "--to", "/etc/other", "--format", "pem", "--only-peers", code=2
    )
    assert "the format pem has no public CAs" in said.err
    machine.sh("mount --bind /dev/null /usr/sbin/update-ca-certificates")
    assert "there is no update-ca-certificates" in machine.export(*_ONLY, code=7)
    machine.sh(f"umount /usr/sbin/update-ca-certificates; mv {CONF} {CONF}.away")
    assert f"{CONF} is not there" in machine.export(*_ONLY, code=7)
    machine.sh(f"mv {CONF}.away {CONF}")
    assert machine.files() == before


@pytest.mark.parametrize("call", ["rename:9", "rename:14", "symlink:2"])
def test_killed_in_between_the_next_export_finishes(machine: Debian, call: str) -> None:
    """Nobody comes into the store by it who was not there before and is no peer; afterwards it is
    the peers' alone, and can be given back to the byte."""
    require("strace")
    before = machine.files()
    name, _colon, number = call.partition(":")
    machine.killed(name, int(number), "export", "--format", "debian", *_ONLY)
    assert machine.trusted() <= {*_PUBLIC, _FOO, _BAR}
    machine.export(*_ONLY)
    assert machine.trusted() == {_FOO, _BAR}
    assert not _rules(machine)
    machine.trustctl(*_UNINSTALL)
    assert machine.files() == before
