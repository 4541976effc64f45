"""``trustctl ca sign-request``: what an offline root does with a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option
from trustctl.errors import ConflictError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.ca.offline import Request
    from trustctl.facts.issuance import Authority, Draft, Issuance


@click.command("sign-request", short_help="Sign such a request, where the root is.")
@click.argument("file", metavar="REQUEST")
@click.option("--out", required=True, metavar="FILE", help="The answer; never over a file.")
@click.option("--days", type=click.IntRange(1), metavar="N", help="Lifetime. [default: profile's]")
@ca_option
@passphrase_option
@yes_option
@click.pass_obj
def sign_request(
    call: Invocation,
    file: str,
    out: str,
    days: int | None,
    hierarchy: str | None,
    passphrase_file: str | None,
    yes: bool,
) -> None:
    """Sign the request of an issuing CA on another machine (offline root), or one
    that asks to hold a peer's CA to names.

    Shows who asks for what, what lint says, and the SHA-256 of what is to be
    signed; asks; then writes an answer with the certificate, the root and its
    CRL. A request that was signed before gets the same certificate again.

    \b
    trustctl ca sign-request request.json --out answer.json
    """
    from trustctl import render
    from trustctl.ca import carried, offline
    from trustctl.commands.ca import revocation, work
    from trustctl.commands.ca.output import write_new
    from trustctl.commands.ca.tbs import show_signed
    from trustctl.intake.source import read_source
    from trustctl.inventory import authorities, issuances

    data, keys = read_source(file), Keys(call, passphrase_file)
    if carried.kind_of_file(data, file) == carried.CROSS_REQUEST:
        from trustctl.commands.ca.cross_answer import sign_cross

        sign_cross(call, data, file, out, days, hierarchy, keys, yes=yes)
        return
    request = offline.read_request(data, file)
    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        root = authorities.current(tx.connection, name, "root")
        before = issuances.of_key(tx.connection, root.spki, request.spki)
        ders = issuances.ders(tx.connection, before)
    with write_new(out) as target:
        if before:
            found = _refuse_changed(before[-1], ders[before[-1].id], request, root, file, call.now)
            render.line(f"signed before: {request.subject}, the same certificate again")
            show_signed(found, before[-1].serial)
        else:
            draft, remarks = _draft(request, root, days, call.now)
            show(request, draft, root, remarks)
            confirm(
                f"Sign it with {root.name}?",
                yes=yes,
                without_terminal=typed("ca", "sign-request", file, "--out", out, "--yes"),
            )
            made = work.sign(call, root.spki, keys.signer(root), [draft])
            found = made[0].der
            render.line(f"signed: {request.subject}, serial {draft.template.serial:X}")
        (crl,) = revocation.sign_crls(call, keys, [root])
        target.finish(offline.write_answer(offline.Answer(request.spki, found, root.der, crl.der)))
    render.line(f"written: {out}")
    render.note(f"note: where the request came from: {typed('ca', 'accept', out)}")


def _draft(
    request: Request, root: Authority, days: int | None, now: int
) -> tuple[Draft, list[str]]:
    from trustctl.ca.kinds import kind_of, load_public_key
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import authority_draft

    above = load(root.der)
    draft = authority_draft(
        "issuing",
        request.ca,
        request.number,
        load_public_key(request.public_key),
        now,
        issuer=above,
        signer=kind_of(above.public_key()),
        permitted=request.permitted,
        days=days,
    )
    return draft, work.look([draft], (above,))


def _refuse_changed(
    one: Issuance, der: bytes, request: Request, root: Authority, file: str, now: int
) -> bytes:
    """The certificate of a request that was signed before, where it is still what is asked for."""
    from trustctl.ca import offline, redraft

    if one.revoked_at is not None or one.not_after <= now:
        what = "expired" if one.revoked_at is None else "revoked"
        raise ConflictError(
            f"{file}: it was signed, and the certificate is {what}",
            "a new request with a new key: trustctl ca request",
        )
    try:
        redraft.check_answer(offline.Answer(request.spki, der, root.der, None), request, file)
    except InputError:
        raise ConflictError(
            f"{file}: this key was signed before, and other things are asked for now",
            f"trustctl ca show {one.serial} shows what was signed",
        ) from None
    return der


def show(request: Request, draft: Draft, root: Authority, remarks: Sequence[str]) -> None:
    """Who asks for what, and what is to be signed."""
    from trustctl import render
    from trustctl.ca.kinds import kind_of, load_public_key
    from trustctl.commands.ca.tbs import held_to, shown
    from trustctl.facts.fingerprint import spoken

    render.fields(
        [
            ("asked for", request.subject),
            ("by the CA", request.ca),
            ("held to", held_to(request.permitted)),
            ("key", kind_of(load_public_key(request.public_key))),
            ("key (SPKI)", spoken(request.spki).splitlines()),
            *shown(draft, root, remarks),
        ]
    )
