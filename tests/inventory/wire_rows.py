"""A row in every table of what is seen on the wire."""

from __future__ import annotations

from tests.certs import DAY, authority, issue, self_signed
from tests.inventory.store import LONG, NOW, Store, addition, evidence, strong
from tests.sightings import ABSENT, MATCHES, seen
from trustctl.inventory import announcements, notices, observations, renewals, settings
from trustctl.inventory.additions import Additions


def add_wire(store: Store) -> None:
    """A peer whose host presented its certificate, another with a chain, and nothing; what is said
    of that; a next pin; and a renewal with the same key."""
    old = strong("mx.qux.test")
    next_one = strong("mx.qux.test")
    renewed = self_signed("mx.qux.test", days=LONG, not_before=NOW - DAY, key=old.key)
    root = authority("Qux root", days=LONG, not_before=NOW - DAY)
    other = issue(root, "mx.qux.test", days=LONG, not_before=NOW - DAY)
    store.add(addition("qux", old, "qux.test"))
    with store.writing() as tx:
        pin = Additions(tx).add(addition("qux", next_one)).pin_id
        (replaced,) = store.peers()["qux"].pins
        announcements.announce(tx, pin, [replaced.id], NOW + DAY, 14)
        renewals.accept(tx, "qux", evidence(renewed), old.fingerprint)
        found = observations.record(
            tx,
            [
                seen(old, "mx.qux.test", at=NOW, peer="qux", domain="qux.test"),
                seen(other, "mx.qux.test", at=NOW, peer="qux", domain="qux.test", chain=(root,)),
                seen(None, "mx.qux.test", at=NOW, peer="qux"),
            ],
        )
        observations.testify(tx, found.ids[0], [ABSENT])
        observations.testify(tx, found.ids[0], [MATCHES])
        settings.change(tx, "dial_allow", "192.0.2.0/24")
        notices.keep(tx, "probe --all", "ab" * 32)
