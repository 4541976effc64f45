"""CRLs of ours that were signed where the key is, carried here by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation, typed
from trustctl.errors import ConflictError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.facts.issuance import Authority
    from trustctl.facts.revocation import CrlContent
    from trustctl.inventory.transaction import WriteTransaction


def accept_crls(call: Invocation, known: Sequence[Authority], data: bytes, file: str) -> None:
    """Record CRLs of ours that were signed elsewhere, if they are newer than what is known.

    Args:
        known: the authorities that they may be of. file: where ``data`` came from.

    Raises:
        InputError, ConflictError: one is no CRL of theirs, or not newer; nothing was recorded.
    """
    from trustctl import render

    taken = [look(known, der, file, call.now) for der in split_crls(data, file)]
    with call.writing() as tx:
        for one in taken:
            record(tx, one, file)
    for one in taken:
        tell(one)
    with call.reading() as tx:
        lacking = [line for one in taken for line in _not_revoked(tx.connection, one, call.now)]
    render.note(*lacking)


def _not_revoked(connection: Connection, one: CarriedCrl, now: int) -> list[str]:
    """What the list says is revoked and is not here: an export still goes by it."""
    from trustctl.ca import crl as lists
    from trustctl.inventory import issuances

    named = lists.serials(one.content.entries)
    known = issuances.search(connection, issuers=[one.authority.spki], after=now, revoked=False)
    return [
        f"warning: {each.subject} is revoked in it and not here; type: "
        + typed("ca", "revoke", each.serial, "--reason", "REASON")
        for each in known
        if int(each.serial, 16) in named
    ]


@dataclass(frozen=True, slots=True)
class CarriedCrl:
    """A CRL that was looked at, and the authority of ours that signed it."""

    authority: Authority
    content: CrlContent
    der: bytes


def look(known: Sequence[Authority], der: bytes, file: str, now: int) -> CarriedCrl:
    """Refuse what is no CRL of one of these authorities, signed by it and still in force.

    Raises:
        InputError: it is not.
    """
    from trustctl.ca import crl as lists
    from trustctl.facts.moment import format_moment

    content = lists.read(der)
    authority = next((o for o in known if lists.subject(o.der) == content.issuer), None)
    if authority is None:
        raise InputError(f"{file}: the CRL is not of a CA of ours", "trustctl ca list shows them")
    lists.look(der, authority.der)
    if content.next_update <= now:
        end = format_moment(content.next_update)
        raise InputError(f"{file}: the CRL of {authority.name} ended on {end}", "sign a new one")
    return CarriedCrl(authority, content, der)


def record(tx: WriteTransaction, one: CarriedCrl, file: str) -> None:
    """Record a CRL that was looked at.

    Raises:
        ConflictError: one that is newer is known, or it does not name what is revoked here.
    """
    from trustctl.inventory import crls

    authority, content = one.authority, one.content
    newest = crls.next_number(tx.connection, authority.spki) - 1
    if content.number <= newest:
        raise ConflictError(
            f"{file}: number {content.number} of {authority.name}, and {newest} is known",
            "numbers only grow: sign a new one where the key is",
        )
    _refuse_gaps(tx.connection, authority, content, file)
    crls.add(
        tx,
        crls.StoredCrl(
            authority.spki,
            content.number,
            content.base,
            content.this_update,
            content.next_update,
            one.der,
        ),
    )
    tx.flush()


def tell(one: CarriedCrl) -> None:
    """Say what was recorded."""
    from trustctl import render
    from trustctl.facts.moment import format_moment

    end = format_moment(one.content.next_update)
    render.line(
        f"recorded: the CRL of {one.authority.name}, number {one.content.number}, holds until {end}"
    )


def _refuse_gaps(
    connection: Connection, authority: Authority, content: CrlContent, file: str
) -> None:
    """Refuse a whole CRL that does not name what is known here to be revoked."""
    from trustctl.ca import crl as lists
    from trustctl.inventory import crls

    if content.base is not None:
        return
    named = lists.serials(content.entries)
    for one in crls.revoked(connection, authority.spki):
        if one.serial not in named and one.not_after >= content.this_update:
            raise ConflictError(
                f"{file}: it does not name {one.serial:x}, which is revoked here",
                f"revoke it where the key of {authority.name} is, too",
            )


def split_crls(data: bytes, file: str) -> list[bytes]:
    """The CRLs in a file, as DER.

    Raises:
        InputError: there is none, or one is damaged.
    """
    import binascii
    import re

    if data[:1] == b"\x30":
        return [data]
    blocks = re.findall(
        rb"-----BEGIN X509 CRL-----\s+([A-Za-z0-9+/=\s]+)-----END X509 CRL-----", data
    )
    if not blocks:
        raise InputError(f"{file}: there is no CRL in it", "trustctl ca crl --out FILE writes one")
    try:
        return [binascii.a2b_base64(re.sub(rb"\s", b"", one), strict_mode=True) for one in blocks]
    except binascii.Error:
        raise InputError(f"{file}: its base64 is damaged", "copy it anew") from None
