"""One look at some hosts: each is compared, witnessed and shown as it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from trustctl.commands.wire import evidence, showing, survey
from trustctl.commands.wire.known import Judge, Known
from trustctl.commands.wire.reach import Reach
from trustctl.facts.live import LiveHost
from trustctl.facts.vantage import Elsewhere
from trustctl.facts.wire import Sighting, Testimony
from trustctl.wire.resolver import Resolver


class Look:
    """One look at the targets: each host is shown as it was seen."""

    def __init__(
        self,
        known: Known,
        judge: Judge,
        reach: Reach,
        elsewhere: Elsewhere | None,
        *,
        chain: bool,
        as_json: bool,
    ) -> None:
        self.hosts: list[LiveHost] = []
        self.said: dict[int, tuple[Testimony, ...]] = {}
        self._known, self.judge, self._reach = known, judge, reach
        self._elsewhere = elsewhere
        self._chain, self._as_json = chain, as_json

    def run(self, wanted: Sequence[survey.Target], *, show: bool) -> None:
        """Look at them all; ``show``: print each at once."""
        asyncio.run(self._run(wanted, show))

    async def _run(self, wanted: Sequence[survey.Target], show: bool) -> None:
        resolver = Resolver(self._reach.resolver, trusted=bool(self._reach.resolver))
        plan = await survey.plan(wanted, resolver)
        said = await evidence.of_domains(plan, resolver, self._reach)

        def seen(place: survey.Place, sighting: Sighting) -> None:
            one = self.judge.live(sighting, place.peer, place.domains)
            index = len(self.hosts)
            self.hosts.append(one)
            self.said[index] = evidence.of_host(one, place, plan, said, self._elsewhere)
            if show:
                self.show(index)

        for nowhere in survey.leading_nowhere(plan, wanted):
            seen(nowhere, survey.no_host(nowhere))
        typed_addresses = [one.name for one in wanted if one.kind == "address"]
        await survey.dial(plan.places, self._known, self._reach, seen, typed=typed_addresses)

    def show(self, index: int) -> None:
        """Print one."""
        one = self.hosts[index]
        if self._as_json:
            showing.as_line(one, self.said[index], chain=self._chain)
            return
        above = self.judge.evidence(one.sighting)[1:] if self._chain else ()
        showing.show(
            one,
            self.said[index],
            [(each.facts.fingerprint, each.facts.subject or "") for each in above],
        )
