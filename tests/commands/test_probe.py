"""``trustctl probe`` and ``audit --live``: do hosts still present what is pinned?"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from tests import certs
from tests.commands.town import Town, town
from tests.console import ANN, Console, Ran


@pytest.fixture
def here(console: Console) -> Iterator[Town]:
    """A town with a user."""
    with town(console) as made:
        yield made


def found(ran: Ran) -> dict[str, str]:
    """The rules that fired, and about whom."""
    lines = [json.loads(one) for one in ran.out.splitlines()]
    return {one["finding"]["rule"]: one["finding"]["subject"] for one in lines if "finding" in one}


def seen(ran: Ran) -> list[dict[str, Any]]:
    """The lines about hosts."""
    lines = [json.loads(one) for one in ran.out.splitlines()]
    return [one for one in lines if "finding" not in one]


def test_all_is_well(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """Every host presents what is pinned: exit 0, a line, and it is kept."""
    here.host("mx1.foo.test", foo, "foo.test")
    here.host("mx2.foo.test", bar, "foo.test")
    here.console.pin(foo, "foo")
    here.console.pin(bar, "foo")
    ran = here.probe("foo.test")
    assert "all is well: 2 of 2 addresses present what is pinned" in ran.out
    assert all(len(one) <= 80 for one in ran.out.splitlines())
    assert here.probe("--all", "--quiet").out == ""
    assert [one["standing"] for one in seen(here.probe("foo", "--json"))] == ["pinned"] * 2
    history = here.console("history", "foo").out
    assert "mx1.foo.test" in history
    assert "mx2.foo.test" in history


def test_each_thing_that_is_wrong_is_found(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """Unreachable, no STARTTLS, another certificate, ending soon, an old TLS: one host each."""
    soon = certs.self_signed("mx4.foo.test", days=5)
    here.host("mx1.foo.test", None, "foo.test")
    here.host("mx2.foo.test", foo, "foo.test").offers = False
    here.host("mx3.foo.test", bar, "foo.test")
    here.host("mx4.foo.test", soon, "foo.test")
    here.host("mx5.foo.test", foo, "foo.test").newest = ssl.TLSVersion.TLSv1_1
    here.host("mx6.foo.test", foo, "foo.test")  # the negative control
    here.console.pin(foo, "foo")
    here.console.pin(soon, "foo")
    ran = here.probe("foo", "--json", code=1)
    rules = found(ran)
    assert {rule: subject.split()[1] for rule, subject in rules.items() if " " in subject} == {
        "live-unreachable": "mx1.foo.test",
        "live-no-starttls": "mx2.foo.test",
        "live-other-certificate": "mx3.foo.test",
        "live-expiring": "mx4.foo.test",
        "live-old-tls": "mx5.foo.test",
    }
    assert rules["live-hosts-differ"] == "foo.test"
    assert "live-none-reachable" not in rules
    quiet = here.probe("foo", "--quiet", code=1)
    assert quiet.out.startswith("ERROR: ")
    assert here.probe("foo", "--fail-on", "never").code == 0


def test_no_host_left_is_an_error_of_its_own(here: Town, foo: certs.Made) -> None:
    """Where none presents what is accepted, mail waits now."""
    here.host("mx1.foo.test", None, "foo.test")
    here.console.pin(foo, "foo")
    assert "live-none-reachable" in found(here.probe("foo", "--json", code=1))


def test_what_a_probe_sees_pins_nothing(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """Another certificate is kept as seen, and is no pin, not even a pending one."""
    here.host("mx.foo.test", bar, "foo.test")
    here.console.pin(foo, "foo")
    here.probe("foo", code=1)
    assert here.console.states() == {foo.fingerprint: "trusted"}
    here.console("journal", "verify")


def test_a_renewal_with_the_same_key(here: Town) -> None:
    """It is recognised, and asked about; where the setting accepts it, it is pinned for as long as
    the vouch for the one before stands."""
    old = certs.self_signed("mx.foo.test")
    new = certs.self_signed("mx.foo.test", key=old.key, serial=77)
    here.host("mx.foo.test", new, "foo.test")
    here.console.pin(old, "foo")
    assert "live-renewed" in found(here.probe("foo", "--json", code=1))
    assert here.console.states() == {old.fingerprint: "trusted"}
    here.console("set", "same_key_renewal", "accept")
    ran = here.probe("foo", code=1)
    assert "since its key is pinned" in ran.err
    assert here.console.states() == {old.fingerprint: "trusted", new.fingerprint: "trusted"}
    assert "all is well" in here.probe("foo").out
    here.console("withdraw", old.fingerprint, "--vouched-by", ANN, "--reason", "misheard")
    assert here.console.states()[new.fingerprint] != "trusted"
    here.console("journal", "verify")


def test_another_key_is_never_a_renewal(here: Town, foo: certs.Made) -> None:
    """The setting accepts a key that is pinned, and nothing else."""
    other = certs.self_signed("mx.foo.test")
    here.host("mx.foo.test", other, "foo.test")
    here.console.pin(foo, "foo")
    here.console("set", "same_key_renewal", "accept")
    assert "live-other-certificate" in found(here.probe("foo", "--json", code=1))
    assert here.console.states() == {foo.fingerprint: "trusted"}


def test_dns_that_leads_nowhere(here: Town, foo: certs.Made) -> None:
    """One finding says it, not three."""
    here.console.pin(foo, "foo")
    assert found(here.probe("foo", "--json", code=1)) == {"live-no-route": "foo.test"}


def test_audit_live_asks_as_well(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """By the settings alone; without --live nobody is asked."""
    host = here.host("mx.foo.test", bar, "foo.test")
    here.console.pin(foo, "foo")
    here.console("set", "resolver", here.server.address)
    plain = here.console("audit", "--json", code=1)
    assert not [one for one in plain.json if one["rule"].startswith("live-")]
    assert not host.sessions
    live = here.console("audit", "--live", "--json", code=1)
    assert "live-forbidden" in {one["rule"] for one in live.json}
    ran = here.console.fails("audit", "--live", "--at", "+60d", code=2)
    assert "--live looks at this moment" in ran.err


def test_whom_to_probe_has_to_be_said(console: Console, foo: certs.Made) -> None:
    """Neither nobody nor both; no stranger; no peer that nobody can be asked about."""
    console.fails("probe", code=2)
    console.fails("probe", "foo", "--all", code=2)
    console.pin(foo, "foo")
    ran = console.fails("probe", "stranger.test", code=5)
    assert "neither a peer nor a protected domain" in ran.err
    console("add", console.write("foo.pem", foo.pem), "--peer", "bare")
    ran = console.fails("probe", "bare", code=5)
    assert "there is nobody to ask" in ran.err


def test_nothing_to_ask_is_not_called_well(console: Console) -> None:
    """An empty inventory is not all well."""
    console("set", "vouches_required", "1")
    assert "nothing was asked" in console("probe", "--all").out


def test_somebody_is_told(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """Once for the same findings, and again when all is well."""
    host = here.host("mx.foo.test", bar, "foo.test")
    here.console.pin(foo, "foo")
    told = here.console.folder / "told"
    hook = here.console.folder / "hook"
    hook.write_text(f"#!/bin/sh\necho $TRUSTCTL_FINDINGS >> {told}\n")
    hook.chmod(0o700)
    assert "nobody is told" in here.probe("--all", "--notify", code=1).err
    here.console("set", "notify_command", str(hook))
    here.probe("--all", "--notify", code=1)
    here.probe("--all", "--notify", code=1)
    assert told.read_text().split() == ["2"]
    host.presents(foo)
    here.probe("--all", "--notify")
    here.probe("--all", "--notify")
    assert told.read_text().split() == ["2", "0"]
    host.presents(bar)
    hook.write_text("#!/bin/sh\nexit 3\n")
    ran = here.probe("--all", "--notify", code=1)
    assert "failed with exit code 3" in ran.err


def test_one_host_of_many_domains_is_dialled_once(here: Town, foo: certs.Made) -> None:
    """And compared for each peer that has it: pinned for one, a stranger's for another."""
    host = here.host("mx.foo.test", foo, "foo.test", "bar.test")
    here.console.pin(foo, "foo")
    here.console.pin(certs.self_signed("mx.bar.test"), "bar")
    ran = here.probe("--all", "--json", code=1)
    assert {one["peer"]: one["standing"] for one in seen(ran)} == {"foo": "pinned", "bar": "other"}
    assert host.sessions == 1
