"""Tests of trustctl.policy.foresight: the moment that is foreseen is the first one, to the second.

What is foreseen is compared with what judge and the exporter say at each second, one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.policy.inventory import DAY, NOW, ONE, digest, distrust, facts, peer, pending, pin, vouch
from tests.policy.seconds import SPAN, UNTIL, first, moments, perhaps
from trustctl.export.exim import CLOSED, compile_peer
from trustctl.facts.fingerprint import short
from trustctl.facts.foresight import Chains, Link, Presented
from trustctl.facts.records import Cross, Peer, PeerTrust, Pin, Role, Settings, TrustedCertificate
from trustctl.policy.foresight import foresee, foresee_peer
from trustctl.policy.trust import judge

FOO = short(facts().fingerprint)


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
    ("held by a root elsewhere", (pin(role="authority", cross=replace(HELD, elsewhere=True)),),
     Chains(), {"fix": "trustctl ca cross foo --request foo.json"}),
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
