"""``trustctl foresee``, and what other commands name before they take effect.

What is foreseen is held against others' programs: ``openssl verify`` at that moment and before it.
"""

from __future__ import annotations

import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests import certs
from tests.authority import OwnCa, first
from tests.certs import DAY, Made
from tests.console import ANN, Console, Ran


@pytest.fixture
def own(console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnCa:
    """A user who has a CA."""
    made = OwnCa(console, monkeypatch)
    made.init()
    return made


def foreseen(console: Console, *words: str) -> list[dict[str, Any]]:
    """What is foreseen, as JSON."""
    found: list[dict[str, Any]] = console("foresee", "--json", *words).json
    return found


def seconds(stamp: str) -> int:
    """A moment as JSON gives it, in seconds."""
    return int(datetime.fromisoformat(stamp).timestamp())


def verifies(at: int, leaf: Path, *words: str) -> bool:
    """Whether OpenSSL verifies a certificate at a moment."""
    ran = subprocess.run(
        ["openssl", "verify", "-attime", str(at), *words, str(leaf)],
        capture_output=True, check=False,
    )  # fmt: skip
    return ran.returncode == 0


def add(console: Console, peer: str, *chain: Made, expires: str = "") -> Path:
    """Pin the first certificate of a chain to a peer, with what it was presented with."""
    path = Path(console.write(f"{peer}.pem", b"".join(one.pem for one in chain)))
    console(
        "add", str(path), "--peer", peer, "--domain", f"{peer}.test", "--fingerprint",
        chain[0].fingerprint, "--vouched-by", ANN, *(["--expires", expires] if expires else []),
    )  # fmt: skip
    return path


@pytest.fixture
def chained(console: Console) -> tuple[Console, Path]:
    """A peer whose certificate outlives the one above it; and the file of its chain."""
    root = certs.authority("Root")
    inter = certs.issue(root, (), ca=True, days=20, subject="Intermediate")
    leaf = certs.issue(inter, "mx.foo.test", days=90)
    return console, add(console, "foo", leaf, inter, root)


def test_the_end_of_a_presented_chain(chained: tuple[Console, Path]) -> None:
    """OpenSSL takes it until then, with what GnuTLS reads of the very trust set that is exported,
    and not from then on. (What is marked as the end of a path for OpenSSL would be taken on.)

    OpenSSL counts the last second of a validity as over already (RFC 5280 does not)."""
    console, path = chained
    console("export", "--to", str(console.target), "--format", "exim")
    (trust_set,) = (console.target / "trustctl" / "sets").iterdir()
    (found,) = foreseen(console)
    assert (found["subject"], found["kind"]) == ("foo.test", "chain")
    at = seconds(found["at"])
    marked = rb"-----BEGIN TRUSTED.*?END TRUSTED CERTIFICATE-----\n"
    plain, removed = re.subn(marked, b"", trust_set.read_bytes(), flags=re.DOTALL)
    assert removed == 1
    trust_set.write_bytes(plain)
    words = ("-CAfile", str(trust_set), "-untrusted", str(path))
    assert verifies(at - 2, path, *words)
    assert not verifies(at, path, *words)
    # the certificate by itself has not ended
    assert verifies(at, path, "-CAfile", str(first(path)), "-partial_chain")


def test_a_chain_that_another_key_signed_is_no_chain(console: Console) -> None:
    """A certificate of the issuer's name with another key leads nowhere: its end is nobody's."""
    root = certs.authority("Root")
    inter = certs.issue(root, (), ca=True, days=80, subject="Intermediate")
    other = certs.issue(root, (), ca=True, days=20, subject="Intermediate")
    leaf = certs.issue(inter, "mx.foo.test", days=90)
    add(console, "foo", leaf, other, inter, root)
    (found,) = foreseen(console)
    assert found["cause"] in (inter.fingerprint, other.fingerprint)
    assert seconds(found["at"]) == int(inter.certificate.not_valid_after_utc.timestamp()) + 1


def test_the_end_of_our_hosts_list(own: OwnCa) -> None:
    """With CRLs asked for, OpenSSL takes the host until then and not from then on; without, on."""
    (chain,) = own.issue("mx1.foo.test")
    lists = own.console.folder / "lists.pem"
    lists.write_bytes(b"".join(
        own("crl", "--of", which).out.encode() for which in ("root", "issuing")
    ))  # fmt: skip
    own("ocsp", "--out", str(own.console.folder))
    found = {one["kind"]: one for one in foreseen(own.console)}
    assert set(found) == {"list", "staple", "certificate"}
    leaf, root = first(chain), str(own.certificate("root"))
    plain = ("-CAfile", root, "-untrusted", str(chain))
    strict = (*plain, "-crl_check_all", "-CRLfile", str(lists))
    at = seconds(found["list"]["at"])
    assert verifies(at - 1, leaf, *strict)
    assert not verifies(at, leaf, *strict)
    assert verifies(at, leaf, *plain)
    at = seconds(found["certificate"]["at"])
    assert verifies(at - 2, leaf, *plain)
    assert not verifies(at, leaf, *plain)
    staple = own.console.folder / "mx1.foo.test.ocsp"
    said = certs.openssl("ocsp", "-respin", str(staple), "-noverify", "-resp_text").decode()
    ends = said.partition("Next Update: ")[2].partition("\n")[0]
    assert datetime.strptime(f"{ends[:-4]} +0000", "%b %d %H:%M:%S %Y %z").timestamp() == seconds(
        found["staple"]["at"]
    )


def test_a_revoked_issuing_ca_takes_its_hosts_with_it(own: OwnCa) -> None:
    """Named before anybody agrees; OpenSSL says the same of the list that follows."""
    chain, _other = own.issue("mx1.foo.test", "mx2.foo.test")
    words = ("ca", "revoke", "main/issuing-1", "--reason", "ca-compromise")
    refused = own.console.fails(*words, code=9)
    for host in ("mx1.foo.test", "mx2.foo.test"):
        line = f"warning: {host}: refused from now on: main/issuing-1, above it, was revoked"
        assert line in refused.err
    assert {one["kind"] for one in foreseen(own.console)} == {"certificate"}
    own.console(*words, "--yes")
    assert {(one["subject"], one["kind"]) for one in foreseen(own.console)} == {
        ("mx1.foo.test", "authority"), ("mx2.foo.test", "authority"),
    }  # fmt: skip
    lists = own.console.folder / "lists.pem"
    lists.write_bytes(b"".join(
        own("crl", "--of", which).out.encode() for which in ("root", "issuing")
    ))  # fmt: skip
    now = int(chain.stat().st_mtime) + 60
    plain = ("-CAfile", str(own.certificate("root")), "-untrusted", str(chain))
    assert verifies(now, first(chain), *plain)
    assert not verifies(now, first(chain), *plain, "-crl_check_all", "-CRLfile", str(lists))


def test_a_rollover_breaks_nobody(own: OwnCa) -> None:
    """Neither of the root nor of the issuing CA: what is foreseen is the same before and after."""
    own.issue("mx1.foo.test")
    own.trust_for("bar")
    own("crl", "--of", "all")
    before = foreseen(own.console, "--domain", "mx1.foo.test")
    for which in ("root", "issuing"):
        own("rollover", which, "--yes")
        assert foreseen(own.console, "--domain", "mx1.foo.test") == before
        assert {one["kind"] for one in foreseen(own.console)} == {"list", "certificate"}


def test_audit_at_that_moment_says_so(console: Console) -> None:
    """The moment that is foreseen is the first one at which an audit finds it."""
    root = certs.authority("Root")
    inter = certs.issue(root, (), ca=True, days=20, subject="Intermediate")
    add(console, "chain", certs.issue(inter, "mx.chain.test", days=90), inter, root)
    add(console, "vouched", certs.self_signed("mx.vouched.test"), expires="40d")
    add(console, "self", certs.self_signed("mx.self.test", days=60))
    found = foreseen(console)
    assert [one["subject"] for one in found] == ["chain.test", "vouched.test", "self.test"]
    for one in found:
        at = seconds(one["at"])
        rules = [_waiting(console, one["subject"], second) for second in (at - 1, at)]
        assert rules == [[], ["chain-ended" if one["kind"] == "chain" else "domain-without-pin"]]
        assert "will-wait" in _rules(console, one["subject"], at - 10 * DAY)


def _rules(console: Console, subject: str, at: int) -> list[str]:
    when = datetime.fromtimestamp(at).astimezone().isoformat()
    ran = console.any("audit", "--at", when, "--json", "--fail-on", "never")
    return [one["rule"] for one in ran.json if one["subject"] == subject]


def _waiting(console: Console, subject: str, at: int) -> list[str]:
    wanted = ("chain-ended", "domain-without-pin")
    return [one for one in _rules(console, subject, at) if one in wanted]


def test_a_table_of_80_columns(console: Console) -> None:
    """What breaks on the same day for the same reason shares a line; --days ends it."""
    long = "mail.a-subsidiary-with-a-long-name.of-a-large-organisation.example.test"
    made = certs.self_signed("mx.foo.test", days=60)
    console.pin(made, "foo", "--domain", "www.foo.test", "--domain", long)
    console("add", console.write("p.pem", certs.self_signed("mx.p.test").pem),
            "--peer", "p", "--domain", "p.test")  # fmt: skip
    said = console("foresee").out.splitlines()
    assert said[0].split() == ["FROM", "WHO", "WHY"]
    assert len(said) == 3
    assert said[1].split()[:2] == ["now", "p.test"]
    assert "and 2 more" in said[2]
    assert all(len(line) <= 80 for line in said)
    assert len(console("foresee", "--days", "50").out.splitlines()) == 2
    console("retire", "p", "--yes")
    quiet = console("foresee", "--days", "50", "--domain", "foo.test")
    assert quiet.out == "nothing breaks within 50 days\n"
    assert [one["subject"] for one in foreseen(console, "--domain", "www.foo.test")] == [
        "www.foo.test"
    ]
    console.fails("foresee", "--days", "-1", code=2)
    console.fails("foresee", "--domain", "no domain", code=2)


def _export(console: Console, *words: str, code: int = 0) -> Ran:
    return console("export", "--to", str(console.target), "--format", "exim", *words, code=code)


def test_an_export_names_who_breaks(console: Console) -> None:
    """Those whom it changes, at most twenty and how many more; a dry run names all of them."""
    for number in range(23):
        console.pin(certs.self_signed(f"mx{number}.test", days=30 + number), f"p{number:02}")
    planned = _export(console, "--dry-run")
    assert planned.out.count("mail waits from") == 23
    said = _export(console).err.splitlines()
    told = [one for one in said if "mail waits from" in one]
    assert len(told) == 20
    assert told[0].startswith("note: p00.test: mail waits from ")
    assert "note: and 3 more: trustctl foresee" in said
    assert "mail waits" not in _export(console).err  # nothing changes
    console.pin(certs.self_signed("mx.new.test", days=90), "new")
    changed = [one for one in _export(console).err.splitlines() if "mail waits" in one]
    assert [one.split()[1] for one in changed] == ["new.test:"]


def test_an_export_names_who_breaks_now(chained: tuple[Console, Path]) -> None:
    """A chain that is over closes no entry of the map, and mail waits all the same: it is said. A
    closed domain is asked about, and not told of twice."""
    console, _path = chained
    assert "warning" not in _export(console, "--dry-run").err
    later = _export(console, "--dry-run", "--at", "+30d").out
    assert "foo.test: mail waits from now on" in later
    console("add", console.write("p.pem", certs.self_signed("mx.p.test").pem),
            "--peer", "p", "--domain", "p.test")  # fmt: skip
    asked = console.fails("export", "--to", str(console.target), "--format", "exim", code=9)
    assert asked.err.count("p.test") == 1


def test_retiring_names_who_breaks_later(console: Console) -> None:
    """Where another pin is left there is no question, but the day on which that one ends."""
    long, short = (certs.self_signed("mx.foo.test", days=days) for days in (90, 40))
    console.pin(short, "foo")
    console.pin(long, "foo")
    assert "mail waits" not in console("retire", short.fingerprint).err
    console.pin(short, "foo")
    ran = console("retire", long.fingerprint)
    assert "note: foo.test: mail waits from 20" in ran.err
    asked = console.fails("retire", short.fingerprint, code=9)
    assert "mail waits" not in asked.err


def test_retiring_asks_where_a_broken_chain_is_left(console: Console) -> None:
    """A trusted pin below a chain that is over is no way for mail."""
    root = certs.authority("Root")
    inter = certs.issue(root, (), ca=True, days=2, subject="I", not_before=_ago(9))
    good = certs.self_signed("mx.foo.test")
    add(console, "foo", certs.issue(inter, "mx.foo.test"), inter, root)
    console.pin(good, "foo")
    words = ("retire", good.fingerprint)
    assert console.fails(*words, code=9)
    console(*words, "--yes")
    assert [(one["kind"], one["subject"]) for one in foreseen(console)] == [("chain", "foo.test")]


def _ago(days: int) -> int:
    return int(datetime.now().timestamp()) - days * DAY


def test_distrusting_and_withdrawing_name_who_breaks(console: Console) -> None:
    """Before a person agrees, or before it is done; what breaks nobody names nobody."""
    one, two = certs.self_signed("mx.foo.test"), certs.self_signed("mx.bar.test")
    console.pin(one, "foo")
    console.pin(two, "bar")
    words = ("distrust", one.fingerprint, "--reason", "stolen")
    line = "warning: foo.test: mail waits from now on: no pin is trusted: distrusted"
    refused = console.fails(*words, code=9)
    assert line in refused.err
    assert "bar.test" not in refused.err
    console(*words, "--yes")
    assert line not in console(*words, "--yes").err  # it is so already
    ran = console("withdraw", "bar", "--reason", "misheard")
    assert "warning: bar.test: mail waits from now on" in ran.err
    console.fails("withdraw", "bar", "--reason", "misheard", code=5)
    assert "whole" in console("journal", "verify").out


def test_a_renewed_host_is_refused_by_who_pins_the_old_certificate(own: OwnCa) -> None:
    """It is named before the next one is made; an authority of ours takes both."""
    (chain,) = own.issue("mx1.foo.test")
    leaf = first(chain)
    prints = certs.openssl("x509", "-in", str(leaf), "-noout", "-fingerprint", "-sha256")
    fingerprint = prints.decode().strip().partition("=")[2]
    out = ("--out", str(chain.parent))
    assert "refuses" not in own("renew", "mx1.foo.test", *out).err
    own.console(
        "add", str(leaf), "--peer", "us", "--domain", "us.test", "--fingerprint", fingerprint
    )
    ran = own("renew", "mx1.foo.test", *out)
    assert "note: us.test has the certificate pinned that mx1.foo.test has now" in ran.err
    assert "refuses" not in own("issue", "mx2.foo.test", *out).err
    own.trust_for("us")
    assert "refuses" not in own("renew", "mx1.foo.test", *out).err


def test_revoking_names_hosts_and_domains(own: OwnCa) -> None:
    """Whoever pins the certificate that is revoked waits from then on."""
    (chain,) = own.issue("mx1.foo.test")
    leaf = first(chain)
    prints = certs.openssl("x509", "-in", str(leaf), "-noout", "-fingerprint", "-sha256")
    own.console(
        "add", str(leaf), "--peer", "us", "--domain", "us.test", "--fingerprint",
        prints.decode().strip().partition("=")[2],
    )  # fmt: skip
    words = ("ca", "revoke", "mx1.foo.test", "--reason", "superseded")
    said = own.console.fails(*words, code=9).err
    assert "warning: us.test: mail waits from now on: no pin is trusted: revoked" in said
    assert "warning: mx1.foo.test: refused from now on: its certificate was revoked" in said
    assert own.console(*words, "--yes").out.startswith("revoked: mx1.foo.test")
