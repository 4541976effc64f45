"""For each audit rule about Exims with OpenSSL, inventories in which it fires and does not."""

from __future__ import annotations

from typing import Any

from tests.policy.cases import FOO, fires, quiet
from tests.policy.cross_cases import held
from tests.policy.inventory import NOW, facts, inventory, peer, pending, pin, target
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.foresight import Chains, Link, Presented
from trustctl.facts.mta import EximProgram, MtaState
from trustctl.facts.records import Pin

LEAF = facts("leaf", self_signed=False, issuer="CN=Some CA")
INTER = facts("inter", self_signed=False, is_ca=True, subject="CN=Some CA", issuer="CN=Root")
CA = pin(certificate=facts("ca", is_ca=True, names=()), role="authority")
AGAIN = facts("again", subject=facts().subject)


def foo(
    *pins: Pin, tls: Any = "OpenSSL", above: tuple[int, ...] = (), **changes: Any
) -> AuditFacts:
    """The peer foo with these pins, an Exim built with this library, and what is known of the
    leaf's chain."""
    program = EximProgram("/usr/sbin/exim4", "4.96", tls)
    link = Link("CN=Some CA", NOW - 1, NOW + 1)
    presented = {LEAF.fingerprint: Presented(above, (link,) * len(above))}
    return inventory(
        peer("foo", *pins, **changes),
        targets=(target(mta=MtaState("/etc/exim4", True, program=program)),),
        chains=Chains(presented=presented),
    )


def named(made: Any) -> str:
    """How a finding names foo's pin of this certificate."""
    return f"foo {short(made.fingerprint)}"


UNKNOWN = "no certificate of its issuer is known"
FIRING = [
    fires("exim-no-path", "a host", foo(pin(certificate=LEAF)), (named(LEAF), UNKNOWN)),
    fires("exim-no-path", "an authority below another",
          foo(pin(certificate=INTER, role="authority")), (named(INTER), UNKNOWN)),
    fires("exim-same-name", "a rollover beside an authority",
          foo(CA, pin(), pin(certificate=AGAIN)), (named(AGAIN), f"named as {FOO}")),
]  # fmt: skip
"""What each rule says, and of whom."""

QUIET = [
    quiet("exim-no-path", "its issuer is known", foo(pin(certificate=LEAF), above=(0,))),
    quiet("exim-no-path", "its issuer is pinned beside it",
          foo(pin(certificate=LEAF),
              pin(certificate=facts("ca", subject="CN=Some CA", is_ca=True), role="authority"))),
    quiet("exim-no-path", "it signed itself", foo(pin())),
    quiet("exim-no-path", "a CA that is held to names", foo(held())),
    quiet("exim-no-path", "nobody vouched for it", foo(pending(certificate=LEAF))),
    quiet("exim-no-path", "no mail goes there", foo(pin(certificate=LEAF), domains=())),
    quiet("exim-no-path", "GnuTLS", foo(pin(certificate=LEAF), tls="GnuTLS")),
    quiet("exim-same-name", "without an authority", foo(pin(), pin(certificate=AGAIN))),
    quiet("exim-same-name", "other names", foo(CA, pin(), pin(certificate=facts("other")))),
    quiet("exim-same-name", "somebody else signed the other",
          foo(CA, pin(), pin(certificate=facts("x", subject=facts().subject, self_signed=False)))),
    quiet("exim-same-name", "GnuTLS", foo(CA, pin(), pin(certificate=AGAIN), tls="GnuTLS")),
]  # fmt: skip
"""What each rule leaves alone."""
