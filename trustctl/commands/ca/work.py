"""The steps that the CA's commands share: which CA, whose chain, committed, signed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from cryptography import x509
    from sqlalchemy import Connection

    from trustctl.ca.signer import Signer
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import CertificateFacts
    from trustctl.facts.issuance import Authority, Draft
    from trustctl.inventory.transaction import WriteTransaction

CLOCK_SKEW_SECONDS = 3600
"""What is issued is valid from an hour ago: a partner's clock may be behind."""


def pick(connection: Connection, hierarchy: str | None) -> str:
    """The name of the CA that is meant.

    Raises:
        ConflictError: there is none. UsageError: there are several, or none of that name.
    """
    from trustctl.inventory.authorities import hierarchies

    known = hierarchies(connection)
    if not known:
        raise ConflictError("there is no CA yet", "trustctl ca init makes one")
    if hierarchy is None:
        if len(known) > 1:
            raise UsageError(
                f"there are {len(known)} CAs ({', '.join(known)}); say which", f"--ca {known[0]}"
            )
        return known[0]
    if hierarchy not in known:
        raise UsageError(f"there is no CA {hierarchy}", f"the CAs are: {', '.join(known)}")
    return hierarchy


def chain_of(connection: Connection, authority: Authority) -> tuple[x509.Certificate, ...]:
    """An authority's certificate and those above it, the root last."""
    from trustctl.ca.load import load
    from trustctl.ca.path import path
    from trustctl.inventory.authorities import authorities

    others = [load(one.der) for one in authorities(connection)]
    return path(load(authority.der), others)


def bridges(connection: Connection, hierarchy: str, now: int) -> list[bytes]:
    """The certificate (DER) that leads from the current root to the one before it: who trusts only
    that one still finds a path. No more than one: GnuTLS refuses a chain with two of them, though
    it trusts the first one's key."""
    from trustctl.inventory import authorities, issuances

    roots = authorities.authorities(connection, hierarchy=hierarchy, kind="root")
    if len(roots) < 2 or roots[-2].not_after < now:
        return []
    found = [
        one
        for one in issuances.crosses(connection, "root-cross")
        if one.spki == roots[-1].spki and one.issuer == roots[-2].spki
    ]
    return list(issuances.ders(connection, found[-1:]).values())


def look(drafts: Sequence[Draft], above: tuple[x509.Certificate, ...]) -> list[str]:
    """Refuse what must not be signed; what else lint has to say is returned.

    pkilint, where it is installed, is asked about every CA, and about one host of each shape.

    Raises:
        UsageError: a rule says error.
    """
    from trustctl.ca import pkilint
    from trustctl.ca.lint import demand, lint_all

    issuer = above[0].subject.rfc4514_string() if above else ""
    seen: set[tuple[object, ...]] = set()
    warnings: list[str] = []
    available = pkilint.available()
    for one, remarks in zip(drafts, lint_all(drafts, above), strict=True):
        if available:
            shape = pkilint.shape(one, issuer)
            if one.template.profile.ca or shape not in seen:
                seen.add(shape)
                remarks += pkilint.certificate(one.sample, sample_of_root=not above)
        demand(remarks, one.template.subject)
        warnings += [f"{one.template.subject}: {remark.text}" for remark in remarks]
    return warnings


def sign(
    call: Invocation,
    issuer: str,
    signer: Signer,
    drafts: Sequence[Draft],
    *,
    then: Callable[[WriteTransaction, list[Evidence]], object] | None = None,
    facts: Callable[[Draft, bytes], CertificateFacts] | None = None,
) -> list[Evidence]:
    """Commit to the drafts, sign them, record what they became.

    A kill between leaves issuances without a certificate, never a certificate without an issuance:
    the signatures are in this process's memory alone until they are recorded.

    Args:
        issuer: the SPKI pin of the signing authority.
        then: what else is to be recorded in the transaction that records the certificates.
        facts: what is known of what a draft became; by default it is read.
    """
    from trustctl.ca.finish import finish_all
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate
    from trustctl.inventory import issuances

    with call.writing() as tx:
        ids = issuances.reserve(tx, issuer, drafts)
    made = [
        Evidence(parse_certificate(der) if facts is None else facts(one, der), der)
        for one, der in zip(drafts, finish_all(drafts, signer), strict=True)
    ]
    with call.writing() as tx:
        issuances.complete(tx, zip(ids, made, strict=True))
        if then is not None:
            tx.flush()
            then(tx, made)
    return made
