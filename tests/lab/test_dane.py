"""TLSA records of our own hosts: what a sender that goes by DANE alone makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authority import OwnCa
from tests.authority import made as read_made
from tests.certs import Made
from tests.console import Console
from tests.lab.lab import Lab
from tests.lab.senders import ROUTER, Naive

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-dane")]
DOMAIN, HOST = "foo.test", "mx.foo.test"
_ROUTER = ROUTER.replace("no_more", "dnssec_request_domains = *\n  no_more")
_DANE = """
naive_smtp:
  driver = smtp
  hosts_require_tls = *
  hosts_require_dane = *
  dnssec_request_domains = *
"""


@pytest.fixture
def own(console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnCa:
    """The CA of the host that receives: no sender knows it."""
    own = OwnCa(console, monkeypatch)
    own.init("--permit", DOMAIN)
    own.issue(HOST)
    return own


@pytest.fixture
def sender(lab: Lab) -> Naive:
    """A host that delivers by DANE or not at all."""
    return lab.sender("dane", lambda: Naive(lab.network, "dane", _DANE, _ROUTER))


def _records(own: OwnCa) -> dict[str, list[str]]:
    """What ``ca tlsa`` says, as the name server takes it: by owner, in hex."""
    found: dict[str, list[str]] = {}
    for line in own("tlsa").out.splitlines():
        owner, _ttl, _in, kind, usage, selector, matching, data, *_comment = line.split()
        assert kind == "TLSA"
        value = bytes([int(usage), int(selector), int(matching)]).hex() + data
        found.setdefault(owner.removesuffix("."), []).append(value)
    return found


def _say(lab: Lab, address: str, records: dict[str, list[str]]) -> None:
    lab.network.dns(
        {
            DOMAIN: {"MX": [f"10 {HOST}"]},
            HOST: {"A": [address]},
            **{owner: {"TLSA": values} for owner, values in records.items()},
        }
    )


def _host(own: OwnCa) -> tuple[Made, list[bytes]]:
    return read_made(Path(own.console.folder / "issued" / f"{HOST}.crt"))


def test_a_renewal_with_a_published_next_key_loses_no_mail(
    lab: Lab, own: OwnCa, sender: Naive
) -> None:
    """The records name both keys: mail goes through before and after. Without the next key's record
    it waits from the renewal on."""
    issued = str(own.console.folder / "issued")
    leaf, chain = _host(own)
    before = lab.mx("dane-before", leaf, *chain)
    alone = _records(own)
    own("next-key", HOST, "--out", issued)
    both = _records(own)
    assert [len(one) for one in (*alone.values(), *both.values())] == [1, 2]
    for records in (alone, both):
        _say(lab, before.address, records)
        assert sender.send("bob@foo.test").one.cv == "dane"
    own("renew", HOST, "--out", issued)
    leaf, chain = _host(own)
    after = lab.mx("dane-after", leaf, *chain)
    _say(lab, after.address, alone)
    assert sender.send("bob@foo.test").waits
    assert after.taken() == []
    for records in (both, _records(own)):
        _say(lab, after.address, records)
        assert sender.send("bob@foo.test").one.cv == "dane"


def test_a_stranger_s_certificate_for_the_host_is_not_taken(
    lab: Lab, own: OwnCa, sender: Naive
) -> None:
    """Nor is a host that no record is about, whoever issued its certificate."""
    records = _records(own)
    _say(lab, lab.stranger.address, records)
    assert sender.send("bob@foo.test").waits
    leaf, chain = _host(own)
    unnamed = lab.mx("dane-unnamed", leaf, *chain)
    _say(lab, unnamed.address, {})
    assert not sender.send("bob@foo.test").delivered
    assert unnamed.taken() == []
    _say(lab, unnamed.address, records)
    assert sender.send("bob@foo.test").one.ip == unnamed.address
