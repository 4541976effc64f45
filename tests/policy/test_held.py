"""Tests of trustctl.policy.held, and of what trust makes of a CA that is held to names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.policy.cross_cases import REVOKED, cross, held
from tests.policy.inventory import DAY, NOW, ONE, digest, distrust, peer
from trustctl.policy.held import again, is_late, wanted
from trustctl.policy.trust import judge, state


def test_the_names_are_the_peer_s_domains_and_its_hosts_elsewhere() -> None:
    """And what was asked for; whatever is within another one goes without saying."""
    one = peer("foo", domains=("foo.test", "a.foo.test", "xn--fo-5ka.test"),
               mx_hosts=("mx.foo.test", "mx.isp.test"))  # fmt: skip
    assert wanted(one, ("mail.mx.isp.test", "relay.test")) == (
        "foo.test", "mx.isp.test", "relay.test", "xn--fo-5ka.test",
    )  # fmt: skip
    assert wanted(peer("foo", domains=("foo.test", "xfoo.test")), ()) == ("foo.test", "xfoo.test")
    assert wanted(peer("foo", domains=()), ()) == ()


def test_what_to_type_says_where_the_root_is() -> None:
    """Where its key is elsewhere, a file is asked for."""
    assert again(peer("foo")) == "trustctl ca cross foo"
    assert again(peer("foo", held())) == "trustctl ca cross foo"
    assert again(peer("foo", held(cross(elsewhere=True)))) == (
        "trustctl ca cross foo --request foo.json"
    )


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, None, "trusted"),
        ({"not_after": NOW}, None, "trusted"),
        ({"not_after": NOW - 1}, "cross-expired", "expired"),
        ({"not_before": NOW}, None, "trusted"),
        ({"not_before": NOW + 1}, "cross-not-yet-valid", "future"),
        ({"revocation": REVOKED}, "cross-revoked", "revoked"),
        ({"distrusts": (distrust(digest("root")),)}, "cross-distrusted", "distrusted"),
    ],
)
def test_a_ca_is_trusted_as_it_is_held_or_not_at_all(
    changes: dict[str, Any], code: str | None, word: str
) -> None:
    """Where what holds it is not in force, the CA is not let off: it is not trusted."""
    one = held(cross(**changes))
    verdict = judge(one, ONE, NOW)
    assert [reason.code for reason in verdict.reasons] == ([] if code is None else [code])
    assert state(verdict) == word
    assert judge(replace(one, cross=None), ONE, NOW).trusted, "the CA itself is good"


def test_the_next_one_is_made_in_good_time() -> None:
    """From a third of its life before its end on."""
    one = cross(not_before=NOW - 20 * DAY, not_after=NOW + 10 * DAY)
    assert is_late(one, NOW)
    assert not is_late(one, NOW - 1)
