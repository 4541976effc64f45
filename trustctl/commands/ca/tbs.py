"""What is about to be signed, or was: as people on both machines read it to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.facts.issuance import Authority, Draft


def shown(
    draft: Draft, root: Authority, remarks: Sequence[str]
) -> list[tuple[str, str | Sequence[str]]]:
    """What is to be signed, whatever it is for: the fields to be shown."""
    from trustctl.ca import pkilint
    from trustctl.ca.lint import count
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.moment import format_moment

    rules = f"{count()} rules" + (" and pkilint's" if pkilint.available() else "")
    template = draft.template
    start, end = format_moment(template.not_before), format_moment(template.not_after)
    return [
        ("valid", f"{start} to {end}"),
        ("serial", f"{template.serial:X}"),
        ("issuer", f"{root.name} ({root.subject})"),
        ("lint", [f"{rules}, no error", *remarks]),
        ("TBS SHA-256", spoken(draft.tbs_sha256).splitlines()),
    ]


def show_signed(der: bytes, serial: str) -> None:
    """The hash of what was signed, for both sides to compare."""
    import hashlib

    from trustctl import render
    from trustctl.facts.der import signed_parts
    from trustctl.facts.fingerprint import spoken

    tbs = hashlib.sha256(signed_parts(der)[0]).hexdigest()
    render.fields([("serial", serial.upper()), ("TBS SHA-256", spoken(tbs).splitlines())])


def held_to(permitted: tuple[str, ...] | None) -> str | Sequence[str]:
    """What a CA may sign for, for people."""
    return "nothing: it could sign for every domain" if permitted is None else permitted
