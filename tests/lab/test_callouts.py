"""Addresses that are only verified: callouts, and what Exim does with their connections."""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab
from tests.lab.senders import Protected, peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-routing")]
FOO = "foo.test"
ONE_TRANSPORT = {"{trustctl_callout}{trustctl_smtp}": "{trustctl_smtp}{trustctl_smtp}"}
"""Callouts by the transport that delivers, as Exim does without further ado."""
ACLS = {
    "cutthrough": "  warn control = cutthrough_delivery\n",
    "hold": "  warn !verify = recipient/callout=5s,use_sender,hold\n",
    "callout": "  require verify = recipient/callout=5s\n",
    "route": "  require verify = recipient\n",
}


def asking(lab: Lab, kind: str, edit: dict[str, str] | None = None) -> Protected:
    """A protected sender with such an access control list."""
    sender = lab.protected(
        f"{kind}{'-naive' if edit else ''}.test",
        edit=edit,
        macros="MAIN_ACL_CHECK_RCPT = lab\n",
        files={"conf.d/acl/99_lab": f"lab:\n{ACLS[kind]}  accept\n"},
    )
    sender.trust(
        peer(FOO, trusted(lab.foo_cert)),
        peer("bar.test", trusted(lab.bar_cert)),
        peer("closed.test"),
    )
    return sender


@pytest.mark.parametrize("kind", ["cutthrough", "hold"])
def test_a_held_connection_takes_no_mail_for_another_domain(lab: Lab, kind: str) -> None:
    """The attack: bar's MX is spoofed to foo's host, and the second recipient follows the first
    one's verified connection. With a transport of its own for what is only verified it does not."""
    for edit, stolen in ((ONE_TRANSPORT, True), (None, False)):
        sender = asking(lab, kind, edit)
        lab.route(FOO, lab.foo)
        lab.route("bar.test", lab.foo, "mx.foo.test")
        lab.foo.clear()
        sender.submit("bob@foo.test", "eve@bar.test", keep=True)
        assert ("eve@bar.test" in " ".join(lab.foo.taken())) == stolen
        if not stolen:
            # and foo's own mail is delivered: at once, or by the next queue run
            sender.logged("/usr/sbin/exim4", "-qff")
            assert lab.foo.taken().count("bob@foo.test") == 1


@pytest.mark.parametrize("other", ["bob@foo.test", "cat@closed.test"])
def test_a_cutthrough_delivery_does_not_lose_the_protected_recipient(lab: Lab, other: str) -> None:
    """Exim forgets a recipient without a host while it delivers to one with a held connection."""
    sender = asking(lab, "cutthrough")
    for domain in (FOO, "free.test"):
        lab.route(domain, lab.foo, "mx.foo.test")
    outcome = sender.submit("eve@free.test", other)
    assert "eve@free.test" in [one.address for one in outcome.delivered]
    assert other in [one.address for one in outcome.delivered] or other in outcome.deferred
    assert (other in outcome.deferred) == ("closed" in other)


def test_a_callout_asks_only_the_pinned_certificate(lab: Lab) -> None:
    """An impostor learns no address and cannot say that one is wrong; a common file tells him."""
    asks = asking(lab, "callout")
    lab.route(FOO, lab.foo)
    assert asks.submit("bob@foo.test").one.cv == "yes"
    asks.forget()
    lab.route(FOO, lab.stranger)
    outcome = asks.submit("bob@foo.test")
    assert "Could not complete recipient verify callout" in outcome.text
    assert not outcome.delivered


@pytest.mark.parametrize("domain", [FOO, "closed.test"])
def test_a_protected_address_is_good_whatever_dns_says(lab: Lab, domain: str) -> None:
    """Mail to it is accepted and waits: who submits it is not told to come back."""
    outcome = asking(lab, "route").submit(f"bob@{domain}")
    assert outcome.waits
    assert "451" not in outcome.text


def test_mail_from_a_peer_whose_mail_waits_is_received(lab: Lab) -> None:
    """What we trust to send to a peer decides nothing about what the peer sends to us."""
    receiver = asking(lab, "route")
    for domain in ("closed.test", FOO):
        assert f"ann@{domain} verified" in receiver.ok("exim4", "-bvs", f"ann@{domain}")
    ran = receiver.run("exim4", "-bvs", "ann@free.test")
    assert ran.returncode == 2, "a domain that DNS does not know, unprotected"


def test_what_asks_is_as_strict_as_what_delivers(lab: Lab) -> None:
    """Both transports have the same options, as Exim itself shows them, but for the one that keeps
    a callout's connection from being held."""
    told = {}
    for name in ("trustctl_smtp", "trustctl_callout"):
        lines = lab.us.ok("exim4", "-bP", "transport", name).replace(name, "").splitlines()
        told[name] = {one for one in lines if not one.startswith("dkim_domain =")}
    assert "tls_verify_hosts = *" in told["trustctl_smtp"]
    assert told["trustctl_smtp"] == told["trustctl_callout"]
