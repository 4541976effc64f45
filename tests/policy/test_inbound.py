"""Why nobody could send as a peer's domains, though its own server ought to."""

from __future__ import annotations

from dataclasses import replace

from tests.policy.inventory import NOW, facts, peer, pin
from trustctl.facts.records import Inbound
from trustctl.policy.inbound import obstacle

_ASKED = Inbound("require")
_AUTHORITY = pin("foo", role="authority", certificate=facts("foo", is_ca=True))


def test_a_host_s_pin_is_enough() -> None:
    """Also beside an authority's; and nothing is in the way of what is not asked."""
    assert obstacle(peer("foo", inbound=_ASKED)) is None
    assert obstacle(peer("foo", pin("foo"), _AUTHORITY, inbound=_ASKED)) is None
    assert obstacle(peer("foo", _AUTHORITY)) is None


def test_what_is_in_the_way_is_named() -> None:
    """An authority alone, a pin that was retired, no domain."""
    assert "CA alone is pinned" in str(obstacle(peer("foo", _AUTHORITY, inbound=_ASKED)))
    retired = replace(pin("foo"), retired_at=NOW, retired_reason="over")
    assert "it has no pin" in str(obstacle(peer("foo", retired, inbound=_ASKED)))
    assert "has no domain" in str(obstacle(peer("foo", domains=(), inbound=_ASKED)))
