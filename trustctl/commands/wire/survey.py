"""Finds the hosts of domains, dials them, and hands on each as it is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from trustctl.commands.wire.known import Known
from trustctl.commands.wire.reach import Reach
from trustctl.facts.network import may_dial
from trustctl.facts.wire import Endpoint, MailHost, MailRoute, Protocol, Sighting
from trustctl.wire import crowd
from trustctl.wire.resolver import Resolver


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be looked at.

    Attributes:
        name: a domain or a host's name, or an address as it was typed.
        peer: whose it is to be; None: nobody's.
        kind: ``domain``: by its MX records; ``host``: itself; ``either``: by its MX records, where
            it has any.
    """

    name: str
    peer: str | None
    kind: str
    port: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """An address to be dialled for a peer, and the domains that lead there."""

    endpoint: Endpoint
    peer: str | None
    domains: tuple[str, ...]
    host: MailHost


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything leads. ``routes``: by domain."""

    places: tuple[Place, ...]
    routes: dict[str, MailRoute]


async def plan(targets: Sequence[Target], resolver: Resolver) -> Plan:
    """Ask DNS where the targets are; every host that is named has one place at least."""
    found = await asyncio.gather(*(_find(one, resolver) for one in targets))
    routes: dict[str, MailRoute] = {}
    domains: dict[tuple[Endpoint, str | None], list[str]] = {}
    hosts: dict[Endpoint, MailHost] = {}
    for target, route in zip(targets, found, strict=True):
        if target.kind == "domain" or (target.kind == "either" and not route.implicit):
            routes[target.name] = route
        named = target.name in routes
        for host in route.hosts:
            for address in host.addresses or ("",):
                endpoint = Endpoint(host.name, address, target.port, target.protocol)
                hosts.setdefault(endpoint, host)
                listed = domains.setdefault((endpoint, target.peer), [])
                if named:
                    listed.append(target.name)
    places = tuple(
        Place(endpoint, peer, tuple(names), hosts[endpoint])
        for (endpoint, peer), names in domains.items()
    )
    return Plan(places, routes)


async def _find(target: Target, resolver: Resolver) -> MailRoute:
    if target.kind == "address":
        return MailRoute(target.name, (MailHost(target.name, 0, (target.name,)),), implicit=True)
    if target.kind == "host":
        one = await resolver.host(target.name, target.port)
        return MailRoute(target.name, (one,), implicit=True)
    return await resolver.route(target.name, target.port)


def leading_nowhere(plan: Plan, targets: Sequence[Target]) -> Iterator[Place]:
    """For each domain without a host: a place that has no address."""
    for one in targets:
        route = plan.routes.get(one.name)
        if route is not None and not route.hosts:
            endpoint = Endpoint(one.name, "", one.port, one.protocol)
            host = MailHost(one.name, problem=route.problem)
            yield Place(endpoint, one.peer, (one.name,), host)


def no_host(place: Place) -> Sighting:
    """What is seen of a place that has no address."""
    detail = place.host.problem or "its name has no address"
    return Sighting(place.endpoint, int(time.time()), "no-host", detail)


async def dial(
    places: Sequence[Place],
    known: Known,
    reach: Reach,
    on_seen: Callable[[Place, Sighting], None],
    *,
    typed: Iterable[str] = (),
) -> list[tuple[Place, Sighting]]:
    """Look at every place; one address is dialled once, for whomever it is looked at.

    Args:
        typed: addresses that a person named: those may be dialled.

    Returns:
        Each place with its sighting, in order.
    """
    of_endpoint: dict[Endpoint, list[Place]] = {}
    for one in places:
        of_endpoint.setdefault(one.endpoint, []).append(one)
    named = frozenset(typed)
    seen: dict[Endpoint, Sighting] = {}

    def keep(sighting: Sighting) -> None:
        seen[sighting.endpoint] = sighting
        for one in of_endpoint[sighting.endpoint]:
            on_seen(one, sighting)

    wanted: list[Endpoint] = []
    for endpoint, sharing in of_endpoint.items():
        peers = {one.peer for one in sharing}
        problem = _undialled(endpoint, sharing[0].host, known, reach, peers, named)
        if problem is None:
            wanted.append(endpoint)
        else:
            keep(problem)
    if wanted:
        await crowd.look(
            wanted,
            ehlo=reach.ehlo,
            budget_seconds=reach.timeout_seconds,
            parallel=reach.parallel,
            overall_seconds=reach.overall_seconds,
            on_seen=keep,
        )
    return [(one, seen[one.endpoint]) for one in places]


def _undialled(
    endpoint: Endpoint,
    host: MailHost,
    known: Known,
    reach: Reach,
    peers: set[str | None],
    typed: frozenset[str],
) -> Sighting | None:
    """Why the place is not dialled at all; None where it is."""
    now, address = int(time.time()), endpoint.address
    if not address:
        return no_host(Place(endpoint, None, (), host))
    if address in typed or may_dial(address, reach.allowed):
        return None
    if any(address in known.addresses(one, now) for one in peers):
        return None
    why = f"{address} is no public address, and no allowed network has it"
    return Sighting(endpoint, now, "forbidden", why)
