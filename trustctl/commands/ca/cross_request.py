"""``trustctl ca cross --request``: a root elsewhere is asked to hold a peer's CA to names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation, typed
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.commands.ca.crossing import Wanted
    from trustctl.facts.issuance import Issuance

_FEWEST_DIGITS = 8


def ask(
    call: Invocation,
    name: str,
    added: tuple[str, ...] | None,
    days: int | None,
    hierarchy: str | None,
    of: str | None,
    out: str,
) -> None:
    """Write a request for one CA of a peer; nothing in the inventory changes.

    Args:
        of: which of several CAs: how its fingerprint begins.

    Raises:
        ConflictError: nothing is to be asked for, or of several it was not said which.
    """
    from trustctl import render
    from trustctl.ca import crossfile
    from trustctl.commands.ca.crossing import plan
    from trustctl.commands.ca.output import write_new
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.names import parse_peer_name

    ca = None if hierarchy is None else parse_peer_name(hierarchy)
    with call.reading() as tx:
        found = plan(tx.connection, call.now, name, added, days, ca, [], asking=True)
        one = _chosen(found, of, out)
        signed = []
        if one.root is not None:
            spki = one.pin.certificate.spki or ""
            signed = signed_before(tx.connection, one.root.spki, spki, one.peer.name)
    before = signed[-1].fingerprint if signed else None
    remarks = [*one.remarks, *_look(one, call.now, days)]
    request = crossfile.CrossRequest(one.ca, one.peer.name, one.permitted, days, before, one.der)
    text = crossfile.write_request(request)
    with write_new(out) as target:
        target.finish(text)
    render.line(f"written: {out}")
    render.fields(
        [
            ("asks", f"the root of {one.ca}" + ("" if one.root else ", not known here yet")),
            ("to hold", f"the CA of {one.peer.name}: {one.pin.certificate.subject}"),
            ("to", one.permitted),
            ("CA SHA-256", spoken(one.pin.certificate.fingerprint).splitlines()),
        ]
    )
    render.note(*[f"warning: {text}" for text in remarks])
    render.note(f"note: where the root is: {typed('ca', 'sign-request', out, '--out', 'ANSWER')}")


def signed_before(connection: Connection, root: str, spki: str, peer: str) -> list[Issuance]:
    """The cross-certificates that a root has signed for a peer's CA, oldest first: as far as this
    inventory knows.

    Args:
        root, spki: the SPKI pins of the root and of the peer's CA.
    """
    from trustctl.ca.crossfile import PROFILE
    from trustctl.inventory import issuances

    found = issuances.of_key(connection, root, spki)
    return [one for one in found if (one.profile, one.subject) == (PROFILE, peer)]


def _chosen(found: Sequence[Wanted], of: str | None, out: str) -> Wanted:
    """The CA that the request is about: the one that is named, else the only one that is due."""
    peer = found[0].peer.name
    if of is not None:
        digits = of.replace(":", "").lower()
        found = [one for one in found if one.pin.certificate.fingerprint.startswith(digits)]
        if len(digits) < _FEWEST_DIGITS or len(found) != 1:
            raise UsageError(
                f"{of!r} names no trusted CA of {peer}: {_FEWEST_DIGITS} digits at least",
                f"trustctl show {peer}",
            )
    due = [one for one in found if one.due]
    if not due:
        raise ConflictError(
            f"{found[0].said}: held already, to {found[0].end}; nothing was written",
            "--days N asks for another one nevertheless",
        )
    if len(due) > 1:
        first = due[0].pin.certificate.fingerprint[:16]
        raise ConflictError(
            f"{peer} has {len(due)} CAs to be held, and a request is about one",
            typed("ca", "cross", peer, "--request", out, "--of", first),
            details=[
                f"{one.pin.certificate.fingerprint[:16]} {one.pin.certificate.subject}"
                for one in due
            ],
        )
    return due[0]


def _look(one: Wanted, now: int, days: int | None) -> list[str]:
    """What would be refused where the root is, is refused here: no key is needed to look."""
    from trustctl.ca.kinds import kind_of
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import peer_cross_draft

    if one.root is None:
        return []
    issuer = load(one.root.der)
    draft = peer_cross_draft(
        one.der, issuer, kind_of(issuer.public_key()), now,
        peer=one.peer.name, permitted=one.permitted, days=days,
    )  # fmt: skip
    return work.look([draft], (issuer,))
