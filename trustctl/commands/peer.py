"""``trustctl list`` and ``show``: who is pinned, in what state, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from trustctl.facts.records import Peer, Pin, Settings


@click.command("list")
@click.option("--pending", is_flag=True, help="Only pins that nobody vouched for yet.")
@click.option("--expiring", metavar="TIME", help="Only pins that end within: 30d, or a date.")
@click.option("--domain", metavar="DOMAIN", help="Only the peer that owns this domain.")
@click.option("--voucher", metavar="PERSON", help="Only pins that this person vouches for.")
@click.option("--all", "everything", is_flag=True, help="Retired pins too.")
@click.option("--at", metavar="TIME", help="The state at another moment: 2027-01-01, or +60d.")
@click.option("--fingerprints", is_flag=True, help="Whole fingerprints, to be read aloud.")
@json_option
@click.pass_obj
def list_(
    call: Invocation,
    pending: bool,
    expiring: str | None,
    domain: str | None,
    voucher: str | None,
    everything: bool,
    at: str | None,
    fingerprints: bool,
    as_json: bool,
) -> None:
    """List the pins: peer, domains, state, expiry, fingerprint."""
    from trustctl import render
    from trustctl.facts.moment import parse_moment
    from trustctl.facts.names import parse_domain, voucher_key
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    now = call.now if at is None else parse_moment(at, call.now)
    until = None if expiring is None else parse_moment(expiring, now)
    where = None if domain is None else snapshot.owns(parse_domain(domain))
    who = None if voucher is None else voucher_key(voucher)
    with call.reading() as tx:
        settings = read_settings(tx.connection)
        peers = list(_peers(tx.connection, where))
    rows = []
    for peer in sorted(peers, key=lambda one: one.name):
        shown = [
            _Row(peer, pin, settings, now)
            for pin in peer.pins
            if everything or pin.retired_at is None
        ]
        if not shown and not (pending or expiring or voucher):
            shown = [_Row(peer, None, settings, now)]
        rows += [one for one in shown if one.passes(pending=pending, until=until, voucher=who)]
    if as_json:
        render.as_json([one.as_json() for one in rows])
    elif not rows:
        render.note("nothing to list" + (" with these filters" if peers or domain else ""))
    elif fingerprints:
        for one in rows:
            one.spell()
    else:
        render.table(
            ["PEER", "DOMAINS", "ROLE", "STATE", "EXPIRES", "FINGERPRINT"],
            [one.cells() for one in rows],
            flexible=1,
        )


def _peers(connection: Any, where: ColumnElement[bool] | None) -> Any:
    from trustctl.inventory.snapshot import read_peers

    return read_peers(connection, where=where)


class _Row:
    """One pin (or a peer without any) with what policy says of it."""

    def __init__(self, peer: Peer, pin: Pin | None, settings: Settings, now: int) -> None:
        from trustctl.policy.trust import judge, state

        self.peer, self.pin = peer, pin
        self.verdict = None if pin is None else judge(pin, settings, now)
        self.state = "no pin" if self.verdict is None else state(self.verdict)

    def passes(self, *, pending: bool, until: int | None, voucher: str | None) -> bool:
        from trustctl.facts.names import voucher_key

        if self.pin is None or self.verdict is None:
            return True
        if pending and self.state != "pending":
            return False
        end = self.pin.certificate.not_after
        if until is not None and (end is None or end > until):
            return False
        return voucher is None or voucher in {
            voucher_key(one.voucher) for one in self.verdict.vouches
        }

    def cells(self) -> list[str]:
        from trustctl import render
        from trustctl.facts.fingerprint import short
        from trustctl.facts.moment import format_date

        domains = " ".join(self.peer.domains) or "-"
        if self.pin is None:
            return [render.cut(self.peer.name, 16), domains, "-", self.state, "-", "-"]
        facts = self.pin.certificate
        end = "unreadable" if facts.not_after is None else format_date(facts.not_after)
        return [
            render.cut(self.peer.name, 16),
            domains,
            self.pin.role,
            self.state,
            end,
            short(facts.fingerprint)[:9],
        ]

    def spell(self) -> None:
        from trustctl import render
        from trustctl.facts.fingerprint import spoken

        render.line(f"{self.peer.name}  {' '.join(self.peer.domains) or '-'}  {self.state}")
        if self.pin is not None:
            for one in spoken(self.pin.certificate.fingerprint).splitlines():
                render.line(f"  {one}")

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "peer": self.peer.name,
            "domains": list(self.peer.domains),
            "state": self.state,
        }
        if self.pin is None or self.verdict is None:
            return found
        return {**found, **pin_json(self.pin), "reasons": _reasons(self.verdict)}


def _reasons(verdict: Any) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.text} for one in verdict.reasons]


def pin_json(pin: Pin) -> dict[str, Any]:
    """The documented keys of a pin (share/doc/json.md)."""
    from trustctl.facts.moment import format_moment

    def moment(value: int | None) -> str | None:
        return None if value is None else format_moment(value)

    facts = pin.certificate
    return {
        "pin": pin.id,
        "role": pin.role,
        "fingerprint": facts.fingerprint,
        "spki": facts.spki,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "not_before": moment(facts.not_before),
        "not_after": moment(facts.not_after),
        "is_ca": facts.is_ca,
        "key": facts.key_kind,
        "key_bits": facts.key_bits,
        "curve": facts.curve,
        "problems": list(facts.problems),
        "added_at": moment(pin.added_at),
        "added_by": pin.added_by,
        "retired_at": moment(pin.retired_at),
        "retired_reason": pin.retired_reason,
        "vouches": [
            {
                "vouch": one.id,
                "voucher": one.voucher,
                "channel": one.channel,
                "note": one.note,
                "at": moment(one.at),
                "expires_at": moment(one.expires_at),
                "withdrawn_at": moment(one.withdrawn_at),
                "withdrawn_by": one.withdrawn_by,
                "withdrawn_reason": one.withdrawn_reason,
            }
            for one in pin.vouches
        ],
        "distrusted": [
            {"kind": one.kind, "value": one.value, "reason": one.reason, "at": moment(one.at)}
            for one in pin.distrusts
        ],
    }


@click.command()
@click.argument("subject", metavar="PEER|DOMAIN|FINGERPRINT")
@json_option
@click.pass_obj
def show(call: Invocation, subject: str, as_json: bool) -> None:
    """Show a peer: its domains, its pins, who vouched for them, and why or why
    not each is trusted."""
    from trustctl import render
    from trustctl.facts.moment import format_moment
    from trustctl.inventory import pins, snapshot
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.trust import judge

    with call.reading() as tx:
        settings = read_settings(tx.connection)
        peers = list(snapshot.read_peers(tx.connection, where=snapshot.owns(subject.lower())))
        if not peers:
            by_name = list(snapshot.read_peers(tx.connection, where=snapshot.named(subject)))
            peers = by_name or list(
                snapshot.read_peers(
                    tx.connection,
                    ids=sorted(
                        {one.peer_id for one in pins.find(tx.connection, subject, active=False)}
                    ),
                )
            )
        presented = snapshot.chains(
            tx.connection, [pin.certificate.fingerprint for one in peers for pin in one.pins]
        )
    if as_json:
        render.as_json(
            [
                {
                    "peer": one.name,
                    "domains": list(one.domains),
                    "mx_hosts": list(one.mx_hosts),
                    "added_at": format_moment(one.added_at),
                    "pins": [
                        {
                            "state": _Row(one, pin, settings, call.now).state,
                            "reasons": _reasons(judge(pin, settings, call.now)),
                            "chain": list(presented.get(pin.certificate.fingerprint, ())),
                            **pin_json(pin),
                        }
                        for pin in one.pins
                    ],
                }
                for one in peers
            ]
        )
        return
    for index, peer in enumerate(peers):
        if index:
            render.line()
        render.fields(
            [
                ("peer", peer.name),
                ("domains", "\n".join(peer.domains) or "none"),
                ("MX hosts", "\n".join(peer.mx_hosts) or "none named"),
                ("added", format_moment(peer.added_at)),
            ]
        )
        for pin in peer.pins:
            render.line()
            _show_pin(_Row(peer, pin, settings, call.now), pin, presented)
        if not peer.pins:
            render.line("no pin: mail to its domains waits")


def _show_pin(row: _Row, pin: Pin, presented: dict[str, tuple[str, ...]]) -> None:
    from trustctl import render
    from trustctl.facts.fingerprint import short, spoken
    from trustctl.facts.moment import format_moment

    facts = pin.certificate
    ends = [
        None if one is None else format_moment(one) for one in (facts.not_before, facts.not_after)
    ]
    key = f"{facts.key_kind} {facts.curve or facts.key_bits or ''}".strip()
    pairs = [
        (f"pin {pin.id}", f"{pin.role}, {row.state}"),
        ("fingerprint", spoken(facts.fingerprint)),
        ("key (SPKI)", "unreadable" if facts.spki is None else spoken(facts.spki)),
        ("subject", render.cut(facts.subject or "unreadable or empty", 65)),
        ("issuer", render.cut(facts.issuer or "unreadable or empty", 65)),
        ("names", "\n".join(render.cut(one, 65) for one in facts.names[:20]) or "none"),
        ("valid", f"{ends[0] or 'unreadable'} to {ends[1] or 'unreadable'}"),
        ("key kind", key if facts.key_kind else "unreadable"),
        ("may sign", {True: "yes (a CA)", False: "no", None: "unreadable"}[facts.is_ca]),
        ("chain", "\n".join(short(one) for one in presented.get(facts.fingerprint, ())) or "none"),
        ("added", f"{format_moment(pin.added_at)} by {pin.added_by}"),
    ]
    pairs += [("unread", one) for one in facts.problems]
    if row.verdict is not None and not row.verdict.trusted:
        pairs.append(("not trusted", "\n".join(one.text for one in row.verdict.reasons)))
    for vouch in pin.vouches:
        ended = "" if vouch.expires_at is None else f", until {format_moment(vouch.expires_at)}"
        lines = [vouch.voucher, f"{format_moment(vouch.at)}, {vouch.channel}{ended}"]
        if vouch.note:
            lines.append(vouch.note)
        if vouch.withdrawn_at is not None:
            lines.append(
                f"withdrawn {format_moment(vouch.withdrawn_at)} by {vouch.withdrawn_by}: "
                f"{vouch.withdrawn_reason}"
            )
        pairs.append(("vouched", "\n".join(lines)))
    render.fields(pairs)
