"""A probe of protected domains: whom to ask, what is kept, what is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from trustctl.commands.invocation import Invocation
from trustctl.commands.progress import progress
from trustctl.commands.wire import keeping, known, retiring, showing, survey
from trustctl.commands.wire.reach import Options
from trustctl.errors import ConflictError
from trustctl.facts.fingerprint import short
from trustctl.facts.live import Live, LiveHost
from trustctl.facts.moment import format_date
from trustctl.facts.network import protocol_for
from trustctl.facts.wire import MailRoute, Sighting
from trustctl.wire.resolver import Resolver

if TYPE_CHECKING:
    from trustctl.facts.finding import Finding
    from trustctl.facts.records import Peer


class Probe:
    """One probe. ``notes``: lines that a person should see beside the findings."""

    def __init__(self, call: Invocation, subjects: Sequence[str], options: Options) -> None:
        """Read the peers that are meant; all of them where there are no ``subjects``.

        Raises:
            ConflictError: a subject is neither a peer nor a protected domain, or has no host.
        """
        self.notes: list[str] = []
        self._name = " ".join(["probe", *sorted(subjects)]) if subjects else "probe --all"
        self._call = call
        self._targets: list[survey.Target] = []
        subjects = [_spelt(one) for one in subjects]
        with call.reading() as tx:
            self._known = known.read(tx.connection, _where(subjects))
        self._reach = options.reach(self._known.wire)
        _refuse_unknown(subjects, self._known.peers)
        for peer in self._known.peers.values():
            named = not subjects or peer.name in subjects
            domains = [one for one in peer.domains if named or one in subjects]
            port, protocol = options.port, protocol_for(options.port)
            self._targets += [
                survey.Target(one, peer.name, "domain", port, protocol) for one in domains
            ]
            self._targets += [
                survey.Target(one, peer.name, "host", port, protocol)
                for one in (peer.mx_hosts if named else ())
            ]
        for one in subjects:
            if one in self._known.peers and not any(each.peer == one for each in self._targets):
                raise ConflictError(
                    f"{one} has no protected domain and no expected host: there is nobody to ask",
                    f"trustctl fetch DOMAIN --peer {one} --fingerprint protects a domain",
                )
        self._judge = known.Judge(self._known, call.now)
        self._hosts: list[LiveHost] = []

    def look(self, *, as_json: bool = False, quiet: bool = False) -> Live:
        """Ask them all; ``as_json``: print a line for each as it is seen."""
        routes = asyncio.run(self._look(as_json=as_json, quiet=quiet or as_json))
        return Live(tuple(self._hosts), routes)

    async def _look(self, *, as_json: bool, quiet: bool) -> dict[str, MailRoute]:
        resolver = Resolver(self._reach.resolver, trusted=bool(self._reach.resolver))
        plan = await survey.plan(self._targets, resolver)
        with progress(len(plan.places), "asking", shown=not quiet) as bar:

            def seen(place: survey.Place, sighting: Sighting) -> None:
                one = self._judge.live(sighting, place.peer, place.domains)
                self._hosts.append(one)
                if as_json:
                    showing.as_line(one)
                bar.update(1)

            await survey.dial(plan.places, self._known, self._reach, seen)
        return plan.routes

    def keep(self) -> None:
        """Record what was seen; pin what the settings and announcements say is to be."""
        # what was seen now was seen after the command began
        now = max([self._call.now, *(one.sighting.at for one in self._hosts)])
        with self._call.writing() as tx:
            kept = keeping.probed(tx, self._hosts, self._judge, self._known)
            retiring.retire(tx, self._known, kept, now)
        self.notes += kept.lines()

    def findings(self, live: Live) -> list[Finding]:
        """What the rules say of it, the worst first."""
        from trustctl.facts.audit import AuditFacts
        from trustctl.policy.audit import audit_live

        peers = tuple(self._known.peers.values())
        facts = AuditFacts(self._call.now, self._known.settings, peers, live=live)
        return audit_live(facts)

    def notify(self, found: Sequence[Finding]) -> None:
        """Tell whom the settings name, unless they were told of just this lately."""
        from trustctl import notify
        from trustctl.facts.report import Report, digest, due
        from trustctl.inventory import notices

        wire = self._known.wire
        if not wire.notify_command and not wire.notify_mail:
            self.notes.append("note: nobody is told: trustctl set notify_mail ADDRESS")
            return
        report = Report(notify.this_host(), self._call.now, tuple(found))
        with self._call.reading() as tx:
            last = notices.last(tx.connection, self._name) or (None, None)
        if not due(report, last[0], last[1], self._call.now):
            return
        problems = notify.tell(report, command=wire.notify_command, mail=wire.notify_mail)
        self.notes += [f"note: nobody was told: {one}" for one in problems]
        if len(problems) < bool(wire.notify_command) + bool(wire.notify_mail):
            with self._call.writing() as write:
                notices.keep(write, self._name, digest(report))

    def rows(self, live: Live) -> Iterator[tuple[str, str, str, str]]:
        """A row for each address, in order of peer and host."""
        for one in sorted(live.hosts, key=lambda each: (each.peer, each.name)):
            place = one.sighting.endpoint
            yield one.peer, place.host, place.address or "-", _presents(one)


def _spelt(subject: str) -> str:
    """As the inventory spells it: a peer's name or a domain in any case, U-labels too."""
    from trustctl.errors import UsageError
    from trustctl.facts.names import parse_domain

    try:
        return parse_domain(subject)
    except UsageError:
        return subject.strip().lower()


def _where(subjects: Sequence[str]) -> Any:
    from trustctl.inventory import domains

    if not subjects:
        return None
    return domains.near(subjects, subjects)


def _refuse_unknown(subjects: Sequence[str], peers: dict[str, Peer]) -> None:
    domains = {one for peer in peers.values() for one in peer.domains}
    for one in subjects:
        if one not in peers and one not in domains:
            raise ConflictError(
                f"{one} is neither a peer nor a protected domain",
                "trustctl list shows both; trustctl fetch looks at any host",
            )


def _presents(one: LiveHost) -> str:
    if one.leaf is None or one.comparison is None:
        return one.sighting.outcome
    end = "" if one.leaf.not_after is None else f" to {format_date(one.leaf.not_after)}"
    return f"{one.comparison.standing} {short(one.leaf.fingerprint)[:9]}{end}"
