"""That the end of a presented chain, which foresight names, is the end of mail for a real Exim."""

from __future__ import annotations

import time

import pytest

from tests import certs
from tests.certs import DAY
from tests.lab.lab import Lab
from tests.lab.senders import peer, trusted
from trustctl.facts.certificate import parse_certificate
from trustctl.policy.chain import arrange, holds

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-certificates")]


@pytest.mark.parametrize("days", [-1, 9], ids=["ended", "good"])
def test_a_pinned_certificate_below_what_has_ended(lab: Lab, days: int) -> None:
    """It is pinned and good by itself: its mail waits all the same, from the day on which the
    certificate above it ends."""
    now = int(time.time())
    root = certs.authority("Root")
    inter = certs.issue(root, (), ca=True, days=9 + days, subject="I", not_before=now - 9 * DAY)
    leaf = certs.issue(inter, "mx.foo.test")
    mx = lab.mx(f"above-{days}", leaf, inter, key=leaf)
    lab.us.trust(peer("foo.test", trusted(leaf, issuers=(inter, root))))
    lab.route("foo.test", mx)
    sent = lab.us.send("bob@foo.test")
    above = [parse_certificate(one.der) for one in (inter, root)]
    chain = arrange(parse_certificate(leaf.der), above, (), lambda _one, _issuer: True)
    assert holds(chain, now) == (days > 0)
    # OpenSSL does not look at the dates of what is marked as the end of a path; the pin binds
    assert sent.waits == (days < 0 and not lab.openssl)
    assert bool(mx.taken()) == (days > 0 or lab.openssl)
