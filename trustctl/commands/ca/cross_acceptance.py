"""``trustctl ca accept`` with an answer about a peer's CA."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.ca.crossfile import CrossAnswer
    from trustctl.commands.ca.crl_acceptance import CarriedCrl
    from trustctl.commands.ca.offline_root import Signed
    from trustctl.facts.issuance import Draft
    from trustctl.facts.records import Peer, Pin
    from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer that was looked at.

    Attributes:
        pin: the peer's CA. added: the names that are neither the peer's domains nor its hosts.
        unknown: those of them that are not known to have been asked for.
    """

    peer: Peer
    pin: Pin
    signed: Signed
    added: tuple[str, ...]
    unknown: tuple[str, ...]
    remarks: tuple[str, ...]
    shared: bool


def accept_cross(
    call: Invocation,
    data: bytes,
    file: str,
    fingerprint: str | None,
    permitted: Sequence[str],
    *,
    yes: bool,
) -> None:
    """Take over what holds a peer's CA to names, once a person has agreed to it.

    Args:
        permitted: what ``--permit`` says: names beside the peer's that are meant.

    Raises:
        ConflictError, InputError, UsageError, MismatchError, ConfirmationError: nothing changed.
    """
    from trustctl import render
    from trustctl.ca import crossfile
    from trustctl.commands.ca import offline_root
    from trustctl.commands.ca.crl_acceptance import tell
    from trustctl.commands.ca.cross import shared_note
    from trustctl.commands.ca.tbs import show_signed
    from trustctl.facts.moment import format_date
    from trustctl.facts.names import parse_host

    meant = {parse_host(one) for one in permitted}
    answer = crossfile.read_answer(data, file)
    with call.reading() as tx:
        found = _look(tx.connection, answer, file, call.now)
    signed, template = found.signed, found.signed.draft.template
    until = format_date(template.not_after)
    render.fields(
        [
            ("answer about", f"the CA of {answer.peer}: {found.pin.certificate.subject}"),
            ("held to", answer.permitted),
            *([("not the peer's", found.unknown)] if found.unknown else []),
            ("until", until),
            ("root", offline_root.said(signed)),
        ]
    )
    show_signed(signed.certificate.der, f"{template.serial:x}")
    render.note(*[f"warning: {text}" for text in found.remarks])
    words = [] if signed.known else ["--fingerprint", "AA:BB:..."]
    more = [word for one in found.unknown for word in ("--permit", one)]
    again = typed("ca", "accept", file, *words, *more, "--yes")
    _agree(answer.peer, [one for one in found.unknown if one not in meant], again, yes=yes)
    offline_root.agree(signed, fingerprint, file, again, yes=yes)
    with call.writing() as tx:
        now = _look(tx.connection, answer, file, call.now)
        if now.unknown != found.unknown:
            raise ConflictError(f"{answer.peer} was changed meanwhile", "type it again")
        crl = _record(tx, now, answer, file)
    render.line(f"accepted: the CA of {answer.peer} is held to {' '.join(answer.permitted)}")
    if crl is not None:
        tell(crl)
    if found.shared:
        render.note(*shared_note(f"the root of {answer.ca}"))
    render.note("note: in force with the next trustctl export")


def _agree(peer: str, unknown: Sequence[str], again: str, *, yes: bool) -> None:
    """Names that nobody here is known to have asked for need a person, or to be named."""
    if not unknown:
        return
    names = " ".join(unknown)
    if yes:
        raise UsageError(f"not known to be {peer}'s: {names}; name what is meant", again)
    confirm(
        f"Is the CA of {peer} meant to sign for {names}, too?", yes=False, without_terminal=again
    )


def _look(connection: Connection, answer: CrossAnswer, file: str, now: int) -> _Found:
    """Refuse whatever does not hold a trusted CA of the peer to at least the peer's names."""
    from trustctl.commands.ca import offline_root
    from trustctl.commands.ca.crossing import has_issuing, refusals
    from trustctl.inventory import snapshot

    peers = list(snapshot.read_peers(connection, where=snapshot.named(answer.peer)))
    if not peers:
        raise ConflictError(
            f"{file}: there is no peer {answer.peer}",
            "accept it where trustctl ca cross was typed",
        )
    (peer,) = peers
    _refuse_known(connection, answer, file)
    pins = _pins(connection, peer, answer, file, now)
    ders = snapshot.ders(connection, [one.certificate.fingerprint for one in peer.pins])
    pin, drafts = _drafts(answer, pins, ders, file)
    signed = offline_root.look(
        connection,
        answer.ca,
        drafts,
        (answer.root, answer.certificate),
        answer.crl,
        file,
        now,
    )
    added, unknown = _names(peer, pin, answer, file)
    _refuse_older(pin, signed, file)
    hosts = [ders[one.certificate.fingerprint] for one in peer.pins if one.role == "host"]
    remarks = refusals(ders[pin.certificate.fingerprint], hosts, answer.permitted)
    shared = has_issuing(connection, answer.ca)
    return _Found(peer, pin, signed, added, unknown, remarks, shared)


