"""Tests of trustctl.policy.foresight: the moment that is foreseen is the first one, to the second.

What is foreseen is compared with what judge and the exporter say at each second, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.policy.inventory import DAY, NOW, ONE, digest, distrust, facts, peer, pending, pin, vouch
from trustctl.export.exim import CLOSED, compile_peer
from trustctl.facts.fingerprint import short
from trustctl.facts.foresight import Break, Chains, Link, ListEnd, OwnHost, Presented, Step
from trustctl.facts.records import Cross, Peer, PeerTrust, Pin, Role, Settings, TrustedCertificate
from trustctl.policy.foresight import foresee, foresee_hosts, foresee_peer, sooner
from trustctl.policy.trust import judge

SPAN = 9
UNTIL = NOW + SPAN
SECONDS = range(NOW, UNTIL + 1)
FOO = short(facts().fingerprint)

moments = st.integers(NOW - 2, UNTIL + 3)
perhaps = st.none() | moments


@st.composite
def links(draw: st.DrawFn) -> Presented:
    """A chain of up to four certificates, tangled, cyclic or broken as may be."""
    count = draw(st.integers(0, 4))
    some = st.lists(st.integers(0, count - 1), max_size=2).map(tuple) if count else st.just(())
    made = [
        Link(digest(f"link {at}"), draw(perhaps), draw(perhaps), draw(some), draw(st.just(False)))
        for at in range(count)
    ]
    return Presented(draw(some), tuple(made))


@st.composite
def pins(draw: st.DrawFn, number: int) -> Pin:
    """A pin whose certificate and vouches begin and end at any time."""
    name = f"foo{number}"
    known = facts(
        name,
        not_before=draw(st.just(NOW - 5) | moments),
        not_after=draw(moments),
        is_ca=draw(st.booleans()),
        self_signed=False,
    )
    vouches = draw(
        st.lists(
            st.builds(
                vouch,
                st.sampled_from(["Ann <ann@bar.test>", "Bob <bob@bar.test>"]),
                of=st.just("foo"),
                fingerprint=st.just(known.fingerprint),
                at=st.just(NOW - 5) | moments,
                expires_at=perhaps,
                withdrawn_at=perhaps,
            ),
            max_size=3,
        )
    )
    role: Role = draw(st.sampled_from(["host", "authority"]))
    held = None
    if role == "authority" and draw(st.booleans()):
        held = Cross(
            fingerprint=digest("cross"),
            root=digest("root"),
            root_spki=digest("root key"),
            root_not_after=UNTIL + 9,
            permitted=("foo.test",),
            added=(),
            not_before=draw(moments),
            not_after=draw(moments),
        )
    return replace(
        pin("foo", certificate=known, role=role),
        id=number,
        vouches=tuple(vouches),
        added_at=draw(st.just(NOW - 5) | moments),
        retired_at=draw(st.none() | st.none() | moments),
        cross=held,
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Peer, Settings, Chains]:
    """A peer with up to three pins, the chains above them, and CAs of ours that it may pin."""
    several = [draw(pins(number)) for number in range(draw(st.integers(0, 3)))]
    presented = {
        one.certificate.fingerprint: draw(links())
        for one in several
        if one.role == "host" and draw(st.booleans())
    }
    ours = {
        one.certificate.spki or "": draw(st.sampled_from(["main", "next"]))
        for one in several
        if one.role == "authority" and draw(st.booleans())
    }
    wanted = {name: draw(perhaps) for name in ("main", "next")}
    made = replace(peer("foo"), pins=tuple(several))
    settings = Settings(draw(st.sampled_from([1, 1, 2])))
    return made, settings, Chains(presented=presented, ours=ours, wanted=wanted)


def value(one: Peer, settings: Settings, chains: Chains, now: int) -> str:
    """What an export at that second would write into the map."""
    trusted = tuple(
        TrustedCertificate(
            each.certificate.fingerprint,
            each.role,
            f"certificate foo{each.id}".encode(),  # what its fingerprint is made of
            each.certificate.not_after or 0,
            each.certificate.is_ca is not False,
            crl=chains.ours.get(each.certificate.spki or "") if each.role == "authority" else None,
        )
        for each in one.pins
        if judge(each, settings, now).trusted
    )
    return compile_peer(PeerTrust(one.name, one.domains, trusted)).entries[0][1]


def leads(chain: Presented, now: int) -> bool:
    """Every path there is, walked: whether one of them leads to its end through what is valid."""

    def walk(at: int, seen: frozenset[int]) -> bool:
        link = chain.links[at]
        if link.not_before is None or link.not_after is None or at in seen:
            return False
        if not link.not_before <= now <= link.not_after:
            return False
        return not link.above or any(walk(one, seen | {at}) for one in link.above)

    return not chain.above or any(walk(one, frozenset()) for one in chain.above)


def waits(one: Peer, settings: Settings, chains: Chains, now: int) -> bool:
    """Whether mail waits at that second."""
    said = value(one, settings, chains, now)
    if said == CLOSED:
        return True
    if "authority=yes" in said:
        return False
    prints = said.partition("pins=")[2].partition(" ")[0].lower().split(":")
    known = [chains.presented[one] for one in prints if one in chains.presented]
    return len(known) == len(prints) and not any(leads(chain, now) for chain in known)


def unlisted(one: Peer, settings: Settings, chains: Chains, now: int) -> bool:
    """Whether the CRL that the domain is held to is not there, or has ended."""
    if waits(one, settings, chains, now):
        return False
    name = value(one, settings, chains, now).partition("crl=")[2].partition(".pem")[0]
    if not name:
        return False
    ends = [chains.wanted[each] for each in (("main", "next") if name == "_all" else (name,))]
    return any(end is None or end <= now for end in ends)


def first(holds: Callable[[int], bool], start: int = NOW) -> int | None:
    """The first second at which it is so."""
    return next((second for second in SECONDS if second >= start and holds(second)), None)


@effort(deadline=None, max_examples=300)
@given(cases())
def test_the_first_second_is_foreseen(case: tuple[Peer, Settings, Chains]) -> None:
    """Neither a second sooner nor later than an export would close the domain, or the chain of
    every pin be over; and the second at which it works again by itself."""
    one, settings, chains = case
    found = [each for each in foresee_peer(one, settings, chains, NOW, UNTIL) if not each.renewable]
    at = first(lambda second: waits(one, settings, chains, second))
    assert [each.at for each in found] == ([] if at is None else [at])
    if at is not None:
        again = first(lambda second: not waits(one, settings, chains, second), at)
        assert found[0].until == again


@effort(deadline=None, max_examples=300)
@given(cases())
def test_the_end_of_a_list_is_foreseen(case: tuple[Peer, Settings, Chains]) -> None:
    """The first second at which the CRL is over that an export would hold the domain to, unless
    its mail has begun to wait before."""
    one, settings, chains = case
    found = foresee_peer(one, settings, chains, NOW, UNTIL)
    closed = first(lambda second: waits(one, settings, chains, second))
    at = first(lambda second: unlisted(one, settings, chains, second))
    if at is not None and closed is not None and closed < at:
        at = None
    assert [each.at for each in found if each.kind == "list"] == ([] if at is None else [at])


@effort(deadline=None, max_examples=300)
@given(cases())
def test_looking_further_ahead_changes_nothing_nearer(case: tuple[Peer, Settings, Chains]) -> None:
    """What is foreseen from a later moment on is what was foreseen, unless it is over."""
    one, settings, chains = case
    near = foresee_peer(one, settings, chains, NOW, NOW + SPAN // 2)
    far = foresee_peer(one, settings, chains, NOW, UNTIL)
    assert [(each.subject, each.at, each.why) for each in near] == [
        (each.subject, each.at, each.why) for each in far if each.at <= NOW + SPAN // 2
    ]


def test_each_domain_of_a_peer_breaks() -> None:
    """All of them at the same moment; a peer without a domain has nobody whose mail waits."""
    one = replace(peer("foo"), domains=("a.test", "b.test"))
    found = foresee([one], ONE, Chains(), NOW, NOW + 200 * DAY)
    assert [each.subject for each in found] == ["a.test", "b.test"]
    assert {each.at for each in found} == {NOW + 100 * DAY + 1}
    assert foresee([replace(one, domains=())], ONE, Chains(), NOW, NOW + 200 * DAY) == []
    assert foresee([one], ONE, Chains(), NOW, NOW + 100 * DAY) == []


NEXT = pin(certificate=facts("next", not_before=NOW + 150 * DAY, not_after=NOW + 500 * DAY))
LEAF = facts("leaf", self_signed=False)
ABOVE = Link(digest("inter"), NOW - DAY, NOW + 20 * DAY)
HELD = Cross(
    fingerprint=digest("cross"),
    root=digest("root"),
    root_spki=digest("root key"),
    root_not_after=NOW + 900 * DAY,
    permitted=("foo.test",),
    added=(),
    not_before=NOW - DAY,
    not_after=NOW + 30 * DAY,
)
BELOW = Chains(presented={LEAF.fingerprint: Presented((0,), (ABOVE,))})
REASONS: list[tuple[str, tuple[Pin, ...], Chains, dict[str, Any]]] = [
    ("expires", (pin(),), Chains(),
     {"kind": "pin", "why": f"the last pin, {FOO}, expires", "at": NOW + 100 * DAY + 1,
      "cause": facts().fingerprint}),
    ("a gap", (pin(), NEXT), Chains(), {"at": NOW + 100 * DAY + 1, "until": NOW + 150 * DAY}),
    ("retired", (pin(retired_at=NOW + 5),), Chains(),
     {"kind": "pin", "why": f"the last pin, {FOO}, is retired", "at": NOW + 5}),
    ("vouch", (pin("foo", vouch(expires_at=NOW + 7)),), Chains(),
     {"kind": "vouch", "why": f"the vouches for {FOO} end", "at": NOW + 7,
      "fix": "trustctl vouch foo --fingerprint"}),
    ("the last of two", (pin(), pin(certificate=facts("b", not_after=NOW + 9))), Chains(),
     {"at": NOW + 100 * DAY + 1, "cause": facts().fingerprint}),
    ("pending", (pending(),), Chains(),
     {"kind": "vouch", "why": "no pin is trusted: pending", "at": NOW, "cause": "foo"}),
    ("distrusted", (pin(distrusts=(distrust("x"),)),), Chains(),
     {"kind": "pin", "why": "no pin is trusted: distrusted", "at": NOW}),
    ("held to names", (pin(role="authority", cross=HELD),), Chains(),
     {"kind": "pin", "why": f"what holds {FOO} to names ends", "at": NOW + 30 * DAY + 1,
      "cause": HELD.fingerprint, "fix": "trustctl ca cross foo"}),
    ("held no more by names", (pin(role="authority"),), Chains(),
     {"why": f"the last pin, {FOO}, expires", "at": NOW + 100 * DAY + 1}),
    ("chain", (pin(certificate=LEAF),), BELOW,
     {"kind": "chain", "why": f"{short(ABOVE.fingerprint)}, above its pin, ends",
      "at": NOW + 20 * DAY + 1, "cause": ABOVE.fingerprint,
      "fix": "trustctl add NEW.pem --peer foo --fingerprint"}),
    ("chain distrusted", (pin(certificate=LEAF),),
     Chains(presented={LEAF.fingerprint: Presented((0,), (replace(ABOVE, refused=True),))}),
     {"kind": "chain", "why": f"{short(ABOVE.fingerprint)}, above its pin, is distrusted",
      "at": NOW}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("_name", "several", "chains", "says"), REASONS, ids=[r[0] for r in REASONS]
)
def test_what_ends_is_named(
    _name: str, several: tuple[Pin, ...], chains: Chains, says: dict[str, Any]
) -> None:
    """In our own words, with what to type."""
    (found,) = foresee_peer(peer("foo", *several), ONE, chains, NOW, NOW + 400 * DAY)
    assert {key: getattr(found, key) for key in says} == says
    assert found.subject == "foo.test"
    assert found.fix.startswith("trustctl ")


def test_a_peer_without_a_pin_waits_now() -> None:
    """And says so."""
    (found,) = foresee_peer(replace(peer("foo"), pins=()), ONE, Chains(), NOW, UNTIL)
    assert (found.at, found.why, found.until) == (NOW, "it has no pin", None)


def test_what_people_wrote_is_in_no_reason() -> None:
    """A reason of distrust may hold anything; a break quotes none of it."""
    one = pin(distrusts=(distrust("x", reason="\x1b[31m${run{id}}"),))
    (found,) = foresee_peer(peer("foo", one), ONE, Chains(), NOW, UNTIL)
    assert "run" not in repr(found)


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
