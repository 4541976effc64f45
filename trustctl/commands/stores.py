"""Trust stores read back and compared with the inventory: for ``audit --store`` and ``adopt``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from trustctl.commands.invocation import Invocation
    from trustctl.facts.audit import AuditFacts
    from trustctl.facts.finding import Finding
    from trustctl.facts.store import Store
    from trustctl.policy.store import Judged

_PEERS_SHOWN = 12
_PART = 500


def audit(call: Invocation, names: Sequence[str], now: int, *, quiet: bool) -> list[Finding]:
    """The findings about these stores; what is in them is shown unless quiet.

    Raises:
        InputError: one of them cannot be read.
    """
    from trustctl import render
    from trustctl.intake.stores import read_store, store_facts
    from trustctl.policy.audit import audit_stores
    from trustctl.policy.store import judged

    stores = [store_facts(read_store(name)) for name in dict.fromkeys(names)]
    if call.path.exists():
        with call.reading() as tx:
            facts = _facts(tx.connection, stores, now)
    else:
        facts = _without_inventory(stores, now)
        render.note("note: there is no inventory yet, so nobody is known")
    for store, found in () if quiet else judged(facts):
        _show(store, found)
    return audit_stores(facts)


def refused(connection: Connection, fingerprints: Iterable[str]) -> dict[str, str]:
    """Fingerprint or SPKI pin -> why it is not to be trusted: all that is distrusted, all keys that
    were lost, and those of these certificates that our own CA revoked."""
    from trustctl.inventory import revocations, snapshot

    found = {key: f"its key: {why}" for key, why in revocations.lost_keys(connection).items()}
    for one in snapshot.read_distrusts(connection):
        found[one.value] = f"distrusted ({one.kind}): {one.reason}"
    for part in _parts(fingerprints):
        for fingerprint, revoked in revocations.of_certificates(connection, part).items():
            found.setdefault(fingerprint, f"revoked by our CA: {revoked.reason}")
    return found


def ours(connection: Connection, fingerprints: Iterable[str]) -> frozenset[str]:
    """Those of these certificates that are our own CA's, or that it issued."""
    from trustctl.inventory import authorities, issuances

    found = {one.fingerprint for one in authorities.authorities(connection)}
    if not found:
        return frozenset()
    for part in _parts(fingerprints):
        issued = issuances.search_fingerprints(connection, part)
        found.update(one.fingerprint for one in issued if one.fingerprint)
    return frozenset(found)


def _parts(values: Iterable[str]) -> Iterable[list[str]]:
    listed = list(values)
    for start in range(0, len(listed), _PART):
        yield listed[start : start + _PART]


def _facts(connection: Connection, stores: Sequence[Store], now: int) -> AuditFacts:
    from trustctl.facts.audit import AuditFacts
    from trustctl.facts.store import Stores
    from trustctl.intake.roots import public_roots
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    there = {one.certificate.fingerprint for store in stores for one in store.certificates}
    return AuditFacts(
        now=now,
        settings=read_settings(connection),
        peers=tuple(snapshot.read_peers_by_name(connection)),
        public_roots=public_roots(),
        stores=Stores(tuple(stores), refused(connection, there), ours(connection, there)),
    )


def _without_inventory(stores: Sequence[Store], now: int) -> AuditFacts:
    from trustctl.facts.audit import AuditFacts
    from trustctl.facts.records import Settings
    from trustctl.facts.store import Stores
    from trustctl.intake.roots import public_roots

    return AuditFacts(
        now=now,
        settings=Settings(),
        peers=(),
        public_roots=public_roots(),
        stores=Stores(tuple(stores)),
    )


def _show(store: Store, found: Sequence[Judged]) -> None:
    """What is in it, in numbers."""
    from trustctl import render

    counts = Counter(one.standing for one in found)
    files = "1 file" if store.files == 1 else f"{store.files} files"
    render.line(f"{store.name}: {len(found) or 'no'} certificates, in {files}")
    if found:
        render.fields(
            [
                ("  pinned and trusted", _by_peer(found, counts["trusted"])),
                ("  pinned, not trusted", str(counts["untrusted"])),
                ("  distrusted", str(counts["distrusted"])),
                ("  our own CA's", str(counts["ours"])),
                ("  public CAs", str(counts["public"])),
                ("  strangers", str(counts["stranger"])),
                ("  unreadable", str(len(store.unread))),
            ]
        )
    render.line()


def _by_peer(found: Sequence[Judged], total: int) -> str:
    peers = Counter(name for one in found if one.standing == "trusted" for name in one.peers)
    shown = [f"{name} {count}" for name, count in sorted(peers.items())[:_PEERS_SHOWN]]
    if len(peers) > _PEERS_SHOWN:
        shown.append(f"and {len(peers) - _PEERS_SHOWN} peers more")
    return f"{total}: {', '.join(shown)}" if shown else "0"
