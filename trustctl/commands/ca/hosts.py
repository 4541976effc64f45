"""Hosts that the CA is asked to certify: as people name them, drafted, looked at, signed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trustctl.commands.ca import chains, work
from trustctl.commands.ca.keys import Keys
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, InputError, TrustctlError, UsageError

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Authority

DAY = 86400
MOST_NAMES = 100
_SHOWN, _AT_ONCE = 20, 500
Host = tuple[str, ...]
"""A host's names, the one that its files are named after first."""


def parse_hosts(texts: Sequence[str]) -> list[Host]:
    """Hosts as ``HOST[,ALIAS...]``.

    Raises:
        UsageError: a name is none, or a host stands twice.
    """
    from trustctl.facts.names import parse_host

    found: list[Host] = []
    for text in texts:
        names = tuple(dict.fromkeys(parse_host(one) for one in text.split(",")))
        if len(names) > MOST_NAMES:
            raise UsageError(f"{names[0]}: more than {MOST_NAMES} names", "split them up")
        found.append(names)
    return unique(found)


def unique(hosts: list[Host]) -> list[Host]:
    """The same hosts.

    Raises:
        UsageError: one stands twice.
    """
    seen: set[str] = set()
    for host in hosts:
        if host[0] in seen:
            raise UsageError(f"{host[0]} stands twice", "name each host once")
        seen.add(host[0])
    return hosts


def read_hosts(file: str) -> list[Host]:
    """Hosts from a file: one a line, its aliases behind it; ``#`` begins a comment.

    Raises:
        InputError: the file cannot be read, or a line is wrong (each is named).
    """
    from trustctl.intake.source import read_source

    try:
        text = read_source(file, limit=64 << 20).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8", "one host a line is meant") from None
    found: list[Host] = []
    bad: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            found += parse_hosts([",".join(words)])
        except TrustctlError as error:
            bad.append(f"line {number}: {error.message}")
    if bad:
        more = [f"... and {len(bad) - _SHOWN} more"] if len(bad) > _SHOWN else []
        raise InputError(
            f"{file}: {len(bad)} bad lines; nothing was issued", details=[*bad[:_SHOWN], *more]
        )
    return unique(found)


def still_valid(
    call: Invocation, hierarchy: str | None, names: Sequence[str]
) -> dict[str, list[str]]:
    """Hosts that have certificates of this CA already, with the serial numbers of those that have
    not ended and are not revoked, newest first."""
    from trustctl.inventory import authorities, issuances

    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        issuers = {one.spki for one in authorities.authorities(tx.connection, hierarchy=name)}
        found: dict[str, list[str]] = {}
        for at in range(0, len(names), _AT_ONCE):
            for one in issuances.of_subjects(tx.connection, names[at : at + _AT_ONCE]):
                if one.revoked_at is None and one.not_after >= call.now and one.issuer in issuers:
                    found.setdefault(one.subject, []).insert(0, one.serial)
    return found


def tell(refusing: Sequence[tuple[str, str]]) -> None:
    """Note who has to learn of a host's next certificate before the host presents it."""
    from trustctl import render

    for domain, host in refusing[:_SHOWN]:
        render.note(
            f"note: {domain} has the certificate pinned that {host} has now; it refuses the next "
            "one until that is pinned too: trustctl add"
        )
    if len(refusing) > _SHOWN:
        render.note(f"note: and {len(refusing) - _SHOWN} more domains")


def issue_hosts(
    call: Invocation,
    keys: Keys,
    hierarchy: str | None,
    hosts: Sequence[Host],
    public_keys: Sequence[bytes],
    *,
    profile_name: str,
    days: int | None,
) -> tuple[list[Evidence], list[bytes]]:
    """Certificates for hosts, and the chain above them (without the root), as DER.

    Args:
        public_keys: each host's SubjectPublicKeyInfo.

    Raises:
        UsageError: what must not be signed; nothing was. ConflictError: there is no such CA, or a
            key is in other hands.
    """
    from trustctl.ca import profile
    from trustctl.ca.draft import new_serial
    from trustctl.ca.series import Series
    from trustctl.facts.issuance import Template
    from trustctl.inventory import authorities, revocations

    found = profile.load(profile_name)
    if found.ca:
        raise UsageError(f"{profile_name} is a profile for CAs", "for a host: mta, mta-client")
    if days is not None and days > found.maximum_days:
        raise UsageError(
            f"--days {days}: {found.maximum_days} are the most for the profile {profile_name}",
            "trustctl ca renew makes the next one in time",
        )
    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        issuing: Authority = authorities.current(tx.connection, name, "issuing")
        above = work.chain_of(tx.connection, issuing)
        bridges = work.bridges(tx.connection, name, call.now)
        refusing = chains.refusing(tx.connection, [host[0] for host in hosts], name, call.now)
        lost = revocations.lost_keys(tx.connection)
    for host, key in zip(hosts, public_keys, strict=True) if lost else ():
        if why := lost.get(hashlib.sha256(key).hexdigest()):
            raise ConflictError(
                f"{host[0]}: no certificate is made for this key, {why}; nothing was issued",
                "make a new key",
            )
    tell(refusing)
    signer = keys.signer(issuing)
    start = call.now - work.CLOCK_SKEW_SECONDS
    end = call.now + (days or found.days) * DAY
    if days is None:
        end = min(end, issuing.not_after)
    templates = [
        Template(found, host[0], host, key, new_serial(), start, end)
        for host, key in zip(hosts, public_keys, strict=True)
    ]
    series = Series(templates[0], above[0], signer.kind)
    drafts = [series.draft(one) for one in templates]
    work.look(drafts, above)
    made = work.sign(call, issuing.spki, signer, drafts, facts=series.facts)
    return made, [issuing.der, *bridges]
