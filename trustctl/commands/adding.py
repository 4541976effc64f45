"""What ``add`` and ``announce`` share: the certificates read, the pin made, the answer shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustctl.commands.invocation import typed
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.commands.row import Row
    from trustctl.facts.addition import Added, Addition, Evidence
    from trustctl.facts.records import Pin
    from trustctl.facts.wire import Announcement
    from trustctl.inventory.transaction import WriteTransaction


def read_evidence(files: tuple[str, ...]) -> list[Evidence]:
    """The certificates of the files, each once, the first one's first.

    Raises:
        InputError: a file cannot be read, or holds none. UsageError: standard input given twice.
    """
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate
    from trustctl.intake.pem import split_certificates
    from trustctl.intake.source import read_source

    if files.count("-") > 1:
        raise UsageError("- (standard input) can be read once", "give each file once")
    found: dict[str, Evidence] = {}
    for file in files:
        for der in split_certificates(read_source(file), file):
            facts = parse_certificate(der)
            found.setdefault(facts.fingerprint, Evidence(facts, der))
    return list(found.values())


def stored_row(tx: WriteTransaction, added: Added, now: int) -> Row:
    """The pin as it stands now, with what policy says of it."""
    from trustctl.commands.row import Row
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    tx.flush()
    settings = read_settings(tx.connection)
    (peer,) = snapshot.read_peers(tx.connection, where=snapshot.named(added.peer))
    return next(Row(peer, pin, settings, now) for pin in peer.pins if pin.id == added.pin_id)


def show_added(
    added: Added,
    addition: Addition,
    row: Row,
    *,
    as_json: bool,
    announced: tuple[Announcement, list[Pin]] | None = None,
) -> None:
    """Print what was added, and what a person should know of it.

    Args:
        announced: that it is the peer's next pin, and what it is to replace.
    """
    from trustctl import render
    from trustctl.facts.fingerprint import spoken

    facts = addition.certificate.facts
    if as_json:
        render.as_json(
            {
                "peer": added.peer,
                "fingerprint": added.fingerprint,
                "role": addition.role,
                "changed": added.changed,
                "new_peer": added.new_peer,
                "new_pin": added.new_pin,
                "new_domains": list(added.new_domains),
                "new_vouches": added.new_vouches,
                "state": row.state,
                "reasons": row.reasons(),
                "shared_with": list(added.shared_with),
                **({} if announced is None else _announcement_json(*announced)),
            }
        )
    else:
        what = "added" if added.new_pin else "already there"
        if not added.new_pin and added.changed:
            what = "updated"
        vouchers = ", ".join(one.voucher for one in addition.vouches)
        render.line(f"{what}: {added.peer}, role {addition.role}")
        domains = addition.domains if announced is None else row.peer.domains
        render.fields(
            [
                ("domains", " ".join(domains) or "none given"),
                ("fingerprint", spoken(added.fingerprint).splitlines()),
                ("vouched by", vouchers or "nobody in this call"),
                ("state", row.state),
                *([] if announced is None else announcement_fields(*announced)),
            ]
        )
    for problem in facts.problems:
        render.note(f"note: {problem}")
    for other in added.shared_with:
        render.note(f"note: the peer {other} has the same key pinned")
    if row.state == "pending":
        several = sum(one.retired_at is None for one in row.peer.pins) > 1
        which = [added.fingerprint[:16], "--peer", added.peer] if several else [added.peer]
        render.note(
            "note: pending, and never exported until somebody vouches for it:",
            f"      {typed('vouch', *which, '--fingerprint')}",
        )
    elif row.state == "trusted" and not addition.vouches:
        render.note("note: trusted by what people said of it before; trustctl show tells who")
    elif row.state != "trusted":
        for reason in row.reasons():
            render.note(f"note: not trusted: {reason['text']}")
    if not row.peer.domains:
        render.note("note: no --domain: it is in the bundle alone, no mail is protected by it")


def announcement_fields(said: Announcement, replaced: list[Pin]) -> list[tuple[str, list[str]]]:
    """What was announced of a next pin, for people."""
    from trustctl.facts.fingerprint import short
    from trustctl.facts.moment import format_date

    if said.auto_retire_days is None:
        retiring = "to be retired by hand, when the next one is seen live"
    else:
        retiring = f"retired {said.auto_retire_days} days after the next one alone is seen live"
    replaces = [short(one.certificate.fingerprint) for one in replaced]
    return [
        ("announced for", [format_date(said.begins_at)]),
        ("replaces", [*replaces, retiring]),
    ]


def _announcement_json(said: Announcement, replaced: list[Pin]) -> dict[str, object]:
    from trustctl.facts.moment import format_moment

    return {
        "begins_at": format_moment(said.begins_at),
        "auto_retire_days": said.auto_retire_days,
        "replaces": [one.certificate.fingerprint for one in replaced],
    }
