"""For each audit rule about what is to come, inventories in which it fires and does not."""

from __future__ import annotations

from dataclasses import replace

from tests.policy.cases import ends, fires, one, quiet
from tests.policy.inventory import DAY, NOW, digest, facts, inventory, pin, vouch
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.foresight import Chains, Link, OwnHost, Presented, Step

MX = "mx.our.test"
FOO = short(facts().fingerprint)
LEAF = facts("leaf", self_signed=False)
ABOVE = Link(digest("above"), NOW - DAY, NOW + 400 * DAY)
CHAIN = f"{short(ABOVE.fingerprint)}, above its pin, ends"
BRIDGE = digest("root key"), digest("old key")


def chained(days: float, *, other: bool = False) -> AuditFacts:
    """A peer whose certificate is good, below a chain that ends in so many days."""
    link = replace(ABOVE, not_after=NOW + int(days * DAY))
    chains = Chains(presented={LEAF.fingerprint: Presented((0,), (link,))})
    return one(*([pin()] if other else []), pin(certificate=LEAF), chains=chains)


def step(name: str, key: str, signer: str, days: float, *, revoked: bool = False) -> Step:
    """A certificate of an authority of ours."""
    return Step(
        f"main/{name}", "main", digest(name), digest(key), digest(signer), NOW - DAY,
        NOW + int(days * DAY), revoked, retired=name == "root-1",
    )  # fmt: skip


def ours(issuing: float = 900, *, revoked: bool = False, old: float = 900) -> AuditFacts:
    """A host of ours below an issuing CA, and a root of before that ends in so many days."""
    chain = (
        step("issuing-1", "issuing", "root", issuing, revoked=revoked),
        step("bridge", "root", "old", old),
    )
    host = OwnHost(MX, "main", digest("host"), digest("issuing"), NOW + 300 * DAY, chain)
    roots = (step("root-1", "old", "old", old), step("root-2", "root", "root", 900))
    return inventory(chains=Chains(hosts=(host,), roots=roots))


FIRING = [
    fires("will-wait", "the certificate ends", one(ends(30 - 1 / DAY)),
          ("foo.test", f"its mail waits from 2027-02-14 on: the last pin, {FOO}, expires")),
    fires("will-wait", "the vouches end", one(pin("foo", vouch(expires_at=NOW + DAY))),
          ("foo.test", f"its mail waits from 2027-01-16 on: the vouches for {FOO} end")),
    fires("will-wait", "the chain ends", chained(3),
          ("foo.test", f"its mail waits from 2027-01-18 on: {CHAIN}")),
    fires("chain-ended", "a second ago", chained(-1 / DAY),
          ("foo.test", f"its mail waits: {CHAIN}")),
    fires("host-refused", "the issuing CA was revoked", ours(revoked=True),
          (MX, "refused: main/issuing-1, above it, was revoked")),
    fires("host-refused", "the issuing CA ended", ours(-1),
          (MX, "refused: main/issuing-1, above it, ends")),
    fires("host-will-be-refused", "the issuing CA ends", ours(10),
          (MX, "refused from 2027-01-25 on: main/issuing-1, above it, ends")),
    fires("host-will-be-refused", "the root before ends", ours(old=10),
          (MX, "refused from 2027-01-25 on: main/root-1 ends: who trusts it alone")),
]  # fmt: skip

QUIET = [
    quiet("will-wait", "a second later than 30 days", one(ends(30))),
    quiet("will-wait", "another pin takes over", one(ends(3), pin(certificate=facts("next")))),
    quiet("will-wait", "it waits already", one(ends(-1))),
    quiet("chain-ended", "another pin has no chain", chained(-1, other=True)),
    quiet("chain-ended", "it holds", chained(0)),
    quiet("host-refused", "its chain holds", ours(10)),
    quiet("host-will-be-refused", "its chain holds for long", ours()),
    quiet("host-will-be-refused", "it is refused already", ours(-1)),
]
