"""Anchors with constraints, as p11-kit's trust module and GnuTLS read them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made
from tests.export.stores import FOO, hostile_peers, made, run, write
from tests.tools import require
from tests.trusts import HOSTILE, trust, trusted

_STORE = "/etc/ssl/certs/ca-certificates.crt"
"""The file that Debian's p11-kit reads: another one is mounted in its place, for one process."""
_CA = certs.authority("Foo CA")
_SIGNER = certs.self_signed("mx.bar.test", ca=True)
_PEERS = (
    trust("bar", trusted(_SIGNER, may_sign=True)),
    trust("foo", trusted(_CA, "authority", may_sign=True)),
)


@pytest.fixture(autouse=True)
def _programs() -> None:
    require("trust", "certtool", "unshare")
    if os.geteuid() != 0 or run("unshare", "-m", "true").returncode != 0:
        pytest.skip("only root may mount")
    if not Path(_STORE).exists():
        pytest.skip(f"{_STORE} is not there")


def _with(store: Path, *words: object) -> tuple[int, str]:
    """Run a program to which the store is the system's."""
    done = run(
        "unshare", "-m", "sh", "-c", f'mount --bind "$0" {_STORE} && exec "$@"', store, *words
    )
    return done.returncode, done.stdout + done.stderr


def _store(folder: Path, files: dict[str, bytes]) -> Path:
    """All anchors in one file."""
    path = folder / "all.p11-kit"
    current = write(folder, files)
    path.write_bytes(b"\n".join(one.read_bytes() for one in sorted(current.glob("anchors/*"))))
    return path


def _verifies(store: Path, one: Made) -> bool:
    path = store.parent / f"{one.fingerprint[:16]}.pem"
    path.write_bytes(one.pem)
    code, said = _with(store, "certtool", "--verify", "--load-ca-certificate", "pkcs11:",
                       "--infile", path)  # fmt: skip
    assert (code == 0) == ("Chain verification output: Verified" in said), said
    return code == 0


def test_an_authority_is_held_to_its_peers_domains(tmp_path: Path) -> None:
    """GnuTLS takes what it signed for them, and for no other name; nor may a host's certificate
    sign for others. Without what is attached it takes it all."""
    store = _store(tmp_path, made("p11-kit", *_PEERS))
    mine, other = certs.issue(_CA, "mx.foo.test"), certs.issue(_CA, "mx.victim.test")
    forged = certs.issue(_SIGNER, "mx.victim.test")
    assert _verifies(store, mine)
    assert _verifies(store, _SIGNER)
    assert not _verifies(store, other)
    assert not _verifies(store, forged)
    assert not _verifies(store, certs.issue(certs.authority("Other"), "mx.foo.test"))
    parts = re.split(rb"(?=\[p11-kit-object-v1\])", store.read_bytes())
    store.write_bytes(b"".join(one for one in parts if b"x-certificate-extension" not in one))
    assert _verifies(store, other)
    assert _verifies(store, forged)


def test_an_authority_of_two_peers_is_held_to_the_domains_of_both(tmp_path: Path) -> None:
    """p11-kit knows what is attached by the key alone."""
    one = trusted(_CA, "authority", may_sign=True)
    store = _store(tmp_path, made("p11-kit", trust("foo", one), trust("bar", one)))
    for host, taken in (("mx.foo.test", True), ("mx.bar.test", True), ("mx.victim.test", False)):
        assert _verifies(store, certs.issue(_CA, host)) == taken


def test_a_peer_without_domains_has_an_authority_for_nothing(tmp_path: Path) -> None:
    """No name is left, and no address."""
    one = trust("foo", trusted(_CA, "authority", may_sign=True), domains=())
    store = _store(tmp_path, made("p11-kit", one))
    assert not _verifies(store, certs.issue(_CA, "mx.foo.test"))
    assert not _verifies(store, certs.issue(_CA, "192.0.2.1"))


def test_the_trust_module_lists_everybody_under_our_own_labels(tmp_path: Path) -> None:
    """Whatever the certificates say."""
    trusts = (*_PEERS, trust("baz", trusted(FOO)), *hostile_peers())
    code, said = _with(_store(tmp_path, made("p11-kit", *trusts)), "trust", "list")
    assert code == 0, said
    labels = re.findall(r"^    label: (.*)$", said, re.MULTILINE)
    wanted = [f"{each.peer}-{one.fingerprint[:16]}" for each in trusts for one in each.certificates]
    assert sorted(labels) == sorted(wanted)
    assert said.count("trust: anchor") == 3 + len(HOSTILE)
