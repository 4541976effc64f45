"""For each audit rule about who may send as a peer, facts in which it fires and does not."""

from __future__ import annotations

from typing import Any

from tests.policy.cases import fires, quiet
from tests.policy.inventory import (
    digest,
    facts,
    inventory,
    peer,
    pending,
    pin,
    state,
    target,
)
from trustctl.facts.audit import AuditFacts
from trustctl.facts.records import Inbound, Pin

REQUIRE, OFFER = Inbound("require"), Inbound("offer")
RELAYS = Inbound("offer", relay=True)
NONE, ALONE = (
    "no pin is trusted",
    "the peer's CA alone is trusted, and a server knows a client by its own",
)
AUTHORITY = pin("foo", role="authority", certificate=facts("foo", is_ca=True))
_MAP = {"inbound/senders.cdb": digest("map"), "crl/main.pem": digest("crl")}


def asked(inbound: Inbound, *pins: Pin, **changes: Any) -> AuditFacts:
    """The peer foo, asked this, with these pins (one good one unless given)."""
    return inventory(peer("foo", *pins, inbound=inbound, **changes))


def allowed(*networks: str) -> AuditFacts:
    """The peer foo, with others who may send as it from there."""
    return asked(Inbound("require", networks=networks))


def lies(there: dict[str, str], ought: dict[str, str]) -> AuditFacts:
    """A target with this beside its map, and what ought to be there."""
    entries = dict(target().entries)
    found = target(state=state(entries=entries, more=there), more=ought)
    return inventory(peer(), targets=(found,))


FIRING = [
    fires("inbound-without-pin", "pending", asked(REQUIRE, pending()), ("foo", NONE)),
    fires("inbound-without-pin", "a CA alone", asked(REQUIRE, AUTHORITY), ("foo", ALONE)),
    fires("inbound-never-verified", "pending", asked(OFFER, pending()), ("foo", NONE)),
    fires("inbound-never-verified", "a CA alone", asked(OFFER, AUTHORITY), ("foo", ALONE)),
    fires("relay-without-pin", "pending", asked(RELAYS, pending()), ("foo", NONE)),
    fires("relay-without-pin", "required", asked(Inbound("require", relay=True), AUTHORITY),
          ("foo", ALONE)),
    fires("inbound-network-wide", "everybody", allowed("0.0.0.0/0", "::/0"),
          ("foo", "anybody may in 0.0.0.0/0"), ("foo", "anybody may in ::/0")),
    fires("inbound-network-wide", "just too wide", allowed("10.0.0.0/15", "2001:d80::/31"),
          ("foo", "anybody may in 10.0.0.0/15"), ("foo", "anybody may in 2001:d80::/31")),
    fires("inbound-not-exported", "another map",
          lies(_MAP, {**_MAP, "inbound/senders.cdb": digest("other")}),
          ("/etc/exim4", "not the newest")),
    fires("inbound-not-exported", "none yet", lies({}, {"inbound/senders.cdb": digest("map")}),
          ("/etc/exim4", "not the newest")),
]  # fmt: skip
"""What each rule finds."""

QUIET = [
    quiet("inbound-without-pin", "a host's pin", asked(REQUIRE)),
    quiet("inbound-without-pin", "off", asked(Inbound(), pending())),
    quiet("inbound-without-pin", "offered", asked(OFFER, pending())),
    quiet("inbound-without-pin", "no domain", asked(REQUIRE, pending(), domains=())),
    quiet("inbound-never-verified", "a host's pin", asked(OFFER)),
    quiet("inbound-never-verified", "required", asked(REQUIRE, pending())),
    quiet("relay-without-pin", "a host's pin", asked(RELAYS)),
    quiet("relay-without-pin", "no relay", asked(OFFER, pending())),
    quiet("inbound-network-wide", "just not", allowed("10.0.0.0/16", "2001:db8::/32")),
    quiet("inbound-network-wide", "none", asked(REQUIRE)),
    quiet("inbound-not-exported", "the same", lies(_MAP, _MAP)),
    quiet("inbound-not-exported", "another CRL", lies(_MAP, {**_MAP, "crl/main.pem": "x"})),
]  # fmt: skip
"""What each rule leaves alone."""
