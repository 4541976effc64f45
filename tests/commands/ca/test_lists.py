"""What our own CA revoked, in the stores of servers: after one export it is out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import certs
from tests.authority import OwnCa, made
from tests.certs import Made
from tests.console import ANN
from tests.export.servers import Ask, dovecot, haproxy, nginx
from tests.export.stores import run
from tests.tools import require, require_root

_SERVERS: dict[str, tuple[Callable[..., AbstractContextManager[Ask]], str]] = {
    "nginx": (nginx, "let in"),
    "haproxy": (lambda base, current: haproxy(base, current, by_pin=False), "let in"),
    "dovecot": (dovecot, "Login: user"),
}
_Client = tuple[Made, list[bytes]]


@pytest.fixture
def hosts(ca: OwnCa) -> tuple[_Client, _Client]:
    """A host to stay and a host to be revoked; the root is pinned as bar's authority."""
    ca.trust_for("bar", "--vouched-by", ANN, "--via", "phone")
    good, bad = ca.issue("good.bar.test", "bad.bar.test")
    return made(good), made(bad)


def _export(ca: OwnCa, name: str, *words: str) -> tuple[Path, str]:
    target = ca.console.folder / name
    ran = ca.console("export", "--to", str(target), "--format", name, *words)
    return target / "current", ran.out + ran.err


def _revoke(ca: OwnCa) -> None:
    ca("revoke", "bad.bar.test", "--reason", "key-compromise", "--yes")


def _let_in(tmp_path: Path, name: str, current: Path, *clients: _Client) -> list[bool]:
    server, sign = _SERVERS[name]
    base = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
    base.mkdir()
    with server(base, current) as ask:
        return [sign in ask(leaf, *chain) for leaf, chain in clients]


@pytest.mark.parametrize("name", _SERVERS)
def test_a_server_refuses_who_was_revoked(
    ca: OwnCa, hosts: tuple[_Client, _Client], tmp_path: Path, name: str
) -> None:
    """From the next export on, and nobody else; nothing has to be written by hand. An audit has
    nothing to say."""
    require_root()
    require(f"/usr/sbin/{name}")
    current, _said = _export(ca, name)
    assert _let_in(tmp_path, name, current, *hosts) == [True, True]
    _revoke(ca)
    found = ca.console("audit", "--json", "--fail-on", "never").json
    assert "revocation-unlisted" in {one["rule"] for one in found}
    current, said = _export(ca, name)
    assert "warning" not in said
    assert _let_in(tmp_path, name, current, *hosts) == [True, False]
    found = ca.console("audit", "--json", "--fail-on", "never").json
    assert not {one["rule"] for one in found} & {"revocation-unlisted", "target-drift"}


@pytest.mark.parametrize("name", _SERVERS)
def test_beside_who_signed_itself(
    ca: OwnCa, hosts: tuple[_Client, _Client], tmp_path: Path, name: str
) -> None:
    """OpenSSL would want a list of that one, too. HAProxy can be told not to; nginx and Dovecot
    have no list then, the export says so, and nobody who is trusted is kept out by it."""
    require_root()
    require(f"/usr/sbin/{name}")
    foo = certs.self_signed("mx.foo.test", ca=False)
    ca.console.pin(foo, "foo")
    _revoke(ca)
    current, said = _export(ca, name)
    carries = name == "haproxy"
    assert ("the CA main revoked 1 certificates" in said) != carries
    assert _let_in(tmp_path, name, current, (foo, []), *hosts) == [True, True, not carries]


def test_openssl_finds_the_lists_by_their_hashed_names(
    ca: OwnCa, hosts: tuple[_Client, _Client], tmp_path: Path
) -> None:
    """As ``openssl rehash`` would name them; it finds nothing to do."""
    _revoke(ca)
    current, _said = _export(ca, "openssl-dir")
    for (leaf, chain), code in zip(hosts, (0, 2), strict=True):
        (tmp_path / "leaf.pem").write_bytes(leaf.pem)
        (tmp_path / "chain.pem").write_bytes(b"".join(chain))
        words = ("openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", current,
                 "-untrusted", tmp_path / "chain.pem")  # fmt: skip
        assert run(*words, tmp_path / "leaf.pem").returncode == 0
        done = run(*words, "-crl_check_all", tmp_path / "leaf.pem")
        assert done.returncode == code, done
        assert ("certificate revoked" in done.stderr) == bool(code)
    lists = [one for one in current.iterdir() if ".r" in one.name]
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for one in lists:
        (theirs / f"{one.name.replace('.', '')}.crl").write_bytes(one.read_bytes())
    assert run("openssl", "rehash", theirs).returncode == 0
    assert {one.name for one in theirs.iterdir() if one.is_symlink()} == {one.name for one in lists}
    assert len(lists) == 2


def test_without_the_passphrase_the_last_lists_stay(
    ca: OwnCa, hosts: tuple[_Client, _Client]
) -> None:
    """And the export says what is due. Without any list a server goes on without, and that is said
    too, once something was revoked."""
    assert len(hosts) == 2
    ca.absent()
    current, said = _export(ca, "nginx")
    assert "was not signed" in said
    assert not (current / "crl.pem").exists()
    assert "ssl_crl" not in (current / "nginx.conf").read_text()
    _revoke(ca)
    _current, said = _export(ca, "nginx")
    assert "the CA main revoked 1 certificates" in said
    ca.present()
    current, said = _export(ca, "nginx")
    assert "ssl_crl" in (current / "nginx.conf").read_text()
    before = (current / "crl.pem").read_bytes()
    ca("revoke", "good.bar.test", "--reason", "superseded", "--yes")
    ca.absent()
    current, said = _export(ca, "nginx")
    assert "was not signed" in said
    assert (current / "crl.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["opensmtpd", "p11-kit", "known-pins", "pem"])
def test_a_format_that_has_no_lists_says_so(
    ca: OwnCa, hosts: tuple[_Client, _Client], name: str
) -> None:
    """Where somebody was revoked whom its reader still takes."""
    assert len(hosts) == 2
    assert "revoked" not in _export(ca, name)[1]
    _revoke(ca)
    assert "taken until they end" in _export(ca, name)[1]
