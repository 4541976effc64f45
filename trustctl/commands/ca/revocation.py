"""What is signed about revocation: when a CRL or a staple is due, and the signing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.ca.signer import Signer
    from trustctl.commands.ca.keys import Keys
    from trustctl.facts.issuance import Authority, Issuance
    from trustctl.inventory.crls import StoredCrl
    from trustctl.inventory.staples import Staple

DAY = 86400
SKEW_SECONDS = 300
"""A CRL and a staple begin five minutes ago: a partner's clock may be behind."""

CRL_DAYS = {"root": 180, "issuing": 30}
"""A root is often offline, and revokes issuing CAs alone."""

DELTA_DAYS, STAPLE_DAYS = 7, 10
LONGEST_DAYS = 366


def issuers(connection: Connection, hierarchy: str, now: int) -> list[Authority]:
    """The authorities of a CA whose certificates may still be met, one for each key, roots first.

    Retired ones too: what they signed can still be revoked.
    """
    from trustctl.inventory.authorities import authorities

    found: dict[str, Authority] = {}
    for one in authorities(connection, hierarchy=hierarchy):
        if one.not_after >= now:
            found.setdefault(one.spki, one)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class CrlDraft:
    """What an authority's next CRL would say.

    Attributes:
        last: the one before of its kind. base: for a delta, the number that it is to be applied to.
        due: whether it has to be signed: it says something else, or half of its life is over.
    """

    authority: Authority
    last: StoredCrl | None
    base: int | None
    entries: tuple[bytes, ...]
    due: bool
    days: int
    freshest: bytes | None = None


