"""A root that is elsewhere, and what it has signed: what every answer of it is looked at for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trustctl.commands.invocation import confirm
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.commands.ca.crl_acceptance import CarriedCrl
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Authority, Draft
    from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class Signed:
    """What a root elsewhere has signed, and that root; both were looked at.

    Attributes:
        known: whether the root is recorded already.
    """

    hierarchy: str
    root_draft: Draft
    draft: Draft
    root: Evidence
    certificate: Evidence
    known: bool
    crl: CarriedCrl | None


def look(
    connection: Connection,
    hierarchy: str,
    drafts: tuple[Draft, Draft],
    ders: tuple[bytes, bytes],
    crl: bytes | None,
    file: str,
    now: int,
) -> Signed:
    """Refuse what must not be taken over, though it is to the byte what was asked for.

    Args:
        drafts, ders: of the root, and of what it has signed.

    Raises:
        InputError, ConflictError, UsageError: its time has not come or is over, the root is not
            the hierarchy's, lint says error, or a CRL of the root names it.
    """
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate

    root, certificate = (Evidence(parse_certificate(one), one) for one in ders)
    root_draft, draft = drafts
    _refuse_time(draft, file, now)
    known = _refuse_root(connection, root, root_draft.spki, hierarchy, file)
    work.look([root_draft], ())
    work.look([draft], (load(root.der),))
    serial = draft.template.serial
    _refuse_listed(connection, root_draft.spki, serial, file)
    carried = None if crl is None else _crl(crl, root, root_draft, serial, file, now)
    return Signed(hierarchy, root_draft, draft, root, certificate, known, carried)


def _refuse_time(draft: Draft, file: str, now: int) -> None:
    from trustctl.commands.ca.work import CLOCK_SKEW_SECONDS
    from trustctl.facts.moment import format_moment

    template = draft.template
    if template.not_after <= now:
        raise InputError(
            f"{file}: its certificate ended on {format_moment(template.not_after)}",
            "have it signed anew",
        )
    if template.not_before > now + CLOCK_SKEW_SECONDS:
        raise InputError(
            f"{file}: its certificate begins on {format_moment(template.not_before)}",
            "look at the clocks of both machines",
        )


def _refuse_root(
    connection: Connection, root: Evidence, spki: str, hierarchy: str, file: str
) -> bool:
    """Whether the root is known; one that must not be this CA's is refused."""
    from trustctl.inventory import authorities, distrusts

    everything = authorities.authorities(connection)
    fingerprint = root.facts.fingerprint
    if distrusts.is_distrusted(connection, fingerprint, spki):
        raise ConflictError(f"{file}: its root is distrusted", f"trustctl journal {fingerprint}")
    for one in everything:
        if one.fingerprint == fingerprint and one.hierarchy != hierarchy:
            raise ConflictError(
                f"{file}: its root is the root of {one.hierarchy}",
                "one root for each CA: make another where it is, with --name",
            )
    roots = [one for one in everything if one.hierarchy == hierarchy and one.kind == "root"]
    if roots and not any(one.fingerprint == fingerprint for one in roots):
        raise ConflictError(
            f"{file}: its root is not the one that {hierarchy} has ({roots[-1].fingerprint[:16]})",
            "have it signed by that one, or name another CA in the request: --ca NAME",
        )
    if any(one.key != "elsewhere" for one in roots):
        raise ConflictError(
            f"{file}: the root of {hierarchy} is on this machine, and this was signed elsewhere",
            "somebody else has its key: trustctl distrust",
        )
    return bool(roots)


def _refuse_listed(connection: Connection, spki: str, serial: int, file: str) -> None:
    """Refuse what a CRL that is known here already says is revoked: the one in an older answer does
    not say so."""
    from trustctl.ca import crl as lists
    from trustctl.inventory import crls

    for delta in (False, True):
        last = crls.newest(connection, spki, delta=delta)
        if last is not None and serial in lists.serials(lists.read(last.der).entries):
            raise _revoked(f"{file}: the newest CRL known here")


def _crl(
    der: bytes, root: Evidence, root_draft: Draft, serial: int, file: str, now: int
) -> CarriedCrl:
    from trustctl.ca import crl as lists
    from trustctl.commands.ca import crl_acceptance

    found = crl_acceptance.look([_authority(root, root_draft)], der, file, now)
    if serial in lists.serials(found.content.entries):
        raise _revoked(f"{file}: its CRL")
    return found


def _revoked(what: str) -> InputError:
    return InputError(f"{what} says that the certificate is revoked", "make a new request")


def _authority(root: Evidence, draft: Draft) -> Authority:
    """The root as the authority that it is about to be."""
    from trustctl.facts.issuance import Authority

    template = draft.template
    return Authority(
        id=0, hierarchy=template.subject, kind="root", number=0, key="elsewhere",
        fingerprint=root.facts.fingerprint, spki=draft.spki, der=root.der,
        subject=template.subject, not_before=template.not_before, not_after=template.not_after,
        permitted=None, added_at=0,
    )  # fmt: skip


def said(found: Signed) -> str:
    """The root, for people."""
    return f"{found.root.facts.subject}" + (", known" if found.known else ", new here")


def agree(found: Signed, fingerprint: str | None, file: str, again: str, *, yes: bool) -> None:
    """Go on only where the root is the one that is meant, and a person knows the TBS hash.

    Args:
        fingerprint: what ``--fingerprint`` says. again: what to type with it.

    Raises:
        UsageError, MismatchError, ConfirmationError: nothing was changed.
    """
    from trustctl.facts.fingerprint import spoken

    if fingerprint is not None:
        from trustctl.commands.fingerprint import compare

        compare(fingerprint, found.root.facts, where=f"the root in {file}", command=again)
    elif not found.known:
        from trustctl import render

        if yes:
            raise UsageError("the root is new here: its fingerprint has to be compared", again)
        render.fields([("its SHA-256", spoken(found.root.facts.fingerprint).splitlines())])
        confirm(
            "Does whoever keeps the root read out the same SHA-256 of it?",
            yes=False,
            without_terminal=again,
        )
    confirm(
        "Is this the TBS SHA-256 that was shown when it was signed?",
        yes=yes,
        without_terminal=again,
    )


def adopt(tx: WriteTransaction, found: Signed) -> None:
    """Record what was signed, and the root where it is new."""
    from trustctl.inventory import authorities, issuances

    spki = found.root_draft.spki
    if not found.known:
        issuances.adopt(tx, spki, found.root_draft, found.root)
        authorities.add(tx, found.hierarchy, "root", "elsewhere", found.root, None)
    issuances.adopt(tx, spki, found.draft, found.certificate)


def record_crl(tx: WriteTransaction, found: Signed, file: str) -> CarriedCrl | None:
    """Record the CRL that came along, where it is newer than what is known; it, if so.

    Raises:
        ConflictError: it does not name what is revoked here.
    """
    from trustctl.commands.ca import crl_acceptance
    from trustctl.inventory import authorities, crls

    tx.flush()
    spki = found.root_draft.spki
    if found.crl is None or crls.next_number(tx.connection, spki) > found.crl.content.number:
        return None
    (root,) = (
        one
        for one in authorities.authorities(tx.connection, hierarchy=found.hierarchy, kind="root")
        if one.spki == spki
    )
    carried = replace(found.crl, authority=root)
    crl_acceptance.record(tx, carried, file)
    return carried
