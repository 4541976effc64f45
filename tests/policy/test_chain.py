"""Tests of trustctl.policy.chain: who signed whom in what a peer presented; whether it leads."""

from __future__ import annotations

from tests.policy.inventory import DAY, NOW, digest, facts
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.foresight import Link, Presented
from trustctl.policy.chain import arrange, broken, follows, holds, leads_to, moments


def of(name: str, issuer: str, days: float = 100, **changes: object) -> CertificateFacts:
    """A certificate of this name, which this issuer signed."""
    return facts(
        name, subject=f"CN={name}", issuer=f"CN={issuer}", self_signed=name == issuer,
        is_ca=name != "leaf", not_after=NOW + int(days * DAY), **changes,
    )  # fmt: skip


def by_name(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    """Every signature is good."""
    return True


LEAF, INTER, ROOT = of("leaf", "inter"), of("inter", "root", 20), of("root", "root", 900)


def test_a_chain_is_found_in_any_order() -> None:
    """With whatever was presented beside it; the leaf itself is not above itself."""
    for presented in ([INTER, ROOT], [ROOT, of("other", "other"), LEAF, INTER]):
        chain = arrange(LEAF, presented, (), by_name)
        assert [chain.links[at].fingerprint for at in chain.above] == [INTER.fingerprint]
        assert holds(chain, NOW + 20 * DAY)
        assert not holds(chain, NOW + 20 * DAY + 1)
        assert NOW + 20 * DAY + 1 in list(moments(chain))
        link = broken(chain, NOW + 20 * DAY + 1)
        assert link is not None
        assert link.fingerprint == INTER.fingerprint


def test_without_a_path_nothing_can_end() -> None:
    """No issuer was presented, or none of this name, or the signature is another's."""
    other = of("other", "root")
    for presented in ([], [other, ROOT], [ROOT]):
        assert holds(arrange(LEAF, presented, (), by_name), NOW + 5000 * DAY)
    unsigned = arrange(LEAF, [INTER, ROOT], (), lambda one, _issuer: one != LEAF)
    assert unsigned.above == ()
    assert holds(unsigned, NOW + 5000 * DAY)


def test_what_cannot_sign_is_no_issuer() -> None:
    """A certificate with CA:FALSE and the issuer's name is left out."""
    fake = of("inter", "root", 10)
    assert arrange(LEAF, [facts("x", subject="CN=inter", is_ca=False)], (), by_name).above == ()
    assert arrange(LEAF, [fake], (), by_name).above == (0,)


def test_one_of_two_ways_is_enough() -> None:
    """A CA that was certified twice: the chain ends with the later of the two."""
    twice = of("inter", "root", 60, spki=INTER.spki, fingerprint=digest("twice"))
    chain = arrange(LEAF, [INTER, twice, ROOT], (), by_name)
    assert len(chain.above) == 2
    assert holds(chain, NOW + 60 * DAY)
    assert not holds(chain, NOW + 60 * DAY + 1)
    one = arrange(LEAF, [INTER, twice, ROOT], (), lambda _one, issuer: issuer != twice)
    assert not holds(one, NOW + 21 * DAY)


def test_what_is_distrusted_leads_nowhere() -> None:
    """Its link is never exported."""
    chain = arrange(LEAF, [INTER, ROOT], {ROOT.fingerprint}, by_name)
    assert not holds(chain, NOW)
    link = broken(chain, NOW)
    assert link is not None
    assert link.refused
    assert holds(arrange(LEAF, [INTER, ROOT], {digest("other")}, by_name), NOW)


def test_a_validity_that_cannot_be_read_is_none() -> None:
    """Nor does it hide the rest."""
    chain = arrange(LEAF, [of("inter", "root", not_before=None), ROOT], (), by_name)
    assert not holds(chain, NOW)


def test_circles_end() -> None:
    """Two that signed each other, with no top above them, lead nowhere; a hundred of one name that
    all signed each other are walked once."""
    a, b = of("inter", "b"), of("b", "inter")
    assert not holds(arrange(LEAF, [a, b], (), by_name), NOW)
    links = tuple(
        Link(digest(str(at)), NOW - DAY, NOW + DAY, tuple(one for one in range(100) if one != at))
        for at in range(100)
    )
    assert not holds(Presented(tuple(range(100)), links), NOW)
    top = (*links[:-1], Link(digest("99"), NOW - DAY, NOW + DAY))
    assert holds(Presented((0,), top), NOW)


def test_a_path_leads_to_its_goal_or_does_not() -> None:
    """To this certificate, not to another one that is there too; one that is followed holds at a
    moment, its goal as well."""
    other = of("other", "other")
    chain = arrange(LEAF, [INTER, ROOT, other], (), by_name)
    assert [leads_to(chain, goal) for goal in range(3)] == [True, True, False]
    assert [follows(chain, {goal}, NOW) for goal in range(3)] == [True, True, False]
    assert follows(chain, {1, 2}, NOW + 20 * DAY)
    assert not follows(chain, {1, 2}, NOW + 20 * DAY + 1)
    ended = arrange(LEAF, [INTER, of("root", "root", -1)], (), by_name)
    assert leads_to(ended, 1)
    assert not follows(ended, {1}, NOW)


def test_no_path_leads_through_what_is_distrusted() -> None:
    """And none leads anywhere from a certificate that nobody signed."""
    chain = arrange(LEAF, [INTER, ROOT], {INTER.fingerprint}, by_name)
    assert not follows(chain, {1}, NOW)
    assert not follows(chain, {0}, NOW)
    for nobody in (arrange(LEAF, [ROOT], (), by_name), Presented((), ())):
        assert not leads_to(nobody, 0)
        assert not follows(nobody, {0}, NOW)


def test_only_the_first_that_signed_is_followed() -> None:
    """As they were presented; a goal that signed comes before all of them."""
    ended = of("inter", "root", -1, fingerprint=digest("ended"))
    for presented, found in (([INTER, ended, ROOT], True), ([ended, INTER, ROOT], False)):
        chain = arrange(LEAF, presented, (), by_name)
        assert follows(chain, {2}, NOW) is found
        assert leads_to(chain, 2)
    direct = arrange(LEAF, [ended, INTER], (), by_name)
    assert follows(direct, {1}, NOW)


def test_a_circle_leads_to_what_is_above_it() -> None:
    """Two that signed each other are walked once, with a goal or without."""
    a, b = of("inter", "b"), of("b", "inter")
    assert not leads_to(arrange(LEAF, [a, b, ROOT], (), by_name), 2)
    crossed = of("inter", "root", fingerprint=digest("crossed"))
    both = arrange(LEAF, [a, b, crossed, ROOT], (), by_name)
    assert leads_to(both, 3)
    assert not follows(both, {3}, NOW)
    assert follows(arrange(LEAF, [crossed, a, b, ROOT], (), by_name), {3}, NOW)
