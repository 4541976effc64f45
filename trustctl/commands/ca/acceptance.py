"""``trustctl ca accept``: what an offline root has signed comes home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import ASK, yes_option
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.ca.offline import Answer
    from trustctl.commands.ca.crl_acceptance import CarriedCrl
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Authority, Draft
    from trustctl.inventory.authorities import PendingRequest
    from trustctl.inventory.transaction import WriteTransaction


@click.command()
@click.argument("file", metavar="ANSWER|CRL")
@click.option(
    "--fingerprint",
    "fingerprint",
    is_flag=False,
    flag_value=ASK,
    metavar="[VALUE]",
    help="The root's SHA-256, as it is read out where the root is, for its first answer. "
    "Without a value: asks.",
)
@yes_option
@click.pass_obj
def accept(call: Invocation, file: str, fingerprint: str | None, yes: bool) -> None:
    """Take the answer of an offline root, or a CRL of it.

    The answer has to be for a request of this inventory, to the byte what was
    asked for, and signed by the root that it brings; that root has to be the
    one that is known. Compare the SHA-256 with what was read where it was
    signed.

    \b
    trustctl ca accept answer.json --fingerprint
    trustctl ca accept root.crl
    """
    from trustctl import render
    from trustctl.ca import offline
    from trustctl.commands.ca.answer import held_to, show_signed
    from trustctl.commands.ca.crl_acceptance import accept_crls, tell
    from trustctl.facts.fingerprint import spoken
    from trustctl.intake.source import read_source

    data = read_source(file)
    if data[:1] == b"\x30" or b"-----BEGIN X509 CRL-----" in data:
        accept_crls(call, _issuers(call), data, file)
        return
    answer = offline.read_answer(data, file)
    with call.reading() as tx:
        found = _look(tx.connection, answer, file, call.now)
    render.fields(
        [
            ("answer to", found.request.subject),
            ("held to", held_to(found.request.permitted)),
            ("root", f"{found.root.facts.subject}" + (", known" if found.known else ", new here")),
        ]
    )
    show_signed(found.issuing.der, f"{found.draft.template.serial:x}")
    again = typed("ca", "accept", file, "--fingerprint", "AA:BB:...", "--yes")
    if fingerprint is not None:
        from trustctl.commands.fingerprint import compare

        compare(fingerprint, found.root.facts, where=f"the root in {file}", command=again)
    elif not found.known:
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
        without_terminal=typed("ca", "accept", file, "--yes") if found.known else again,
    )
    with call.writing() as tx:
        crl = _record(tx, _look(tx.connection, answer, file, call.now), file)
    render.line(f"accepted: {found.request.subject}")
    if crl is not None:
        tell(crl)
    render.note("note: hosts get certificates of it with: trustctl ca issue, trustctl ca renew")


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer that was looked at. ``known``: its root is recorded already."""

    request: PendingRequest
    root_draft: Draft
    draft: Draft
    root: Evidence
    issuing: Evidence
    known: bool
    crl: CarriedCrl | None


def _issuers(call: Invocation) -> list[Authority]:
    from trustctl.commands.ca import revocation
    from trustctl.inventory import authorities

    with call.reading() as tx:
        return [
            one
            for name in authorities.hierarchies(tx.connection)
            for one in revocation.issuers(tx.connection, name, call.now)
        ]


def _look(connection: Connection, answer: Answer, file: str, now: int) -> _Found:
    """Refuse whatever is not the answer to one of our requests, by the root that we know."""
    from trustctl.ca import offline, redraft
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate
    from trustctl.inventory import authorities

    everything = authorities.authorities(connection)
    if any(one.spki == answer.spki for one in everything):
        raise ConflictError(
            f"{file}: this answer was accepted already", "trustctl ca list --authorities shows it"
        )
    pending = [one for one in authorities.requests(connection) if one.spki == answer.spki]
    if not pending:
        raise ConflictError(
            f"{file} answers no request of this inventory",
            "accept it where trustctl ca request was typed",
        )
    (request,) = pending
    wanted = offline.pending(
        request.hierarchy, request.subject, request.public_key, request.permitted
    )
    root_draft, draft = redraft.check_answer(answer, wanted, file)
    root, issuing = (Evidence(parse_certificate(o), o) for o in (answer.root, answer.certificate))
    _refuse_time(draft, file, now)
    known = _refuse_root(connection, root, root_draft.spki, request.hierarchy, everything, file)
    work.look([root_draft], ())
    work.look([draft], (load(answer.root),))
    crl = None if answer.crl is None else _crl(answer.crl, root, root_draft, draft, file, now)
    return _Found(request, root_draft, draft, root, issuing, known, crl)


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
    connection: Connection,
    root: Evidence,
    spki: str,
    hierarchy: str,
    everything: list[Authority],
    file: str,
) -> bool:
    """Whether the root is known; one that must not be this CA's is refused."""
    from trustctl.inventory import distrusts

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
            "have it signed by that one, or make another CA: trustctl ca request --ca NAME",
        )
    return bool(roots)


def _crl(
    der: bytes, root: Evidence, root_draft: Draft, draft: Draft, file: str, now: int
) -> CarriedCrl:
    from trustctl.ca import crl as lists
    from trustctl.commands.ca.crl_acceptance import look

    found = look([_root_authority(root, root_draft)], der, file, now)
    if draft.template.serial in lists.serials(found.content.entries):
        raise InputError(
            f"{file}: its CRL says that the certificate is revoked", "make a new request"
        )
    return found


def _root_authority(root: Evidence, draft: Draft) -> Authority:
    """The root as the authority that it is about to be."""
    from trustctl.facts.issuance import Authority

    template = draft.template
    return Authority(
        id=0, hierarchy=template.subject, kind="root", number=0, key="elsewhere",
        fingerprint=root.facts.fingerprint, spki=draft.spki, der=root.der,
        subject=template.subject, not_before=template.not_before, not_after=template.not_after,
        permitted=None, added_at=0,
    )  # fmt: skip


def _record(tx: WriteTransaction, found: _Found, file: str) -> CarriedCrl | None:
    """Record all of it; the CRL that was recorded, where it is newer than what is known."""
    from dataclasses import replace

    from trustctl.commands.ca import crl_acceptance
    from trustctl.inventory import authorities, crls, issuances

    request = found.request
    root_spki = found.root_draft.spki
    if not found.known:
        issuances.adopt(tx, root_spki, found.root_draft, found.root)
        authorities.add(tx, request.hierarchy, "root", "elsewhere", found.root, None)
    issuances.adopt(tx, root_spki, found.draft, found.issuing)
    before = authorities.authorities(tx.connection, hierarchy=request.hierarchy, kind="issuing")
    authorities.add(tx, request.hierarchy, "issuing", request.key, found.issuing, request.permitted)
    for one in before:
        if one.retired_at is None:
            authorities.retire(tx, one)
    tx.flush()
    if found.crl is None:
        return None
    if crls.next_number(tx.connection, root_spki) > found.crl.content.number:
        return None  # that one, or a newer one, is known
    (root,) = (
        one
        for one in authorities.authorities(tx.connection, hierarchy=request.hierarchy, kind="root")
        if one.spki == root_spki
    )
    carried = replace(found.crl, authority=root)
    crl_acceptance.record(tx, carried, file)
    return carried
