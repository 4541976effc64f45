"""Audit rules about Exims built with OpenSSL: which pinned certificates they find no path to."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.records import Peer, Pin
from trustctl.policy.pins import active, name_of, retire
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import judge


def _verified(facts: AuditFacts) -> Iterator[tuple[Peer, Pin]]:
    """Trusted pins of protected domains, where an Exim with OpenSSL is to hold mail to them."""
    programs = [one.mta.program for one in facts.targets if one.mta is not None]
    if any(one is not None and one.tls == "OpenSSL" for one in programs):
        for peer, pin in active(facts):
            if peer.domains and judge(pin, facts.settings, facts.now).trusted:
                yield peer, pin


@rule(
    "exim-no-path",
    Severity.WARNING,
    "An Exim with OpenSSL is to verify a certificate that somebody else signed, whom nobody knows",
    why="it ends no path at such a one: unless the issuer is in the system's store the peer's mail "
    "waits; GnuTLS takes it",
    source="share/doc/exim.md",
)
def _no_path(facts: AuditFacts) -> Seen:
    for peer, pin in _verified(facts):
        known = facts.chains.presented.get(pin.certificate.fingerprint)
        beside = any(
            one.role == "authority" and one.certificate.subject == pin.certificate.issuer
            for one in peer.pins
        )
        # a CA that is held to names has our root above it
        if pin.certificate.self_signed or pin.cross is not None or beside:
            continue
        if known is None or not known.above:
            yield (
                name_of(peer, pin),
                "no certificate of its issuer is known",
                f"trustctl add CHAIN.pem --peer {peer.name}",
            )


@rule(
    "exim-same-name",
    Severity.NOTICE,
    "An Exim with OpenSSL may not find the right one of two certificates that have the same name",
    why="without key identifiers it does not tell them apart; beside an authority they take no "
    "turns, and the mail to one of the two waits",
    source="share/doc/exim.md",
)
def _same_name(facts: AuditFacts) -> Seen:
    verified = list(_verified(facts))
    beside = {peer.name for peer, pin in verified if pin.role == "authority"}
    seen: dict[tuple[str, str | None], Pin] = {}
    for peer, pin in verified:
        one = pin.certificate
        if peer.name in beside and pin.role == "host" and one.self_signed and not one.is_ca:
            before = seen.setdefault((peer.name, one.subject), pin)
            if before.certificate.fingerprint != one.fingerprint:
                what = f"named as {name_of(peer, before)}"
                yield name_of(peer, pin), what, retire(peer, before)
