"""``trustctl ca accept``: what an offline root has signed comes home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, typed
from trustctl.commands.options import ASK, yes_option
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.ca.offline import Answer
    from trustctl.commands.ca.crl_acceptance import CarriedCrl
    from trustctl.commands.ca.offline_root import Signed
    from trustctl.facts.issuance import Authority
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
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    metavar="NAME",
    help="A name that a peer's CA is held to and that is not known to be the peer's: without a "
    "person to ask, --yes is not enough for it. Repeatable.",
)
@yes_option
@click.pass_obj
def accept(
    call: Invocation, file: str, fingerprint: str | None, permitted: tuple[str, ...], yes: bool
) -> None:
    """Take the answer of an offline root, or a CRL of it.

    The answer has to be for a request of this inventory (or about the trusted
    CA of a peer, held to the peer's names), to the byte what was asked for, and
    signed by the root that it brings; that root has to be the one that is
    known. Compare the SHA-256 with what was read where it was signed.

    \b
    trustctl ca accept answer.json --fingerprint
    trustctl ca accept root.crl
    """
    from trustctl import render
    from trustctl.ca import carried, offline
    from trustctl.commands.ca import offline_root
    from trustctl.commands.ca.crl_acceptance import accept_crls, tell
    from trustctl.commands.ca.tbs import held_to, show_signed
    from trustctl.intake.source import read_source

    data = read_source(file)
    if data[:1] == b"\x30" or b"-----BEGIN X509 CRL-----" in data:
        accept_crls(call, _issuers(call), data, file)
        return
    if carried.kind_of_file(data, file) == carried.CROSS_ANSWER:
        from trustctl.commands.ca.cross_acceptance import accept_cross

        accept_cross(call, data, file, fingerprint, permitted, yes=yes)
        return
    if permitted:
        raise UsageError("--permit is for answers about a peer's CA", typed("ca", "accept", file))
    answer = offline.read_answer(data, file)
    with call.reading() as tx:
        found, request = _look(tx.connection, answer, file, call.now)
    render.fields(
        [
            ("answer to", request.subject),
            ("held to", held_to(request.permitted)),
            ("root", offline_root.said(found)),
        ]
    )
    show_signed(found.certificate.der, f"{found.draft.template.serial:x}")
    words = [] if found.known else ["--fingerprint", "AA:BB:..."]
    again = typed("ca", "accept", file, *words, "--yes")
    offline_root.agree(found, fingerprint, file, again, yes=yes)
    with call.writing() as tx:
        found, request = _look(tx.connection, answer, file, call.now)
        crl = _record(tx, found, request, file)
    render.line(f"accepted: {request.subject}")
    if crl is not None:
        tell(crl)
    render.note("note: hosts get certificates of it with: trustctl ca issue, trustctl ca renew")


def _issuers(call: Invocation) -> list[Authority]:
    from trustctl.commands.ca import revocation
    from trustctl.inventory import authorities

    with call.reading() as tx:
        return [
            one
            for name in authorities.hierarchies(tx.connection)
            for one in revocation.issuers(tx.connection, name, call.now)
        ]


def _look(
    connection: Connection, answer: Answer, file: str, now: int
) -> tuple[Signed, PendingRequest]:
    """Refuse whatever is not the answer to one of our requests, by the root that we know."""
    from trustctl.ca import offline, redraft
    from trustctl.commands.ca import offline_root
    from trustctl.inventory import authorities

    if any(one.spki == answer.spki for one in authorities.authorities(connection)):
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
    found = offline_root.look(
        connection,
        request.hierarchy,
        redraft.check_answer(answer, wanted, file),
        (answer.root, answer.certificate),
        answer.crl,
        file,
        now,
    )
    return found, request


def _record(
    tx: WriteTransaction, found: Signed, request: PendingRequest, file: str
) -> CarriedCrl | None:
    """Record all of it; the CRL that was recorded, where it is newer than what is known."""
    from trustctl.commands.ca import offline_root
    from trustctl.inventory import authorities

    offline_root.adopt(tx, found)
    before = authorities.authorities(tx.connection, hierarchy=request.hierarchy, kind="issuing")
    authorities.add(
        tx, request.hierarchy, "issuing", request.key, found.certificate, request.permitted
    )
    for one in before:
        if one.retired_at is None:
            authorities.retire(tx, one)
    return offline_root.record_crl(tx, found, file)
