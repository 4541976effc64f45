"""Joins the layers for foresight: the chains in the inventory, what a change would break, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from trustctl.commands.ca.chains import own_chains
from trustctl.commands.invocation import Invocation
from trustctl.facts.foresight import HORIZON_DAYS, Break, Chains, Presented
from trustctl.policy import foresight

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from trustctl.facts.certificate import CertificateFacts
    from trustctl.facts.records import Peer
    from trustctl.inventory.transaction import WriteTransaction
    from trustctl.policy.chain import Signed

DAY = 86400
SHOWN = 20
_AT_ONCE = 500
_CHECKED_AT_MOST = 2000
"""So many chains have their signatures checked, half a second's work; more go by names alone."""


class Lookout:
    """Foresees what breaks for the peers that it is shown.

    Attributes:
        found: what breaks, in no order. whole: it was shown every peer.
    """

    def __init__(self, connection: Connection, now: int, *, days: int = HORIZON_DAYS) -> None:
        from trustctl.inventory import distrusts
        from trustctl.inventory.settings import read_settings

        self.found: list[Break] = []
        self.whole = False
        self.now, self.until = now, now + days * DAY
        self._connection = connection
        self._settings = read_settings(connection)
        self._own = own_chains(connection, now, hosts=False)
        self._refused = frozenset(distrusts.distrusted_fingerprints(connection))
        self._checked = 0

    def look(self, peers: Sequence[Peer]) -> None:
        """Foresee what breaks for these peers: some hundreds at the most."""
        presented = self.presented(peers)
        chains = replace(self._own, presented=presented) if presented else self._own
        for one in peers:
            self.found += foresight.foresee_peer(one, self._settings, chains, self.now, self.until)

    def look_at_all(self, where: ColumnElement[bool] | None = None) -> None:
        """Foresee what breaks for every peer for which this holds."""
        from trustctl.inventory import snapshot

        stream = snapshot.read_peers(self._connection, where=where)
        while part := list(islice(stream, _AT_ONCE)):
            self.look(part)

    def look_at_hosts(self) -> None:
        """Foresee what breaks for our own hosts."""
        own = own_chains(self._connection, self.now, hosts=True)
        self.found += foresight.foresee_hosts(own, self.now, self.until)

    def chains(self, peers: Sequence[Peer]) -> Chains:
        """Every chain that is known of these peers and of our hosts."""
        presented: dict[str, Presented] = {}
        for start in range(0, len(peers), _AT_ONCE):
            presented.update(self.presented(peers[start : start + _AT_ONCE]))
        own = own_chains(self._connection, self.now, hosts=True)
        return replace(own, presented=presented)

    def presented(self, peers: Iterable[Peer]) -> dict[str, Presented]:
        """The chains that were presented above pinned certificates."""
        from trustctl.inventory import snapshot
        from trustctl.policy.chain import arrange

        leaves = {
            pin.certificate.fingerprint: pin.certificate
            for one in peers
            for pin in one.pins
            if pin.role == "host" and not pin.certificate.self_signed
        }
        above = snapshot.chains(self._connection, list(leaves)) if leaves else {}
        if not above:
            return {}
        prints = list({one for chain in above.values() for one in chain})
        known: dict[str, CertificateFacts] = {}
        for start in range(0, len(prints), _AT_ONCE):
            part = prints[start : start + _AT_ONCE]
            known.update(snapshot.facts_by_fingerprint(self._connection, part))
        self._checked += len(above)
        signed: Signed = _by_name
        if self._checked <= _CHECKED_AT_MOST:
            signed = _by_key(snapshot.ders(self._connection, [*above, *prints]))
        return {
            leaf: arrange(leaves[leaf], [known[one] for one in chain], self._refused, signed)
            for leaf, chain in above.items()
        }


def _by_name(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    return True


def _by_key(ders: dict[str, bytes]) -> Callable[[CertificateFacts, CertificateFacts], bool]:
    from trustctl.facts.selfsign import is_signed_by

    known: dict[tuple[str, str], bool] = {}

    def signed(one: CertificateFacts, issuer: CertificateFacts) -> bool:
        pair = one.fingerprint, issuer.fingerprint
        if pair not in known:
            known[pair] = is_signed_by(ders[pair[0]], one, ders[pair[1]], issuer)
        return known[pair]

    return signed


def by_change(
    call: Invocation, change: Callable[[WriteTransaction], object], *, days: int = HORIZON_DAYS
) -> list[Break]:
    """What breaks, or breaks sooner, by a change: it is made, looked at, and taken back.

    Raises:
        TrustctlError: what the change itself raises.
    """

    def look(connection: Connection, ids: Sequence[int]) -> list[Break]:
        from trustctl.inventory import snapshot

        lookout = Lookout(connection, call.now, days=days)
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            lookout.look(list(snapshot.read_peers(connection, ids=part)))
        lookout.look_at_hosts()
        return lookout.found

    after: list[Break] = []
    ids: list[int] = []
    try:
        with call.writing() as tx:
            change(tx)
            tx.flush()
            ids = tx.touched
            after = look(tx.connection, ids)
            raise _TakenBackError
    except _TakenBackError:
        pass
    with call.reading() as now:
        return foresight.sooner(look(now.connection, ids), after)


class _TakenBackError(Exception):
    """Ends a transaction so that nothing of it is kept."""


def tell(found: Sequence[Break], now: int, *, shown: int | None = SHOWN) -> None:
    """Note who breaks and when, one line each, and how many more."""
    from trustctl import render

    for one in found[:shown]:
        render.note(f"{'warning' if one.at <= now else 'note'}: {sentence(one, now)}")
    if shown is not None and len(found) > shown:
        render.note(f"note: and {len(found) - shown} more: trustctl foresee")


def sentence(one: Break, now: int) -> str:
    """Who breaks, when and why, in a line."""
    from trustctl.facts.moment import format_date

    when = "from now on" if one.at <= now else f"from {format_date(one.at)} on"
    return f"{one.subject}: {_WHAT.get(one.kind, 'refused')} {when}: {one.why}"


_WHAT = {
    "pin": "mail waits",
    "vouch": "mail waits",
    "chain": "mail waits",
    "list": "an OpenSSL build refuses",
    "staple": "no longer stapled",
}
