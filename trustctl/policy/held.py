"""To which names a peer's own CA ought to be held, and when that has to be said anew."""

from __future__ import annotations

from collections.abc import Sequence

from trustctl.facts.names import covering
from trustctl.facts.records import Cross, Peer


def wanted(peer: Peer, added: Sequence[str]) -> tuple[str, ...]:
    """The peer's domains, its expected MX hosts outside of them, and what somebody added.

    It is the host's name that a certificate is for, and that is the MX host's, not the domain's.
    """
    return covering((*peer.domains, *peer.mx_hosts, *added))


def again(peer: Peer) -> str:
    """What to type so that a peer's CAs are held to names, anew or for the first time."""
    held = [pin.cross for pin in peer.pins if pin.cross is not None]
    if held and held[-1].elsewhere:
        return f"trustctl ca cross {peer.name} --request {peer.name}.json"
    return f"trustctl ca cross {peer.name}"


def is_late(one: Cross, now: int) -> bool:
    """Whether two thirds of the cross-certificate's life are over: time for the next one."""
    return now >= one.not_after - (one.not_after - one.not_before) // 3
