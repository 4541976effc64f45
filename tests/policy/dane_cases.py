"""For each audit rule about TLSA records, inventories in which it fires and does not."""

from __future__ import annotations

from tests.policy.cases import fires, quiet
from tests.policy.inventory import DAY, NOW, digest, inventory
from trustctl.facts.audit import AuditFacts
from trustctl.facts.dane import DaneHost, NextKey, Publication
from trustctl.facts.issuance import Issuance

MX = "mx.our.test"
KEY, NEXT, OTHER = digest("key"), digest("next key"), digest("other key")


def host(
    days: float, *published: str, coming: bool = True, ports: tuple[int, ...] = (25,)
) -> AuditFacts:
    """Our host, whose certificate ends in so many days, and the keys that are in DNS."""
    issued = NOW - 300 * DAY
    current = Issuance(
        1, digest("our CA's key"), "1", digest("tbs"), "mta", MX, (MX,), KEY, issued,
        NOW + int(days * DAY), issued, "root", digest("our certificate"),
    )  # fmt: skip
    return inventory(
        dane=(
            DaneHost(
                "main",
                current,
                None,
                NextKey(NEXT, "main", MX, NOW, "root") if coming else None,
                tuple(
                    Publication("main", MX, port, one, 3600, NOW - DAY)
                    for port in ports
                    for one in published
                ),
            ),
        )
    )


def two_ports() -> AuditFacts:
    """The key is published for one port, the next for both."""
    known = host(90, NEXT, ports=(25, 465))
    (one,) = known.dane
    more = (Publication("main", MX, 25, KEY, 3600, NOW),)
    return inventory(dane=(DaneHost("main", one.current, None, one.next, one.publications + more),))


UNSAID = "the key of its certificate was never said to be published"
ENDS = "its certificate ends on 2027-02-14, and "

FIRING = [
    fires("tlsa-current-unpublished", "another key is there", host(90, OTHER), (MX, UNSAID)),
    fires("tlsa-current-unpublished", "the next alone is there", host(90, NEXT), (MX, UNSAID)),
    fires("tlsa-current-unpublished", "not for every port", two_ports(), (MX, UNSAID)),
    fires("tlsa-next-missing", "none was made", host(30, KEY, coming=False),
          (MX, f"{ENDS}no next key was made")),
    fires("tlsa-next-missing", "not published", host(30, KEY),
          (MX, f"{ENDS}its next key is not published")),
]  # fmt: skip

QUIET = [
    quiet("tlsa-current-unpublished", "it is there", host(90, KEY)),
    quiet("tlsa-current-unpublished", "no host has records", host(90)),
    quiet("tlsa-next-missing", "both are there", host(30, KEY, NEXT)),
    quiet("tlsa-next-missing", "there is time", host(30.1, KEY, coming=False)),
    quiet("tlsa-next-missing", "no host has records", host(1, coming=False)),
]
