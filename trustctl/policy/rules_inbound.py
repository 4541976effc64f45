"""Audit rules about who may send as a peer's domains."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.records import Peer
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import judge

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_SOURCE = "share/doc/receiving.md"
_WIDE = {4: 16, 6: 32}
"""The shortest prefix that is no whole provider's."""


def _unverifiable(facts: AuditFacts, mode: str) -> Iterator[tuple[Peer, str, str]]:
    """Peers of whom no certificate that a client could present is trusted, why, and what to do."""
    for peer in facts.peers:
        if peer.inbound.mode != mode or not peer.domains:
            continue
        trusted = [pin for pin in peer.pins if judge(pin, facts.settings, facts.now).trusted]
        if any(pin.role == "host" for pin in trusted):
            continue
        what = "no pin is trusted"
        if trusted:
            what = "the peer's CA alone is trusted, and a server knows a client by its own"
        fix = f"trustctl add SENDING-HOST.pem --peer {peer.name} --fingerprint"
        yield peer, what, fix


@rule(
    "inbound-without-pin",
    _ERROR,
    "Who sends as a peer's domain has to present its certificate, and none is trusted that a host "
    "could present",
    why="all mail as that domain is put off or refused, the peer's own too",
    source=_SOURCE,
)
def _closed(facts: AuditFacts) -> Seen:
    for peer, what, fix in _unverifiable(facts, "require"):
        yield peer.name, what, fix


@rule(
    "inbound-never-verified",
    _NOTICE,
    "Who sends as a peer's domain may present its certificate, and none is trusted that a host "
    "could present",
    why="nothing is marked as the peer's",
    source=_SOURCE,
)
def _never(facts: AuditFacts) -> Seen:
    for peer, what, fix in _unverifiable(facts, "offer"):
        yield peer.name, what, fix


@rule(
    "relay-without-pin",
    _WARNING,
    "A peer's server may send through ours, and no certificate of it is trusted",
    why="it cannot: its mail to others is refused",
    source=_SOURCE,
)
def _relay(facts: AuditFacts) -> Seen:
    for mode in ("require", "offer"):
        for peer, what, fix in _unverifiable(facts, mode):
            if peer.inbound.relay:
                yield peer.name, what, fix


@rule(
    "inbound-network-wide",
    _WARNING,
    "Others may send as a peer's domain from a network wider than any list's or forwarder's",
    why="whoever rents a host in it passes for the peer",
    source=_SOURCE,
)
def _wide(facts: AuditFacts) -> Seen:
    for peer in facts.peers:
        for one in peer.inbound.networks:
            if int(one.partition("/")[2]) < _WIDE[6 if ":" in one else 4]:
                yield (
                    peer.name,
                    f"anybody may in {one}",
                    f"trustctl set {peer.name} --allow-from CIDR",
                )


@rule(
    "inbound-not-exported",
    _ERROR,
    "What a target says of who may send as which domain is not what the inventory says",
    why="somebody is refused who may, or may who is to be refused",
    source=_SOURCE,
)
def _behind(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        there, ought = (
            {name: digest for name, digest in more.items() if name.startswith("inbound/")}
            for more in (target.state.more, target.more)
        )
        if target.state.current is not None and there != ought:
            path = target.state.path
            yield path, "not the newest", f"trustctl export --to {quote(path)} --reload"
