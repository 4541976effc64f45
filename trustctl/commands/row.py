"""One pin with what policy says of it: as a row, spelt out, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustctl import render
from trustctl.facts.fingerprint import short, spoken
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.names import voucher_key
from trustctl.facts.text import printable
from trustctl.facts.words import grid
from trustctl.policy.trust import judge, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.facts.records import Peer, Pin, Settings, Vouch

_NAME_COLUMNS = 16
_NAMES = 20
_LONGEST = 200


class Row:
    """One pin (or a peer without any) with what policy says of it at a moment."""

    def __init__(self, peer: Peer, pin: Pin | None, settings: Settings, now: int) -> None:
        self.peer, self.pin = peer, pin
        self.verdict = None if pin is None else judge(pin, settings, now)
        self.state = "no pin" if self.verdict is None else state(self.verdict)

    def passes(self, *, pending: bool, until: int | None, voucher: str | None) -> bool:
        """Whether the filters of ``trustctl list`` let it through."""
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
        """The cells of its row: peer, domains, role, state, expiry, fingerprint."""
        name = printable(self.peer.name, _NAME_COLUMNS)
        domains = " ".join(self.peer.domains) or "-"
        if self.pin is None:
            return [name, domains, "-", self.state, "-", "-"]
        facts = self.pin.certificate
        end = "unreadable" if facts.not_after is None else format_date(facts.not_after)
        return [name, domains, self.pin.role, self.state, end, short(facts.fingerprint)[:9]]

    def spell(self, *, words: bool = False) -> None:
        """Print it with its whole fingerprint, in digits or in words, to be read aloud."""
        render.line(f"{self.peer.name}  {' '.join(self.peer.domains) or '-'}  {self.state}")
        if self.pin is not None:
            value = self.pin.certificate.fingerprint
            for one in grid(value) if words else spoken(value).splitlines():
                render.line(f"  {one}")

    def as_json(self) -> dict[str, Any]:
        """The documented keys of a row (share/doc/json.md)."""
        found: dict[str, Any] = {
            "peer": self.peer.name,
            "domains": list(self.peer.domains),
            "state": self.state,
            "inbound": self.peer.inbound.mode,
        }
        if self.pin is None or self.verdict is None:
            return found
        return {**found, "reasons": self.reasons(), **pin_json(self.pin)}

    def reasons(self) -> list[dict[str, str]]:
        """Why it is not trusted, as JSON; empty where it is."""
        if self.verdict is None:
            return []
        return [{"code": one.code, "text": one.text} for one in self.verdict.reasons]

    def show(
        self,
        chains: dict[str, tuple[str, ...]],
        beside: Sequence[tuple[str, Sequence[str]]] = (),
        *,
        words: bool = False,
    ) -> None:
        """Print all that is known of the pin.

        Args:
            chains: what was presented with a certificate. beside: what else is to be said of it.
        """
        if self.pin is None or self.verdict is None:
            return
        facts = self.pin.certificate
        ends = [
            "unreadable" if one is None else format_moment(one)
            for one in (facts.not_before, facts.not_after)
        ]
        key = f"{facts.key_kind} {facts.curve or facts.key_bits or ''}".strip()
        names = [printable(one, _LONGEST) for one in facts.names[:_NAMES]]
        if len(facts.names) > _NAMES:
            names.append(f"... and {len(facts.names) - _NAMES} more")
        chain = [short(one) for one in chains.get(facts.fingerprint, ())]
        pairs: list[tuple[str, str | Sequence[str]]] = [
            (f"pin {self.pin.id}", f"{self.pin.role}, {self.state}"),
            ("fingerprint", spoken(facts.fingerprint).splitlines()),
            *([("in words", grid(facts.fingerprint))] if words else []),
            ("key (SPKI)", spoken(facts.spki).splitlines() if facts.spki else "unreadable"),
            ("subject", printable(facts.subject or "unreadable or empty", _LONGEST)),
            ("issuer", printable(facts.issuer or "unreadable or empty", _LONGEST)),
            ("names", names or "none"),
            ("valid", f"{ends[0]} to {ends[1]}"),
            ("key kind", key if facts.key_kind else "unreadable"),
            ("may sign", {True: "yes (a CA)", False: "no", None: "unreadable"}[facts.is_ca]),
            ("chain", chain or "none"),
            ("added", f"{format_moment(self.pin.added_at)} by {self.pin.added_by}"),
        ]
        if self.pin.cross is not None:
            until = f"to {format_moment(self.pin.cross.not_after)}"
            held = self.pin.cross.permitted
            more = [f"... and {len(held) - _NAMES} more"] if len(held) > _NAMES else []
            pairs.append(("held to", [*held[:_NAMES], *more, until]))
        pairs += [("unread", one) for one in facts.problems]
        if not self.verdict.trusted:
            pairs.append(("not trusted", [one.text for one in self.verdict.reasons]))
        pairs += [("vouched", _statement(one)) for one in self.pin.vouches]
        if (renewal := self.pin.renewal) is not None:
            when = f"by its key, {format_moment(renewal.at)}: whoever vouches for that one counts"
            pairs.append(("renews", [short(renewal.predecessor), when]))
        pairs += beside
        render.fields(pairs)


def _statement(vouch: Vouch) -> list[str]:
    until = "" if vouch.expires_at is None else f", until {format_moment(vouch.expires_at)}"
    lines = [vouch.voucher, f"{format_moment(vouch.at)}, {vouch.channel}{until}"]
    if vouch.note:
        lines.append(vouch.note)
    if vouch.withdrawn_at is not None:
        lines.append(
            f"withdrawn {format_moment(vouch.withdrawn_at)} by {vouch.withdrawn_by}: "
            f"{vouch.withdrawn_reason}"
        )
    return lines


def pin_json(pin: Pin) -> dict[str, Any]:
    """The documented keys of a pin (share/doc/json.md)."""

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
        "held_to": None if pin.cross is None else list(pin.cross.permitted),
        "held_by": None if pin.cross is None else pin.cross.fingerprint,
        "held_until": None if pin.cross is None else moment(pin.cross.not_after),
        "renews": None if pin.renewal is None else pin.renewal.predecessor,
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
