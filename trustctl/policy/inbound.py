"""Why nobody could send as a peer's domains, though its own server ought to."""

from __future__ import annotations

from trustctl.facts.records import Peer


def obstacle(peer: Peer) -> str | None:
    """Why ``require`` would refuse the peer's own mail whatever is vouched for; None where it need
    not.

    A server learns which domain is meant after the handshake, and then sees the client's own
    certificate alone: that it leads to one of the authorities that are trusted, not to which.
    """
    if peer.inbound.mode == "off":
        return None
    if not peer.domains:
        return f"{peer.name} has no domain: nothing is asked of anybody"
    active = [pin for pin in peer.pins if pin.retired_at is None]
    if not any(pin.role == "host" for pin in active):
        what = "the peer's CA alone is pinned" if active else "it has no pin"
        return (
            f"{peer.name}: {what}, and a server knows a client by its own certificate alone: "
            "add that of its sending host too, in the role host"
        )
    return None
