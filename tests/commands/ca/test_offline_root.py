"""A root that is elsewhere: which answers of it are taken, and in which order."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.commands.ca.ceremony import Ceremony, Peers
from tests.commands.ca.exported import held
from trustctl.facts.fingerprint import colons

DAY = 86400


def test_another_root(peers: Peers) -> None:
    """Neither a root of another hierarchy, nor a second one for this, nor one that is distrusted,
    nor one whose key is here."""
    first = peers.ask("a")
    peers.dark("init", "--offline-root", "--name", "evil")
    listed = peers.dark("list", "--authorities", "--json").json
    evil, root = (
        next(one["fingerprint"] for one in listed if one["ca"] == f"{name}/root-1")
        for name in ("evil", "peers")
    )
    both_ways = {
        name: peers.answer(first, f"{name}.out", "--ca", name) for name in ("peers", "evil")
    }
    yes = ("--yes", "--fingerprint")
    peers.online("accept", both_ways["peers"], *yes, root)
    peers.refused(both_ways["evil"], "not the one that peers has", 5, *yes, evil)
    other = peers.ask("b", "--days", "9", ca="other")
    peers.refused(peers.answer(other, "b.out", "--ca", "peers"), "is the root of peers", 5, *yes,
                  root)  # fmt: skip
    peers.online.console("distrust", colons(evil), "--reason", "stolen", "--yes")
    peers.refused(peers.answer(other, "c.out", "--ca", "evil"), "distrusted", 5, *yes, evil)


def test_a_root_that_is_here_too(peers: Peers) -> None:
    """What the key of a root of this machine has signed, without this machine: it was stolen."""
    answer = peers.answer(peers.ask())
    machine = peers.dark.console
    machine.pin(peers.foo, "foo", "--role", "authority")
    forged = peers.forged(answer)
    ran = machine.fails("ca", "accept", forged, "--yes", "--fingerprint", peers.root, code=5)
    assert "is on this machine" in ran.err


def test_each_is_taken_once_and_in_its_order(peers: Peers) -> None:
    """An answer that was accepted, or that was overtaken, does not come back: neither while the
    newer one holds, nor where the root has revoked it."""
    peers.accept(first := peers.answer(peers.ask("a")))
    peers.refused(first, "accepted already", 5)
    now = int(time.time())
    peers.refused(
        peers.forged(first, not_before=now - 5000, not_after=now + DAY), "older than what holds", 5
    )
    overtaken = peers.answer(peers.ask("b", "--permit", "relay.isp.test"), "b.out")
    meant = ("--permit", "relay.isp.test", "--permit", "other.test")
    peers.accept(peers.answer(peers.ask("c", "--permit", "other.test"), "c.out"), *meant)
    peers.refused(
        overtaken, "the newest CRL known here says", 4, "--yes", "--fingerprint", peers.root, *meant
    )
    assert held(peers.online.console)["held_to"] == ["foo.test", "other.test"]


def test_an_answer_whose_list_revokes_it(peers: Peers) -> None:
    """Signed, revoked, and then carried with the list that says so: it is not taken."""
    request = peers.ask()
    answer = peers.answer(request)
    peers.dark("revoke", "foo", "--reason", "superseded", "--yes")
    again = peers.answer(request, "again")
    crl = json.loads(Path(again).read_text())["crl"]
    peers.refused(peers.changed(answer, crl=crl), "says that the certificate is revoked")
    peers.accept(again)


def test_what_is_revoked_here_alone(peers: Peers) -> None:
    """Where the root does not know that the one before is revoked, its list is not taken: it would
    let it live."""
    peers.held("short", "--days", "30")
    (serial,) = [
        one["serial"] for one in peers.dark("list", "--all", "--json").json
        if one["profile"] == "peer-cross"
    ]  # fmt: skip
    peers.online("revoke", serial, "--reason", "superseded", "--yes")
    peers.dark("crl", "--of", "root", "--force", "--out", peers.path("crl"))
    request = peers.ask("next", ca=None)
    peers.refused(peers.answer(request, "next.out"), "does not name", 5)
    peers.dark("revoke", serial, "--reason", "superseded", "--yes")
    peers.accept(peers.answer(request, "next.again"))


def test_what_is_revoked_there_alone(peers: Peers) -> None:
    """The root's list by itself revokes nothing here: what has to be typed is said, and works."""
    peers.held()
    peers.dark("revoke", "foo", "--reason", "superseded", "--yes")
    peers.dark("crl", "--of", "root", "--out", peers.path("root.crl"))
    ran = peers.online("accept", peers.path("root.crl"))
    (line,) = (one for one in ran.err.splitlines() if one.startswith("warning: foo is revoked"))
    console = peers.online.console
    assert console.states()[peers.foo.fingerprint] == "trusted"
    console(*line.partition("type: trustctl ")[2].replace("REASON", "superseded").split(), "--yes")
    assert console.states()[peers.foo.fingerprint] != "trusted"
    peers.dark("crl", "--of", "root", "--force", "--out", peers.path("next.crl"))
    assert "warning" not in peers.online("accept", peers.path("next.crl")).err


def test_an_issuing_ca_that_the_root_has_revoked_since(two: Ceremony) -> None:
    """The same of an answer about an issuing CA: the list that came later counts, not the older one
    in the answer."""
    two.accept(two.answer(two.request("a", "--permit", "bar.test"), "a.out"))
    answer = two.answer(two.request("b", "--permit", "foo.test"), "b.out")
    serial = two.dark("list", "--all", "--json").json[-1]["serial"]
    two.dark("revoke", serial, "--reason", "key-compromise", "--yes")
    two.dark("crl", "--of", "root", "--out", two.path("root.crl"))
    two.online("accept", two.path("root.crl"))
    two.refused(answer, "the newest CRL known here says")