def _refuse_known(connection: Connection, answer: CrossAnswer, file: str) -> None:
    import hashlib

    from trustctl.inventory import issuances

    fingerprint = hashlib.sha256(answer.certificate).hexdigest()
    if issuances.search_fingerprints(connection, [fingerprint]):
        raise ConflictError(
            f"{file}: this answer was accepted already", f"trustctl show {answer.peer}"
        )


def _pins(
    connection: Connection, peer: Peer, answer: CrossAnswer, file: str, now: int
) -> list[Pin]:
    """The peer's trusted pins of the CA that the answer is about, the one that lasts longest first:
    one key may be in several certificates."""
    from trustctl.commands.ca.crossing import trusted
    from trustctl.inventory import hierarchies

    ours = hierarchies.hierarchy_of_keys(connection)
    if answer.spki in ours:
        raise ConflictError(
            f"{file}: the authority of {peer.name} is our own CA {ours[answer.spki]}",
            "trustctl ca list --authorities",
        )
    found = [one for one in trusted(connection, peer, now) if one.certificate.spki == answer.spki]
    if not found:
        raise ConflictError(
            f"{file}: {peer.name} has no trusted CA with the key {answer.spki[:16].upper()}",
            f"trustctl show {peer.name}",
        )
    return found[::-1]


def _drafts(
    answer: CrossAnswer, pins: Sequence[Pin], ders: dict[str, bytes], file: str
) -> tuple[Pin, tuple[Draft, Draft]]:
    from trustctl.ca import redraft

    *others, last = pins
    for pin in others:
        with suppress(InputError):
            return pin, redraft.check_cross(answer, ders[pin.certificate.fingerprint], file)
    return last, redraft.check_cross(answer, ders[last.certificate.fingerprint], file)


def _names(
    peer: Peer, pin: Pin, answer: CrossAnswer, file: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names beside the peer's own, and those of them that nobody is known to have asked for."""
    from trustctl.facts.names import within
    from trustctl.policy.held import wanted

    def beside(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            one for one in answer.permitted if not any(within(one, name) for name in names)
        )

    own = wanted(peer, ())
    lacking = [
        one for one in own if not any(within(one, permitted) for permitted in answer.permitted)
    ]
    if lacking:
        raise ConflictError(
            f"{file}: it would hold the CA of {peer.name} to names without {' '.join(lacking)}",
            f"a new request: {typed('ca', 'cross', peer.name, '--request', 'FILE')}",
        )
    known = own if pin.cross is None else wanted(peer, pin.cross.added)
    return beside(own), beside(known)


def _refuse_older(pin: Pin, signed: Signed, file: str) -> None:
    """Refuse an answer that was overtaken: what holds the CA now was signed after it."""
    cross = pin.cross
    if cross is None or cross.root_spki != signed.root_draft.spki or cross.revocation is not None:
        return
    if cross.not_before > signed.draft.template.not_before:
        raise ConflictError(
            f"{file}: it is older than what holds the CA now", "take the newest answer"
        )


def _record(
    tx: WriteTransaction, found: _Found, answer: CrossAnswer, file: str
) -> CarriedCrl | None:
    """Record all of it; the CRL that was recorded, where it is newer than what is known."""
    from trustctl.ca import crl as lists
    from trustctl.commands.ca import offline_root
    from trustctl.commands.ca.cross import revoke_before
    from trustctl.commands.ca.cross_request import signed_before
    from trustctl.inventory import crosses, issuances

    signed, peer, cross = found.signed, found.peer.name, found.pin.cross
    offline_root.adopt(tx, signed)
    (number,) = (
        one.id
        for one in issuances.search_fingerprints(
            tx.connection, [signed.certificate.facts.fingerprint]
        )
    )
    crosses.add(tx, peer, answer.spki, number, answer.permitted, found.added)
    gone: set[str | None] = set()
    if cross is not None and cross.permitted != answer.permitted:
        gone.add(cross.fingerprint)
    if signed.crl is not None:  # what the root has revoked with it
        named = lists.serials(signed.crl.content.entries)
        before = signed_before(tx.connection, signed.root_draft.spki, answer.spki, peer)
        gone |= {one.fingerprint for one in before if int(one.serial, 16) in named}
    for one in issuances.search_fingerprints(tx.connection, sorted(filter(None, gone))):
        revoke_before(tx, one, "superseded")
    return offline_root.record_crl(tx, signed, file)
