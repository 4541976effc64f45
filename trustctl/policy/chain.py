"""Whether a chain leads to its top at a moment: a question about names, signatures and time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.foresight import Link, OwnHost, Presented, Step

Signed = Callable[[CertificateFacts, CertificateFacts], bool]
"""Whether the second one's key made the first one's signature."""


def arrange(
    leaf: CertificateFacts,
    issuers: Sequence[CertificateFacts],
    refused: Collection[str],
    signed: Signed,
) -> Presented:
    """The chain above ``leaf``, each certificate with those that signed it (RFC 5280, 6.1).

    Several can have signed one: a CA that was certified twice.

    Args:
        issuers: what was presented, in any order, with whatever else. refused: fingerprints that
            are distrusted.
    """
    by_subject: dict[str, list[int]] = {}
    for index, one in enumerate(issuers):
        if one.subject is not None and one.is_ca is not False and one != leaf:
            by_subject.setdefault(one.subject, []).append(index)

    def above(one: CertificateFacts) -> tuple[int, ...]:
        if one.self_signed:
            return ()
        named = by_subject.get(one.issuer or "", ())
        return tuple([at for at in named if issuers[at] != one and signed(one, issuers[at])])

    links = [
        Link(one.fingerprint, one.not_before, one.not_after, above(one), one.fingerprint in refused)
        for one in issuers
    ]
    return Presented(above(leaf), tuple(links))


def leads_to(chain: Presented, goal: int) -> bool:
    """Whether any path leads from the certificate to the link ``goal``, at any time."""
    todo, seen = list(chain.above), set()
    while todo:
        at = todo.pop()
        if at == goal:
            return True
        if at not in seen:
            seen.add(at)
            todo += chain.links[at].above
    return False


def follows(chain: Presented, goals: Collection[int], now: int) -> bool:
    """Whether the one path that GnuTLS takes leads to one of the links ``goals``, and holds at
    ``now``: to a goal where one signed, else through the first that did, as they were presented."""
    above, seen = chain.above, set()
    while above:
        found = [at for at in above if at in goals]
        if found:
            return any(_valid(chain.links[at], now) for at in found)
        if above[0] in seen or not _valid(chain.links[above[0]], now):
            return False
        seen.add(above[0])
        above = chain.links[above[0]].above
    return False


def holds(chain: Presented, now: int) -> bool:
    """Whether a path leads from the certificate to the top of its chain through what is valid at
    ``now``; True where no path is known at all."""
    todo, seen = list(chain.above), set()
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        link = chain.links[at]
        if _valid(link, now):
            if not link.above:
                return True
            todo += link.above
    return not chain.above


def _valid(link: Link, now: int) -> bool:
    if link.refused or link.not_before is None or link.not_after is None:
        return False
    return link.not_before <= now <= link.not_after


def moments(chain: Presented) -> Iterator[int]:
    """When the answer of :func:`holds` may change."""
    for link in chain.links:
        if link.not_before is not None and link.not_after is not None:
            yield link.not_before
            yield link.not_after + 1


def broken(chain: Presented, now: int) -> Link | None:
    """The link that ended last of those that do not hold at ``now``; None where all of them do."""
    ended = [one for one in chain.links if not _valid(one, now)]
    past = [one for one in ended if one.not_after is not None and one.not_after < now]
    return max(past, key=_end, default=ended[0] if ended else None)


def _end(link: Link) -> int:
    return link.not_after or 0


def reaches(host: OwnHost, root: Step, now: int) -> bool:
    """Whether what a host of ours presents leads to a root at ``now`` (its own certificate's end
    apart)."""
    if not _stands(root, now):
        return False
    todo, seen = [host.issuer], set()
    while todo:
        key = todo.pop()
        if key == root.key:
            return True
        seen.add(key)
        todo += [
            one.signer
            for one in host.chain
            if one.key == key and one.signer not in seen and _stands(one, now)
        ]
    return False


def _stands(one: Step, now: int) -> bool:
    return not one.revoked and one.not_before <= now <= one.not_after
