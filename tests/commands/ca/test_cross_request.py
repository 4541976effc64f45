"""``trustctl ca cross --request``: what a root that is elsewhere is asked, and what it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests import certs
from tests.authority import OwnCa
from tests.commands.ca.ceremony import Peers
from tests.commands.ca.exported import held


def asked(path: str) -> dict[str, Any]:
    """What stands in a request."""
    found: dict[str, Any] = json.loads(Path(path).read_text())
    return found


def test_it_asks_for_what_would_be_signed_here(peers: Peers) -> None:
    """The peer's names and those that are added, for this CA and so long; the inventory does not
    change, and the same is written again."""
    peers.online.console.pin(peers.foo, "foo", "--role", "authority", "--mx", "mx.isp.test")
    before = peers.online.console.state()
    words = ("--permit", "Relay.Test.", "--permit", "mx.foo.test", "--days", "30")
    one, again = peers.ask("one", *words), peers.ask("again", *words)
    found = asked(one)
    assert (found["ca"], found["peer"], found["days"]) == ("peers", "foo", 30)
    assert found["permit"] == ["foo.test", "mx.isp.test", "relay.test"]
    assert found == asked(again)
    assert peers.online.console.state() == before


def test_the_next_names_what_it_follows(peers: Peers) -> None:
    """Where nothing is due nothing is asked for; where it is, the request says what it follows, and
    keeps what was added."""
    ran = peers.accept(
        peers.answer(peers.ask("a", "--permit", "relay.test")), "--permit", "relay.test"
    )
    assert "accepted" in ran
    console = peers.online.console
    ran_again = console.fails("ca", "cross", "foo", "--request", peers.path("b"), code=5)
    assert "held already" in ran_again.err
    assert not Path(peers.path("b")).exists()
    console.pin(peers.foo, "foo", "--role", "authority", "--domain", "foo.example")
    found = asked(peers.ask("b", ca=None))
    assert found["before"] == held(console)["held_by"]
    assert found["permit"] == ["foo.example", "foo.test", "relay.test"]


def test_what_to_type_where_the_root_is_elsewhere(peers: Peers) -> None:
    """Without --request nothing is signed and nothing changes; what has to be typed is said, and
    works. What is held already is no reason to complain: a timer may go on."""
    peers.held()
    console = peers.online.console
    assert "nothing was changed" in peers.online("cross", "foo").out
    assert "nothing was changed" in peers.online("cross", "--due").out
    console.pin(peers.foo, "foo", "--role", "authority", "--domain", "foo.example")
    ran = console.fails("ca", "cross", "foo", "--permit", "relay.test", "--days", "9", code=5)
    hint = "trustctl ca cross foo --permit relay.test --days 9 --request foo.json"
    assert f"hint: {hint}\n" in ran.err
    ran = console.fails("ca", "cross", "--due", code=5)
    assert "  trustctl ca cross foo --request foo.json\n" in ran.err
    peers.online.init("--name", "main")
    console.pin(certs.authority("Bar CA"), "bar", "--role", "authority")
    ran = console.fails("ca", "cross", "bar", "--ca", "peers", code=5)
    assert "hint: trustctl ca cross bar --ca peers --request bar.json\n" in ran.err
    console(*hint.split()[1:-1], peers.path("foo.json"))


def test_one_of_several_cas(peers: Peers) -> None:
    """A request is about one: which has to be said, where more than one is to be held."""
    other, console = certs.authority("Foo next CA"), peers.online.console
    console.pin(other, "foo", "--role", "authority")
    words = ("ca", "cross", "foo", "--ca", "peers", "--request", peers.path("r"))
    ran = console.fails(*words, code=5)
    for one in (peers.foo, other):
        assert one.fingerprint[:16] in ran.err
    for of in ("0" * 16, other.fingerprint[:7], "", "x"):
        console.fails(*words, "--of", of, code=2)
    assert not Path(peers.path("r")).exists()
    peers.accept(peers.answer(peers.ask("a", "--of", other.fingerprint[:8].upper()), "a.out"))
    peers.accept(peers.answer(peers.ask("b", ca=None), "b.out"))
    held_by = {
        pin["fingerprint"]: pin["held_to"]
        for pin in console("show", "foo", "--json").json[0]["pins"]
    }
    assert held_by == {one.fingerprint: ["foo.test"] for one in (peers.foo, other)}


def test_two_peers_with_one_ca(peers: Peers) -> None:
    """A CA that several share is held for each to what is theirs, and neither undoes the other."""
    console = peers.online.console
    console.pin(peers.foo, "bar", "--role", "authority")
    peers.held("foo.out")
    peers.online("cross", "bar", "--request", peers.path("bar"))
    assert asked(peers.path("bar"))["before"] is None
    peers.accept(peers.answer(peers.path("bar"), "bar.out"))
    assert held(console)["held_to"] == ["foo.test"]
    assert held(console, "bar")["held_to"] == ["bar.test"]
    assert peers.online("list", "--revoked", "--all", "--json").json == []


def test_what_cannot_be_asked_for(peers: Peers) -> None:
    """Nobody, no names, no root that is named, together with what does not belong to it; over a
    file. Nothing is written."""
    console, out = peers.online.console, peers.path("r")
    mine = Path(peers.path("mine"))
    mine.write_text("mine")
    peers.online.console.pin(certs.self_signed("mx.host.test"), "host")
    for words, code in (
        (("foo", "--request", out), 2), (("nobody", "--ca", "peers", "--request", out), 5),
        (("host", "--ca", "peers", "--request", out), 5), (("--due", "--request", out), 2),
        (("foo", "--of", "0" * 16), 2), (("foo", "--drop", "--request", out), 2),
        (("foo", "--ca", "a b", "--request", out), 2),
        (("foo", "--ca", "peers", "--request", str(mine)), 7),
    ):  # fmt: skip
        console.fails("ca", "cross", *words, code=code)
    assert not Path(out).exists()
    assert mine.read_text() == "mine"


def test_what_would_be_refused_there_is_refused_here(peers: Peers) -> None:
    """Once the root is known, nobody carries a file in vain."""
    peers.held()
    ran = peers.online.console.fails(
        "ca", "cross", "foo", "--days", "2000", "--request", peers.path("r"), code=2
    )
    assert "1096 are the most" in ran.err


def test_a_root_on_this_machine_needs_no_request(own: OwnCa) -> None:
    """It signs by itself."""
    own.init()
    own.console.pin(certs.authority("Foo CA"), "foo", "--role", "authority")
    out = str(own.console.folder / "r")
    ran = own.console.fails("ca", "cross", "foo", "--request", out, code=5)
    assert "needs no request" in ran.err
    assert not Path(out).exists()
