"""A Postfix's target where no Postfix is: what is written, said, and found by an audit."""

from __future__ import annotations

import json

import pytest

from tests import certs
from tests.console import Console
from tests.publish.box import tree
from trustctl.export.postfix import CLOSED
from trustctl.facts.fingerprint import colons, short

_FORMAT = ("--format", "postfix")


def _export(console: Console, *words: str) -> str:
    ran = console("export", "--to", str(console.target), *_FORMAT, *words)
    return ran.out + ran.err


def _policy(console: Console) -> dict[str, str]:
    text = (console.target / "trustctl/current/tls_policy").read_text()
    return {key: value for key, _space, value in (one.partition(" ") for one in text.splitlines())}


def test_the_policy_is_written_though_there_is_no_postfix(two: Console, foo: certs.Made) -> None:
    """It lies in DIR/trustctl, and the answer says that nothing reads it."""
    assert "NOT IN FORCE" in _export(two)
    assert _policy(two)["foo.test"] == f"fingerprint match={colons(foo.fingerprint)}"
    assert "nothing was written" in _export(two)
    two.fails("export", "--to", str(two.target), *_FORMAT, "--reload", code=8)


def test_a_peer_without_a_pin_is_still_in_the_policy(two: Console, foo: certs.Made) -> None:
    """Its domain does not go back to ordinary delivery: it is held to nobody."""
    _export(two)
    two("retire", foo.fingerprint, "--reason", "old", "--yes")
    _export(two, "--yes")
    assert _policy(two)["foo.test"] == CLOSED
    two("unprotect", "foo.test", "--yes")
    _export(two, "--yes")
    assert "foo.test" not in _policy(two)


def test_an_audit_names_a_policy_that_outlived_its_pin(two: Console) -> None:
    """Postfix ignores the end of a pinned certificate: a target that was not exported since then
    is an error, and none before."""
    _export(two)

    def drift(at: str) -> list[str]:
        ran = two.any("audit", "--json", "--at", at)
        found = json.loads(ran.out)
        return [one["subject"] for one in found if one["rule"] == "target-drift"]

    assert drift("+1d") == []
    assert drift("+4000d") == [str(two.target)]


def test_uninstall_removes_all_of_it(two: Console) -> None:
    """And nothing that others wrote there."""
    two.target.mkdir(exist_ok=True)
    (two.target / "master.cf").write_text("mine\n")
    before = tree(two.target)
    _export(two)
    two("uninstall", "--from", str(two.target), "--yes")
    assert tree(two.target) == before


def test_finger_is_for_what_is_in_force(two: Console) -> None:
    """Another format has no Postfix to ask, a dry run puts nothing in force; and without a Postfix
    nothing is asked of anybody."""
    two.fails("export", "--to", str(two.target), "--format", "pem", "--finger", "foo.test", code=2)
    words = ("export", "--to", str(two.target), *_FORMAT, "--finger", "foo.test")
    two.fails(*words, "--dry-run", code=2)
    assert not two.target.exists() or list(two.target.iterdir()) == []
    two(*words, code=8)


@pytest.mark.parametrize("name", ["post fix", "post,fix", "post$fix", "post#fix", "post:fix"])
def test_a_folder_that_postfix_would_read_as_something_else_is_refused(
    two: Console, name: str
) -> None:
    """Its path goes into main.cf and into each line of the policy."""
    place = two.target.parent / name
    place.mkdir(parents=True)
    two.fails("export", "--to", str(place), *_FORMAT, code=7)
    assert list(place.iterdir()) == []


def test_a_domain_s_last_pin_is_asked_about(two: Console, foo: certs.Made) -> None:
    """As for Exim: whoever loses it, or never had one, is named; without a terminal and --yes
    nothing is changed; a second export does not ask again."""
    _export(two)
    two("distrust", foo.fingerprint, "--reason", "stolen", "--yes")
    ran = two.fails("export", "--to", str(two.target), *_FORMAT, code=9)
    assert "foo.test: no trusted pin is left; its mail would wait" in ran.err
    assert "bar.test: no trusted" not in ran.err
    assert _policy(two)["foo.test"] == f"fingerprint match={colons(foo.fingerprint)}"
    told = _export(two, "--dry-run")
    assert "waiting, no trusted pin: foo.test" in told
    assert "waiting, no trusted pin: foo.test" in _export(two, "--yes")
    assert _policy(two)["foo.test"] == CLOSED
    assert "nothing was written" in _export(two)


def test_a_distrusted_certificate_below_an_authority_is_named(two: Console) -> None:
    """Postfix would take it: that is said of the peer whose authority may have signed it, whether
    its certificate is known or not, and of nobody else."""
    ca, other = certs.authority("Baz CA"), certs.authority("Other CA")
    below, elsewhere = certs.issue(ca, "old.baz.test"), certs.issue(other, "mx.else.test")
    alone, unknown = certs.self_signed("mx.alone.test", ca=False), "ab" * 32
    place = two.write("ca.pem", ca.pem)
    two("add", str(place), "--peer", "baz", "--domain", "baz.test", "--role", "authority",
        "--fingerprint", ca.fingerprint)  # fmt: skip
    for name, made in (("below", below), ("elsewhere", elsewhere), ("alone", alone)):
        file = two.write(f"{name}.pem", made.pem)
        two("add", str(file), "--peer", name, "--domain", f"{name}.test")
        two("distrust", made.fingerprint, "--reason", "stolen", "--yes")
    told = _export(two, "--yes")
    said = [one for one in told.splitlines() if "Postfix cannot refuse" in one]
    assert len(said) == 1
    assert said[0].startswith(f"warning: baz: Postfix cannot refuse {short(below.fingerprint)}, ")
    two("distrust", unknown, "--reason", "seen", "--yes")
    told = _export(two, "--dry-run")
    assert f"cannot refuse {short(unknown)} (who issued it is not known), distrusted" in told
    two("retire", ca.fingerprint, "--reason", "x", "--yes")
    assert "Postfix cannot refuse" not in _export(two, "--yes")
