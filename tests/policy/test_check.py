"""What ``check`` answers: would this be accepted for that domain, by which pin, and if not, why."""

from __future__ import annotations

import pytest

from tests.policy.inventory import DAY, NOW, ONE, distrust, facts, peer, pending, pin
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.records import Peer, Pin
from trustctl.policy.check import Answer, check_domain

DOMAIN = "foo.test"
CA = pin("foo", certificate=facts("ca", is_ca=True, subject="CN=CA"), role="authority")
ISSUED = facts("leaf", self_signed=False, issuer="CN=CA")


def ask(
    owner: Peer | None,
    certificate: CertificateFacts | None = None,
    *,
    now: int = NOW,
    elsewhere: tuple[str, ...] = (),
    chain: tuple[str, ...] = (),
) -> Answer:
    """The answer for foo.test."""
    return check_domain(DOMAIN, owner, ONE, now, certificate, elsewhere=elsewhere, chain=chain)


def told(owner: Peer | None, certificate: CertificateFacts | None = None) -> tuple[str, str]:
    """The outcome and the reasons."""
    answer = ask(owner, certificate)
    return answer.outcome, "; ".join(answer.reasons)


def test_a_domain_that_nobody_owns() -> None:
    """Ordinary delivery, which is no yes."""
    assert told(None) == ("unprotected", "no peer owns it: delivery is not verified")
    assert told(None, facts())[0] == "unprotected"
    assert not ask(None).yes


def test_a_protected_domain() -> None:
    """A trusted pin: yes, and by which."""
    answer = ask(peer())
    assert (answer.outcome, answer.yes, answer.peer) == ("protected", True, "foo")
    assert answer.by == pin()


@pytest.mark.parametrize(
    ("pins", "reasons"),
    [
        ((pending(),), "pending: nobody has vouched for it"),
        ((pin(distrusts=(distrust("x"),)),), "distrusted (fingerprint): key stolen"),
        ((pin(certificate=facts(not_after=NOW - DAY)),), "expired 2027-01-14T08:00:00Z"),
        ((pin(retired_at=NOW - DAY),), "its peer has no pin"),
        (
            (pending(), pin(certificate=facts("b", not_after=NOW - DAY))),
            "pending: nobody has vouched for it; expired 2027-01-14T08:00:00Z",
        ),
    ],
)
def test_a_protected_domain_whose_mail_waits(pins: tuple[Pin, ...], reasons: str) -> None:
    """No pin is trusted: the mail waits, whatever is presented, and every reason is told."""
    assert told(peer("foo", *pins)) == ("waiting", reasons)
    for one in (facts("other"), pins[0].certificate):
        assert ask(peer("foo", *pins), one).outcome == "waiting"
    assert not ask(peer("foo", *pins)).yes


def test_a_peer_without_any_pin() -> None:
    """Its domains are protected all the same."""
    assert told(Peer("foo", (DOMAIN,))) == ("waiting", "its peer has no pin")


def test_exactly_the_pinned_certificate() -> None:
    """It is accepted, and by its own pin; another is refused, and it is said where it belongs."""
    old, new = pin(), pin(certificate=facts("new"))
    both = peer("foo", old, new)
    answer = ask(both, facts("new"))
    assert (answer.outcome, answer.yes, answer.by) == ("accepted", True, new)
    assert told(both, facts("other")) == ("refused", "it is not pinned for this domain")
    answer = ask(both, facts("other"), elsewhere=("bar", "baz"))
    assert answer.reasons == ("it is not pinned for this domain, but for bar, baz",)
    assert not answer.yes


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (pending("foo", certificate=facts("b")), "pending: nobody has vouched for it"),
        (pin("foo", certificate=facts("b"), retired_at=NOW), "retired 2027-01-15T08:00:00Z"),
        (
            pin("foo", certificate=facts("b"), distrusts=(distrust("x"),)),
            "distrusted (fingerprint): key stolen",
        ),
    ],
)
def test_a_pin_that_is_not_trusted_refuses(one: Pin, reason: str) -> None:
    """A pinned certificate is refused for its pin's reasons, though the domain has another."""
    assert told(peer("foo", pin(), one), one.certificate) == ("refused", reason)


def test_what_was_retired_and_pinned_anew() -> None:
    """The trusted pin of a certificate decides, not the retired one before it."""
    before = pin(retired_at=NOW - DAY)
    answer = ask(peer("foo", before, pin(id=2)), facts())
    assert (answer.outcome, answer.by) == ("accepted", pin(id=2))


def test_another_moment() -> None:
    """Before it was retired the pin was one; before it was added it was none."""
    one = peer("foo", pin(retired_at=NOW + DAY))
    assert ask(one).outcome == "protected"
    assert ask(one, now=NOW + DAY).outcome == "waiting"
    assert ask(one, now=NOW - 11 * DAY).outcome == "waiting"


def test_an_authority_decides_on_a_condition() -> None:
    """What it signed is accepted if the chain and the name verify, which policy cannot see."""
    answer = ask(peer("foo", CA), ISSUED)
    assert (answer.outcome, answer.yes, answer.by) == ("conditional", False, CA)
    assert "the peer's authority has to have signed it" in answer.reasons[0]
    answer = ask(peer("foo", CA), ISSUED, chain=(CA.certificate.fingerprint,))
    assert "the peer's authority is in its chain" in answer.reasons[0]
    assert ask(peer("foo", CA), CA.certificate).outcome == "conditional"


def test_a_host_beside_an_authority() -> None:
    """Its name has to match then; one that may sign is left out, unless the authority issued it."""
    host = pin("foo", certificate=facts("host"))
    assert told(peer("foo", CA, host), host.certificate) == (
        "conditional",
        "the host's name must match it (the domain has an authority)",
    )
    for flag in (True, None):
        signer = pin("foo", certificate=facts("signer", is_ca=flag))
        outcome, reason = told(peer("foo", CA, signer), signer.certificate)
        assert outcome == "refused"
        assert "it may sign others, so it is left out" in reason
    issued = pin("foo", certificate=facts("i", is_ca=True, self_signed=False, issuer="CN=CA"))
    assert ask(peer("foo", CA, issued), issued.certificate).outcome == "conditional"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"vouches": ()}, "conditional"),
        ({"retired_at": NOW}, "conditional"),
        ({"distrusts": (distrust("x"),)}, "refused"),
        ({"certificate": facts("leaf", self_signed=False, not_after=NOW - 1)}, "refused"),
        ({"certificate": facts("leaf", self_signed=False, not_before=NOW + 1)}, "refused"),
    ],
)
def test_an_untrusted_pin_of_what_an_authority_signed(
    changes: dict[str, object], outcome: str
) -> None:
    """Exim takes it for the authority's sake: that is not called refused, but where it is
    distrusted or out of its time."""
    one = pin("foo", **({"certificate": ISSUED} | changes))  # type: ignore[arg-type]
    assert ask(peer("foo", CA, one), one.certificate).outcome == outcome
