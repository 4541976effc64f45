"""What others say of what a host presents: beside the comparison, never in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from trustctl.commands.wire.reach import Reach
from trustctl.commands.wire.survey import Place, Plan
from trustctl.facts import tlsa, vantage
from trustctl.facts.live import LiveHost
from trustctl.facts.network import may_dial
from trustctl.facts.vantage import Elsewhere
from trustctl.facts.wire import Testimony
from trustctl.intake.roots import BUNDLE
from trustctl.wire import publicca, sts
from trustctl.wire.resolver import Resolver

_POLICIES_AT_ONCE = 100


async def of_domains(plan: Plan, resolver: Resolver, reach: Reach) -> dict[str, Testimony]:
    """By domain, what its MTA-STS policy says of its MX hosts (RFC 8461)."""
    domains = [name for name, route in plan.routes.items() if route.hosts]
    gate = asyncio.Semaphore(_POLICIES_AT_ONCE)

    async def one(name: str) -> Testimony:
        async with gate:  # the time limit of each begins when it is asked for
            return await sts.policy(
                name,
                [host.name for host in plan.routes[name].hosts],
                resolver,
                may_dial=lambda address: may_dial(address, reach.allowed),
                timeout_seconds=reach.timeout_seconds,
            )

    found = await asyncio.gather(*(one(name) for name in domains))
    return dict(zip(domains, found, strict=True))


def of_host(
    host: LiveHost,
    place: Place,
    plan: Plan,
    domains: Mapping[str, Testimony],
    elsewhere: Elsewhere | None,
) -> tuple[Testimony, ...]:
    """Everything that is said of what this host presented; nothing where it presented nothing."""
    seen, name = host.sighting, host.sighting.endpoint.host
    if host.leaf is None:
        return ()
    found = []
    if name != seen.endpoint.address:
        found.append(
            tlsa.testify(
                place.host.tlsa,
                place.host.tlsa_authenticated,
                seen.chain,
                problem=place.host.tlsa_problem,
                route_authenticated=all(plan.routes[one].authenticated for one in place.domains),
                anchored=lambda top: publicca.is_authority(top, seen.chain, name, seen.at),
            )
        )
    found += [domains[one] for one in place.domains[:1] if one in domains]
    found.append(publicca.testify(seen.chain, name, BUNDLE, seen.at))
    if elsewhere is not None:
        found.append(vantage.testify(elsewhere, seen.endpoint, host.leaf.fingerprint))
    return tuple(found)
