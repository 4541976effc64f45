"""``trustctl ca sign-request`` with a request about a peer's CA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.errors import ConflictError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.ca.crossfile import CrossRequest
    from trustctl.commands.ca.keys import Keys
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Authority, Draft, Issuance
    from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class _Before:
    """What the root has signed for this CA and peer.

    Attributes:
        same: the certificate that answers the request already. others: what holds the CA to other
            names and is not revoked, each with those names.
    """

    same: tuple[Issuance, bytes] | None
    others: tuple[tuple[Issuance, tuple[str, ...]], ...]


def sign_cross(
    call: Invocation,
    data: bytes,
    file: str,
    out: str,
    days: int | None,
    hierarchy: str | None,
    keys: Keys,
    *,
    yes: bool,
) -> None:
    """Hold a peer's CA to names, as a request asks: show it, ask, sign, write the answer.

    Args:
        days: what ``--days`` says; it counts for more than the request.

    Raises:
        ConflictError, InputError, UsageError: it must not be signed.
    """
    from trustctl import render
    from trustctl.ca import crossfile
    from trustctl.commands.ca import revocation, work
    from trustctl.commands.ca.output import write_new
    from trustctl.commands.ca.tbs import show_signed, shown
    from trustctl.inventory import authorities

    request = crossfile.read_request(data, file)
    days = days or request.days
    with call.reading() as tx:
        root = authorities.current(tx.connection, work.pick(tx.connection, hierarchy), "root")
        _refuse(tx.connection, request, file)
        before = _before(tx.connection, request, root, days, file, call.now)
    said = f"the CA of {request.peer}"
    with write_new(out) as target:
        if before.same is not None:
            one, der = before.same
            render.line(f"signed before: {said}, the same certificate again")
            _show(request)
            show_signed(der, one.serial)
        else:
            draft, remarks = _draft(request, root, days, call.now)
            revoked = [
                ("revokes", f"{one.serial[:8].upper()}, held to {' '.join(names)}")
                for one, names in before.others
            ]
            _show(request, [*revoked, *shown(draft, root, remarks)])
            confirm(
                f"Sign it with {root.name}?",
                yes=yes,
                without_terminal=typed("ca", "sign-request", file, "--out", out, "--yes"),
            )
            der = _sign(call, keys, root, draft, before)
            render.line(f"signed: {said}, serial {draft.template.serial:X}")
        (crl,) = revocation.sign_crls(call, keys, [root])
        answer = crossfile.CrossAnswer(
            request.ca, request.peer, request.spki, request.permitted, der, root.der, crl.der
        )
        target.finish(crossfile.write_answer(answer))
    render.line(f"written: {out}")
    render.note(f"note: where the request came from: {typed('ca', 'accept', out)}")


def _refuse(connection: Connection, request: CrossRequest, file: str) -> None:
    """Refuse what is no peer's CA, whoever asks."""
    from trustctl.facts.certificate import parse_certificate
    from trustctl.inventory import distrusts, hierarchies

    facts = parse_certificate(request.certificate)
    if facts.is_ca is False:
        raise InputError(f"{file}: its certificate is no CA (CA:FALSE)", "nothing is to be signed")
    ours = hierarchies.hierarchy_of_keys(connection)
    if request.spki in ours:
        raise ConflictError(
            f"{file}: the CA of {request.peer} is our own CA {ours[request.spki]}",
            "trustctl ca list --authorities",
        )
    if distrusts.is_distrusted(connection, facts.fingerprint, request.spki):
        raise ConflictError(
            f"{file}: the CA of {request.peer} is distrusted here",
            f"trustctl journal {facts.fingerprint}",
        )


def _before(
    connection: Connection,
    request: CrossRequest,
    root: Authority,
    days: int | None,
    file: str,
    now: int,
) -> _Before:
    from trustctl.ca.held import permitted_by
    from trustctl.ca.load import load
    from trustctl.commands.ca.cross_request import signed_before
    from trustctl.inventory import issuances

    signed = signed_before(connection, root.spki, request.spki, request.peer)
    ders = issuances.ders(connection, signed)
    prints = [one.fingerprint for one in signed]
    if request.before is not None and request.before not in prints:
        raise ConflictError(
            f"{file}: it follows the certificate {request.before[:16].upper()}, and {root.name} "
            "has signed none such here",
            "--ca NAME says which root; where this inventory is older, restore the newest backup",
        )
    later = 0 if request.before is None else prints.index(request.before) + 1
    valid = [one for one in signed if one.revoked_at is None and one.not_after > now]
    same = None
    for one in reversed(valid):
        if one in signed[later:] and _answers(request, ders[one.id], one, root, days, file):
            same = (one, ders[one.id])
            break
    held = [(one, tuple(permitted_by(load(ders[one.id])) or ())) for one in valid]
    others = tuple(each for each in held if each[1] != request.permitted)
    return _Before(same, others)


def _answers(
    request: CrossRequest,
    der: bytes,
    one: Issuance,
    root: Authority,
    days: int | None,
    file: str,
) -> bool:
    """Whether a certificate is what the request asks for: names, key and lifetime."""
    from trustctl.ca import crossfile, redraft
    from trustctl.commands.ca.work import CLOCK_SKEW_SECONDS

    answer = crossfile.CrossAnswer(
        request.ca, request.peer, request.spki, request.permitted, der, root.der, b""
    )
    try:
        redraft.check_cross(answer, request.certificate, file)
    except InputError:
        return False
    wanted = _drafted(request, root, days, one.not_before + CLOCK_SKEW_SECONDS)
    return wanted.template.not_after == one.not_after


def _draft(
    request: CrossRequest, root: Authority, days: int | None, now: int
) -> tuple[Draft, list[str]]:
    from trustctl.ca.load import load
    from trustctl.commands.ca import work

    draft = _drafted(request, root, days, now)
    return draft, work.look([draft], (load(root.der),))


def _drafted(request: CrossRequest, root: Authority, days: int | None, now: int) -> Draft:
    from trustctl.ca.kinds import kind_of
    from trustctl.ca.load import load
    from trustctl.commands.ca.making import peer_cross_draft

    issuer = load(root.der)
    return peer_cross_draft(
        request.certificate, issuer, kind_of(issuer.public_key()), now,
        peer=request.peer, permitted=request.permitted, days=days,
    )  # fmt: skip


def _sign(call: Invocation, keys: Keys, root: Authority, draft: Draft, before: _Before) -> bytes:
    from trustctl.commands.ca import work
    from trustctl.commands.ca.cross import revoke_before

    def record(tx: WriteTransaction, _made: list[Evidence]) -> None:
        for one, _names in before.others:
            revoke_before(tx, one, "superseded")

    return work.sign(call, root.spki, keys.signer(root), [draft], then=record)[0].der


def _show(request: CrossRequest, more: Sequence[tuple[str, str | Sequence[str]]] = ()) -> None:
    """Who asks for what; then ``more``, where that is still to be agreed to."""
    from trustctl import render
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.text import printable

    facts = parse_certificate(request.certificate)
    kind = " ".join(str(one) for one in (facts.key_kind, facts.key_bits) if one is not None)
    render.fields(
        [
            ("asked for", f"the CA of the peer {request.peer}, held to names"),
            ("by the CA", request.ca),
            ("held to", request.permitted),
            ("peer's CA", printable(facts.subject or "-", 200)),
            ("CA SHA-256", spoken(facts.fingerprint).splitlines()),
            ("key", kind),
            ("key (SPKI)", spoken(request.spki).splitlines()),
            *more,
        ]
    )
