"""``fingerprints``: a sheet to print, compare and sign: 80 columns, a page for each peer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from trustctl.export.format import Format, Options
from trustctl.facts.fingerprint import spoken
from trustctl.facts.moment import format_moment
from trustctl.facts.records import PeerTrust, TrustedCertificate
from trustctl.facts.text import printable
from trustctl.facts.words import grid

_WIDTH = 80
_VOUCHER = 66
_RULE = "-" * _WIDTH


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """One text; a form feed begins a page."""
    pages = ["".join(f"{line}\n" for line in _page(trust)) for trust in trusts]
    return {"fingerprints.txt": "\f".join(pages).encode()}


def _page(trust: PeerTrust) -> Iterator[str]:
    yield from _folded("Peer     ", trust.peer)
    yield from _folded("Domains  ", ", ".join(trust.domains) or "none")
    yield _RULE
    if not trust.certificates:
        yield "No certificate of this peer is trusted: its mail waits."
    for number, one in enumerate(sorted(trust.certificates, key=lambda each: each.fingerprint)):
        if number:
            yield ""
        yield from _certificate(one)
    yield _RULE
    yield "I have compared these fingerprints with the peer's own."
    yield ""
    yield ""
    yield "Name ______________________________  Date ______________  Signature ____________"


def _folded(label: str, text: str) -> Iterator[str]:
    for line in wrap(text, _WIDTH - len(label), break_on_hyphens=False):
        yield label + line
        label = " " * len(label)


def _certificate(one: TrustedCertificate) -> Iterator[str]:
    what = "Authority" if one.role == "authority" else "Host's certificate"
    yield f"{what}, until {format_moment(one.not_after)}, SHA-256:"
    yield from (f"    {line}" for line in spoken(one.fingerprint).splitlines())
    yield from (f"    {line}" for line in grid(one.fingerprint))
    for each in one.vouchers:
        yield f"  vouched for by {printable(each, _VOUCHER - 2)}"


FORMAT = Format(
    name="fingerprints",
    help="A sheet of fingerprints to print and sign.",
    files=files,
    use="print {current}/fingerprints.txt",
    authorities="kept",
)
