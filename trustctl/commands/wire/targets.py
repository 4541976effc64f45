"""What was typed as targets, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.commands.invocation import ask, on_terminal, typed
from trustctl.commands.wire.known import Known
from trustctl.commands.wire.survey import Target
from trustctl.errors import ConflictError, UsageError
from trustctl.facts.names import parse_peer_name, propose_peer_name
from trustctl.facts.network import DEFAULT_PORT, parse_target, protocol_for
from trustctl.facts.wire import Protocol


def read(words: Sequence[str], protocol: Protocol | None, port: int) -> list[Target]:
    """The targets of these words; nobody's so far.

    Args:
        protocol: what is spoken; None: what the port says. port: of hosts that MX records name.

    Raises:
        UsageError: a word that names no domain, host or address.
    """
    found: dict[Target, None] = {}
    for word in words:
        given = parse_target(word)
        if given.port is not None:
            spoken = protocol or protocol_for(given.port)
            kind, at = "host", given.port
        else:
            spoken = protocol or protocol_for(port)
            # only mail between servers goes by MX records
            kind = "either" if spoken == "smtp" or protocol is None else "host"
            at = port if kind == "either" else DEFAULT_PORT[spoken]
        kind = "address" if given.literal else kind
        target = Target(given.name, None, kind, at, spoken)
        found[target] = None
    return list(found)


def assign(
    targets: Sequence[Target],
    known: Known,
    peer: str | None,
    remembered: Mapping[str, str],
    *,
    asking: bool,
) -> list[Target]:
    """The targets with the peer that each is looked at for.

    Args:
        peer: whose they all are; None: whose the inventory says.
        remembered: by name, whose it was looked at as before.
        asking: ask a person, or refuse, where nobody says.

    Raises:
        ConflictError: a domain belongs to another peer. UsageError: nobody says whose it is.
    """
    name = None if peer is None else parse_peer_name(peer)
    return [_assign(one, known, name, remembered.get(one.name), asking=asking) for one in targets]


def _assign(
    target: Target, known: Known, peer: str | None, before: str | None, *, asking: bool
) -> Target:
    owner = known.owner(target.name)
    if peer is not None and owner is not None and owner != peer:
        exact = target.name in known.peers[owner].domains
        if exact:
            raise ConflictError(
                f"{target.name} belongs to the peer {owner}, not to {peer}",
                f"type --peer {owner}, or leave it out",
            )
    whose = peer or owner or before
    if whose is None and asking:
        if not on_terminal():
            raise UsageError(
                f"--peer is missing: whose is {target.name}?",
                f"{typed('fetch', target.name)} --peer NAME, or --dry-run to keep nothing",
            )
        proposed = propose_peer_name([target.name])
        whose = ask(f"Whose is {target.name}? Peer's name", parse_peer_name, default=proposed)
    return Target(target.name, whose, target.kind, target.port, target.protocol)
