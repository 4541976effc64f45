"""Tests of trustctl.policy.foresight: when a host of ours is refused, and what a change does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.policy.inventory import DAY, NOW, ONE, digest, facts, peer, pin
from tests.policy.seconds import UNTIL, first, moments
from trustctl.facts.foresight import Break, Chains, ListEnd, OwnHost, Step
from trustctl.policy.foresight import foresee_hosts, foresee_peer, sooner

KEY, ROOT, OLD = digest("issuing key"), digest("root key"), digest("old root key")


def step(name: str, key: str, signer: str, end: int, **changes: Any) -> Step:
    """A certificate of an authority of ours."""
    made = Step(f"main/{name}", "main", digest(name), key, signer, NOW - DAY, end)
    return replace(made, **changes)


@st.composite
def hosts(draw: st.DrawFn) -> Chains:
    """A host, what it presents, and up to two roots, each ending at any time."""
    keys = st.sampled_from([KEY, ROOT, OLD])
    chain = tuple(
        step(f"step{at}", draw(keys), draw(keys), draw(moments), revoked=draw(st.booleans()))
        for at in range(draw(st.integers(0, 4)))
    )
    roots = tuple(
        step(f"root-{at}", key, key, draw(moments)) for at, key in enumerate((ROOT, OLD)[: draw(
            st.integers(1, 2))])
    )  # fmt: skip
    return Chains(
        hosts=(OwnHost("mx.foo.test", "main", digest("h"), KEY, draw(moments), chain),), roots=roots
    )


@effort(deadline=None, max_examples=300)
@given(hosts())
def test_the_first_second_at_which_a_host_is_refused_is_foreseen(chains: Chains) -> None:
    """By everybody: its certificate is over, or no way leads to any root of ours."""
    (host,) = chains.hosts

    def accepted(second: int) -> bool:
        def walk(key: str, seen: frozenset[Step]) -> bool:
            if any(one.key == key and one.not_after >= second for one in chains.roots):
                return True
            return any(
                walk(one.signer, seen | {one})
                for one in host.chain
                if one.key == key and one not in seen and not one.revoked
                and one.not_after >= second
            )  # fmt: skip

        return second <= host.not_after and walk(host.issuer, frozenset())

    found = [one for one in foresee_hosts(chains, NOW, UNTIL) if "alone" not in one.why]
    at = first(lambda second: not accepted(second))
    assert [one.at for one in found] == ([] if at is None else [at])


ISSUING = step("issuing-1", KEY, ROOT, NOW + 300 * DAY)
HOST = OwnHost("mx.foo.test", "main", digest("h"), KEY, NOW + 90 * DAY, (ISSUING,))
TOP = step("root-1", ROOT, ROOT, NOW + 900 * DAY)


def told(chains: Chains, days: int = 400) -> list[Break]:
    """What is foreseen for our hosts."""
    return list(foresee_hosts(chains, NOW, NOW + days * DAY))


def test_a_host_is_refused_when_its_certificate_ends() -> None:
    """Not when it was long gone, and not beyond what is looked at."""
    chains = Chains(hosts=(HOST,), roots=(TOP,))
    (found,) = told(chains)
    assert (found.kind, found.at) == ("certificate", NOW + 90 * DAY + 1)
    assert found.fix == "trustctl ca renew mx.foo.test --ca main"
    assert told(chains, 90) == []
    gone = replace(HOST, not_after=NOW - 31 * DAY)
    assert told(replace(chains, hosts=(gone,))) == []
    (ended,) = told(replace(chains, hosts=(replace(HOST, not_after=NOW - DAY),)))
    assert ended.at == NOW


def test_a_host_is_refused_with_its_authority() -> None:
    """When the issuing CA or the root ends, or the issuing CA was revoked."""
    short_lived = replace(ISSUING, not_after=NOW + 9 * DAY)
    (found,) = told(Chains(hosts=(replace(HOST, chain=(short_lived,)),), roots=(TOP,)))
    assert (found.kind, found.at, found.cause) == ("authority", NOW + 9 * DAY + 1, "main/issuing-1")
    assert found.fix == "trustctl ca rollover issuing --ca main"
    revoked = replace(ISSUING, revoked=True, retired=True)
    (found,) = told(Chains(hosts=(replace(HOST, chain=(revoked,)),), roots=(TOP,)))
    assert (found.at, found.why) == (NOW, "main/issuing-1, above it, was revoked")
    assert found.fix == "trustctl ca renew mx.foo.test --ca main"
    (found,) = told(Chains(hosts=(HOST,), roots=(replace(TOP, not_after=NOW + 5),)))
    assert (found.kind, found.at, found.cause) == ("root", NOW + 6, "main/root-1")
    (found,) = told(Chains(hosts=(replace(HOST, revoked=True),), roots=(TOP,)))
    assert (found.kind, found.at) == ("revoked", NOW)


def test_who_trusts_the_old_root_alone_is_told_of() -> None:
    """After a rollover: the host goes on for everybody else."""
    old = step("root-1", OLD, OLD, NOW + 30 * DAY, retired=True)
    new = step("root-2", ROOT, ROOT, NOW + 900 * DAY)
    bridge = step("root-2 as main/root-1 signed it", ROOT, OLD, NOW + 30 * DAY)
    chains = Chains(hosts=(replace(HOST, chain=(ISSUING, bridge)),), roots=(old, new))
    found = sorted(told(chains), key=lambda one: one.at)
    assert [(one.kind, one.at) for one in found] == [
        ("root", NOW + 30 * DAY + 1),
        ("certificate", NOW + 90 * DAY + 1),
    ]
    assert found[0].why == "main/root-1 ends: who trusts it alone"
    # without the bridge it never led there
    assert len(told(replace(chains, hosts=(HOST,)))) == 1


def test_lists_and_staples_end() -> None:
    """Of an authority above the host, and of the host; only until the host is refused anyway."""
    lists = {KEY: ListEnd("main/issuing-1", NOW + 9), ROOT: ListEnd("main/root-1", NOW + 20)}
    chains = Chains(hosts=(replace(HOST, staple_until=NOW + 7),), roots=(TOP,), lists=lists)
    found = {one.kind: one for one in told(chains)}
    assert (found["list"].at, found["list"].cause) == (NOW + 9, "main/issuing-1")
    assert found["list"].fix == "trustctl ca crl --of issuing-1 --ca main"
    assert found["staple"].at == NOW + 7
    assert all(found[kind].renewable for kind in ("list", "staple"))
    late = replace(chains, hosts=(replace(HOST, not_after=NOW + 3, staple_until=NOW + 7),))
    assert [one.kind for one in told(late)] == ["certificate"]


def test_only_what_is_new_or_sooner_is_a_changes_doing() -> None:
    """Each subject and way of breaking by itself."""
    before = [
        Break("a.test", NOW + 9, "pin", "", "x", ""),
        Break("mx.foo.test", NOW + 5, "staple", "", "main", ""),
        Break("c.test", NOW + 5, "pin", "", "x", ""),
    ]
    after = [
        Break("a.test", NOW + 9, "vouch", "", "y", ""),
        Break("mx.foo.test", NOW + 5, "certificate", "", "y", ""),
        Break("c.test", NOW + 4, "vouch", "", "y", ""),
        Break("d.test", NOW + 2, "pin", "", "y", ""),
    ]
    assert [one.subject for one in sooner(before, after)] == ["d.test", "c.test", "mx.foo.test"]
    assert sooner(after, after) == []


def test_a_list_is_wanted_while_its_ca_is_trusted() -> None:
    """Neither before the pin is there, nor from the second on at which another takes its place."""
    ca = facts("ca")
    authority = pin(certificate=ca, role="authority", added_at=NOW + 5, retired_at=NOW + 20)
    one = peer("foo", pin(), authority)

    def ends(wanted: int | None) -> list[int]:
        chains = Chains(ours={ca.spki or "": "main"}, wanted={"main": wanted})
        return [each.at for each in foresee_peer(one, ONE, chains, NOW, NOW + DAY)]

    assert ends(NOW + 3) == [NOW + 5]
    assert ends(None) == [NOW + 5]
    assert ends(NOW + 19) == [NOW + 19]
    assert ends(NOW + 20) == []
