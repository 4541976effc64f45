"""For each audit rule about cross-certificates, inventories in which it fires and does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.policy.cases import FOO, fires, quiet
from tests.policy.inventory import DAY, NOW, digest, distrust, facts, inventory, peer, pin
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Cross, Pin, Revocation

CA = facts(is_ca=True, names=(), not_after=NOW + 900 * DAY)
OTHER = facts("other", is_ca=True, names=(), not_after=NOW + 900 * DAY)


def cross(**changes: Any) -> Cross:
    """What holds foo's CA to foo.test, for 90 days of which 60 are left."""
    made = Cross(
        digest("cross"), digest("root"), digest("root key"), NOW + 900 * DAY, ("foo.test",), (),
        NOW - 30 * DAY, NOW + 60 * DAY,
    )  # fmt: skip
    return replace(made, **changes)


def held(one: Cross | None = None, **changes: Any) -> Pin:
    """A pin of foo's CA that is held to names."""
    return pin(certificate=CA, role="authority", cross=one or cross(), **changes)


def foo(*pins: Pin, mx_hosts: tuple[str, ...] = (), **changes: Any) -> AuditFacts:
    """The peer foo with these pins."""
    return inventory(peer("foo", *pins, mx_hosts=mx_hosts), **changes)


REVOKED = Revocation(NOW - DAY, "superseded")
VOID = "the cross-certificate that holds it to names"

FIRING = [
    fires("cross-void", "ended", foo(held(cross(not_after=NOW - 1))),
          (FOO, f"{VOID} expired 2027-01-15T07:59:59Z")),
    fires("cross-void", "revoked", foo(held(cross(revocation=REVOKED))),
          (FOO, f"{VOID} was revoked 2027-01-14T08:00:00Z: superseded")),
    fires("cross-void", "distrusted", foo(held(cross(distrusts=(distrust(digest("cross")),)))),
          (FOO, f"{VOID} is distrusted: key stolen")),
    fires("cross-expires-in-7-days", "seven", foo(held(cross(not_after=NOW + 7 * DAY))),
          (FOO, "it ends on 2027-01-22")),
    fires("cross-expires", "a third of its life is left",
          foo(held(cross(not_after=NOW + 15 * DAY))), (FOO, "it ends on 2027-01-30")),
    fires("cross-names-differ", "a host outside of the domain",
          foo(held(), mx_hosts=("mx.isp.test",)), (FOO, "held to names without mx.isp.test")),
    fires("cross-names-differ", "a domain that is gone",
          foo(held(cross(permitted=("foo.test", "old.test")))),
          (FOO, "held to names with old.test")),
    fires("cross-missing", "another CA", foo(held(), pin(certificate=OTHER, role="authority")),
          (f"foo {short(OTHER.fingerprint)}", "it is not held to names")),
]  # fmt: skip
"""What each rule says, and of whom."""

QUIET = [
    quiet("cross-void", "its last second", foo(held(cross(not_after=NOW)))),
    quiet("cross-void", "the CA is distrusted itself",
          foo(held(cross(not_after=NOW - 1), distrusts=(distrust(CA.fingerprint),)))),
    quiet("cross-void", "a retired pin", foo(held(cross(not_after=NOW - 1), retired_at=NOW))),
    quiet("cross-expires-in-7-days", "eight", foo(held(cross(not_after=NOW + 7 * DAY + 1)))),
    quiet("cross-expires-in-7-days", "the CA ends then",
          foo(replace(held(cross(not_after=NOW + DAY)),
                      certificate=replace(CA, not_after=NOW + DAY)))),
    quiet("cross-expires", "more than a third is left",
          foo(held(cross(not_after=NOW + 15 * DAY + 2)))),
    quiet("cross-names-differ", "a host within, one that was asked for",
          foo(held(cross(permitted=("foo.test", "mx.isp.test"), added=("mx.isp.test",))),
              mx_hosts=("mx.foo.test",))),
    quiet("cross-missing", "none is held", foo(pin(certificate=CA, role="authority"))),
    quiet("cross-missing", "a host beside", foo(held(), pin())),
]  # fmt: skip
"""What each rule leaves alone."""