def draft_crl(
    connection: Connection,
    authority: Authority,
    now: int,
    *,
    delta: bool = False,
    days: int | None = None,
    force: bool = False,
    delta_url: str | None = None,
) -> CrlDraft:
    """The next CRL of an authority, and whether it is due.

    Args:
        days: its lifetime; None for the usual one. force: it is due in any case. delta_url: where
            deltas to it will be; None for where they were before.

    Raises:
        ConflictError: a delta without a whole CRL that it could be applied to.
    """
    from trustctl.ca import crl
    from trustctl.inventory import crls

    whole = crls.newest(connection, authority.spki)
    before = None if whole is None else crl.read(whole.der)
    known, here = crls.revoked(connection, authority.spki), authority.key != "elsewhere"
    entries = crl.due_entries(known, before, here=here)
    last, base, usual = whole, None, CRL_DAYS[authority.kind]
    freshest = None if before is None else before.freshest
    moved = delta_url is not None and freshest != crl.found_at(delta_url)
    if delta_url is not None:
        freshest = crl.found_at(delta_url)
    if delta:
        if whole is None or before is None or whole.next_update <= now:
            raise ConflictError(
                f"{authority.name} has no CRL in force that a delta could be applied to",
                "trustctl ca crl signs one",
            )
        freshest, moved = None, False
        named = frozenset(before.entries)
        entries = tuple([one for one in entries if one not in named])
        last, base, usual = (
            crls.newest(connection, authority.spki, delta=True),
            whole.number,
            DELTA_DAYS,
        )
        if last is not None and last.base != base:
            last = None
    due = force or moved or last is None or last.this_update > now
    if last is not None and not due:
        life = last.next_update - last.this_update
        wanted = None if days is None else _end(authority, now, days) - now + SKEW_SECONDS
        due = (
            crl.read(last.der).entries != entries
            or is_half_over(last.this_update, last.next_update, now)
            or (wanted is not None and abs(wanted - life) > DAY // 2)
        )
    return CrlDraft(authority, last, base, entries, due, days or usual, freshest)


def is_half_over(this_update: int, next_update: int, now: int) -> bool:
    """Whether half of a life is over: time for the next one."""
    return now >= this_update + (next_update - this_update) // 2


def _end(authority: Authority, now: int, days: int) -> int:
    return min(now + days * DAY, authority.not_after)


def sign_crls(
    call: Invocation,
    keys: Keys,
    wanted: Sequence[Authority],
    *,
    delta: bool = False,
    days: int | None = None,
    force: bool = False,
    delta_url: str | None = None,
) -> list[StoredCrl]:
    """The newest CRL of each of these authorities; what is due is signed.

    A CRL is recorded, under its number, before anybody gets to see it. Nothing is written to the
    inventory between its content and its record: a revocation is either in it, or in the next one.

    Raises:
        UsageError, InputError: a key is not to be had; nothing was signed.
    """
    from trustctl.ca import crl
    from trustctl.inventory import crls, journal

    def drafted_now(connection: Connection, one: Authority) -> CrlDraft:
        return draft_crl(
            connection, one, call.now, delta=delta, days=days, force=force, delta_url=delta_url
        )

    with call.reading() as tx:
        drafts = [drafted_now(tx.connection, one) for one in wanted]
        head = journal.head(tx.connection)
    signers = {one.authority.spki: crl_signer(keys, one.authority) for one in drafts if one.due}
    if not signers:
        return [one.last for one in drafts if one.last is not None]
    found = []
    with call.writing() as tx:
        same = journal.head(tx.connection) == head
        for drafted in drafts:
            authority = drafted.authority
            now = drafted if same else drafted_now(tx.connection, authority)
            if authority.spki not in signers:
                found += [now.last] if now.last is not None else []
                continue
            number = crls.next_number(tx.connection, authority.spki)
            start, end = call.now - SKEW_SECONDS, _end(authority, call.now, now.days)
            der = crl.sign(
                authority.der,
                signers[authority.spki],
                now.entries,
                number=number,
                base=now.base,
                this_update=start,
                next_update=end,
                freshest=now.freshest,
            )
            made = crls.StoredCrl(authority.spki, number, now.base, start, end, der)
            crls.add(tx, made)
            tx.flush()
            found.append(made)
    return found


def crl_signer(keys: Keys, authority: Authority) -> Signer:
    """What signs an authority's CRL.

    Raises:
        UsageError, InputError: its key is not to be had.
    """
    if authority.key == "elsewhere":
        which = authority.name.partition("/")[2]
        raise UsageError(
            f"the key of {authority.name} is not on this machine",
            f"there: trustctl ca crl --of {which} --out {which}.crl; "
            f"here: trustctl ca crl --accept {which}.crl",
        )
    return keys.signer(authority)


@dataclass(frozen=True, slots=True)
class StapleDraft:
    """A certificate of a host of ours, and what is signed about it already.

    Attributes:
        name: of its file, without ``.ocsp``.
        due: whether it has to be signed: its state changed, or half of its life is over.
    """

    issuance: Issuance
    name: str
    last: Staple | None
    due: bool


def draft_staples(
    connection: Connection,
    hierarchy: str,
    now: int,
    *,
    days: int | None = None,
    hosts: Sequence[str] = (),
) -> list[StapleDraft]:
    """The staples of a CA's hosts: for every certificate that a server may still present.

    ``HOST`` is the newest certificate's that is not revoked, ``HOST-SERIAL`` each other one's.

    Args:
        hosts: only these; all by default.
    """
    from trustctl.inventory import issuances, staples

    spkis = [one.spki for one in issuers(connection, hierarchy, now)]
    newest = staples.newest(connection, spkis)
    found = [
        one
        for one in issuances.search(connection, issuers=spkis, after=now)
        if one.hosts and one.profile != "mta-client" and (not hosts or one.subject in hosts)
    ]
    found.sort(key=lambda one: (one.subject, one.revoked_at is not None, -one.id))
    drafts, named = [], set()
    for one in found:
        host = one.subject if one.subject in one.hosts else one.hosts[0]
        name = f"{host}-{one.serial}" if host in named else host
        named.add(host)
        last = newest.get(one.id)
        due = last is None or last.status != status_of(one) or last.this_update > now
        if last is not None and not due:
            life = last.next_update - last.this_update
            due = is_half_over(last.this_update, last.next_update, now) or (
                days is not None and abs(days * DAY - life) > DAY // 2
            )
        drafts.append(StapleDraft(one, name, last, due))
    return drafts


def status_of(one: Issuance) -> str:
    """What a staple has to say of a certificate."""
    return "good" if one.revoked_at is None else "revoked"


def sign_staples(
    call: Invocation,
    keys: Keys,
    hierarchy: str,
    drafts: Sequence[StapleDraft],
    *,
    days: int = STAPLE_DAYS,
) -> dict[str, Staple]:
    """The staples by name; those that are due are signed, and recorded before anybody sees them.

    Raises:
        UsageError, InputError: a key is not to be had; nothing was signed.
    """
    from trustctl.ca import ocsp
    from trustctl.facts.revocation import Revoked
    from trustctl.inventory import issuances, staples

    found = {one.name: one.last for one in drafts if one.last is not None}
    due = {one.issuance.id: one for one in drafts if one.due}
    if not due:
        return found
    with call.reading() as tx:
        by_spki = {one.spki: one for one in issuers(tx.connection, hierarchy, call.now)}
    signers = {
        spki: keys.signer(by_spki[spki]) for spki in {o.issuance.issuer for o in due.values()}
    }
    start, made = call.now - SKEW_SECONDS, []
    with call.writing() as tx:
        # as they stand now: one may have been revoked since it was drafted
        wanted = list(due)
        for at in range(0, len(wanted), 500):
            for one in issuances.read_ids(tx.connection, wanted[at : at + 500]):
                serial, revoked = int(one.serial, 16), None
                if one.revoked_at is not None and one.revoked_reason is not None:
                    revoked = Revoked(serial, one.revoked_at, one.revoked_reason, one.not_after)
                authority = by_spki[one.issuer]
                end = min(call.now + days * DAY, authority.not_after)
                der = ocsp.sign(
                    authority.der,
                    signers[one.issuer],
                    serial,
                    revoked,
                    this_update=start,
                    next_update=end,
                )
                status: staples.Status = "good" if revoked is None else "revoked"
                staple = staples.Staple(one.id, status, start, end, der)
                made.append((one.issuer, staple))
                found[due[one.id].name] = staple
        for spki in signers:
            staples.add(tx, spki, [staple for issuer, staple in made if issuer == spki])
    return found
