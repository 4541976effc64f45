"""However an address is written, and wherever it comes from: its domain is protected or not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.lab.lab import Lab
from tests.lab.senders import Protected, peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-addresses")]
FOO, MX = "foo.test", "mx.foo.test"
U_LABEL, A_LABEL = "bücher.test", "xn--bcher-kva.test"
ALIASES = """\
one: bob@foo.test
two: bob@foo.test, eve@free.test
Three: <BOB@FOO.TEST>
"""


@pytest.fixture
def us(lab: Lab) -> Protected:
    """A sender with aliases that trusts foo's certificate for foo.test; DNS leads to a stranger."""
    sender = lab.protected("aliases.test", aliases=ALIASES)
    sender.trust(
        peer(FOO, trusted(lab.foo_cert)),
        peer(A_LABEL, trusted(lab.foo_cert)),
    )
    for domain in (FOO, A_LABEL):
        lab.route(domain, lab.stranger, MX)
    return sender


@pytest.mark.parametrize(
    "address",
    [
        "bob@foo.test",
        "bob@FOO.test",
        "BOB@FoO.TeSt",
        "bob+tag@foo.test",
        "bob--tag@foo.test",
        '"bob"@foo.test',
        '"@evil.test"@foo.test',
        "bob%evil.test@foo.test",
        "evil.test!bob@foo.test",
        "@evil.test:bob@foo.test",
        "@evil.test,@other.test:bob@foo.test",
        "postmaster@foo.test",
        "Bob <bob@foo.test>",
        "bob@foo.test (free.test)",
        "bob@ foo.test",
    ],
)
def test_a_protected_address_is_protected_however_it_is_written(
    lab: Lab, us: Protected, address: str
) -> None:
    """An impostor gets nothing; the peer does."""
    assert us.send(address).waits
    assert lab.stranger.taken() == []
    # a host that takes any local part
    lab.route(FOO, lab.odd_mx("foo-takes-all", [lab.foo_cert.pem], lab.foo_cert), MX)
    assert us.send(address).one.cv == "yes"


@pytest.mark.parametrize(
    "address",
    ["bob@foo.test.", "bob@foo..test", "bob@foo.test\n", "bob@foo.test\\", "bob@[foo.test]"],
)
def test_what_is_no_address_goes_nowhere(lab: Lab, us: Protected, address: str) -> None:
    """A trailing dot, an empty label and the like are not another way to reach the host."""
    lab.route("foo.test.", lab.stranger, MX)
    outcome = us.send(address)
    assert not outcome.delivered
    assert lab.stranger.taken() == []


def test_a_trailing_dot_that_exim_strips_is_the_same_domain(lab: Lab) -> None:
    """With strip_trailing_dot the domain is the protected one."""
    sender = lab.protected("dots.test", files={"conf.d/main/98_dot": "strip_trailing_dot = true\n"})
    sender.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.route(FOO, lab.stranger, MX)
    assert sender.send("bob@foo.test.").waits
    lab.route(FOO, lab.foo, MX)
    assert sender.send("bob@foo.test.").one.cv == "yes"
    assert lab.stranger.taken() == []


@pytest.mark.parametrize(
    "domain", [A_LABEL, A_LABEL.upper(), U_LABEL, "BÜCHER.test", "bücher。test", "\uff42ücher.test"]
)
def test_a_domain_in_utf8_is_protected_under_its_a_label(lab: Lab, domain: str) -> None:
    """SMTPUTF8: by its U-label, in any case or width, it is the same domain. Exim's own DNS look-up
    treats it so, and a map that is asked for the letters as they are does not."""
    raw = {"TRUSTCTL_KEY = ${lc:${utf8_domain_to_alabel:$domain}}": "TRUSTCTL_KEY = ${lc:$domain}"}
    utf8 = "MAIN_SMTPUTF8_ADVERTISE_HOSTS = *\n"
    for name, edit in (("letters.test", raw), ("utf8.test", None)):
        sender = lab.protected(name, edit=edit, macros=utf8)
        sender.trust(peer(A_LABEL, trusted(lab.foo_cert)))
        lab.route(A_LABEL, lab.stranger, MX)
        lab.stranger.clear()
        outcome = sender.submit(f"bob@{domain}", utf8=True)
        if edit is None:
            assert lab.stranger.taken() == []
            assert not outcome.delivered
            lab.route(A_LABEL, lab.foo, MX)
            accepted = sender.submit(f"bob@{domain}", utf8=True)
            assert accepted.one.cv == "yes"
        else:
            assert bool(outcome.delivered) == (not domain.isascii())


@pytest.mark.parametrize("local", ["one", "two", "three"])
def test_an_alias_into_a_protected_domain(lab: Lab, us: Protected, local: str) -> None:
    """What a local address leads to is routed anew: protected."""
    lab.route("free.test", lab.bar)
    outcome = us.send(f"{local}@aliases.test")
    assert [one.address for one in outcome.delivered] == ["eve@free.test"] * (local == "two")
    assert [one.lower() for one in outcome.deferred] == ["bob@foo.test"]
    assert lab.stranger.taken() == []
    lab.route(FOO, lab.foo, MX)
    assert "yes" in [one.cv for one in us.send(f"{local}@aliases.test").delivered]


def test_a_user_s_forward_into_a_protected_domain(lab: Lab) -> None:
    """A forward file does what an alias does."""
    forward = "forward:\n  driver = redirect\n  domains = +local_domains\n  file = /etc/exim4/fwd\n"
    sender = lab.protected(
        "forward.test",
        files={"conf.d/router/350_lab": forward, "fwd": "# Exim filter\ndeliver bob@foo.test\n"},
        edit=None,
    )
    sender.trust(peer(FOO, trusted(lab.foo_cert)))
    sender.put("conf.d/router/350_lab", f"{forward}  allow_filter\n  user = mail\n")
    sender.generate()
    lab.route(FOO, lab.stranger, MX)
    assert sender.send("carol@forward.test").waits
    lab.route(FOO, lab.foo, MX)
    assert sender.send("carol@forward.test").one.cv == "yes"
    assert lab.stranger.taken() == []


def test_a_bounce_to_a_protected_domain(lab: Lab, us: Protected) -> None:
    """What Exim itself sends is mail like any other."""
    outcome = us.send("nobody-here@aliases.test", sender="bob@foo.test", options=("-odf",))
    assert "Unrouteable address" in outcome.text
    assert "bob@foo.test" in outcome.deferred
    assert lab.stranger.taken() == []


@pytest.mark.parametrize(
    "options",
    [
        ("-odf", "-oMr", "esmtps"),
        ("-odf", "-oMa", "127.0.0.1"),
        ("-odf", "-oMaa", "plain", "-oMai", "root"),
        ("-odi",),
        ("-odf", "-N"),
        ("-odf", "-G"),
        ("-odf", "-R", "foo.test"),
        ("-odf", "-t"),
    ],
    ids=" ".join,
)
def test_no_way_of_submitting_picks_another_router(
    lab: Lab, us: Protected, options: Sequence[str]
) -> None:
    """What the sender says about the message, or how it is to be delivered, changes nothing."""
    message = b"To: bob@foo.test\nSubject: hello\n\nhello\n"
    command = ("/usr/sbin/exim4", *options, "-oi", "-f", "ann@us.test")
    outcome = us.logged(*command, *(() if "-t" in options else ("bob@foo.test",)), stdin=message)
    assert lab.stranger.taken() == []
    assert not [one for one in outcome.delivered if "stranger" in one.host or one.cv == "no"]


def test_an_address_literal_is_no_domain_of_anybody_s(lab: Lab, us: Protected) -> None:
    """user@[203.0.113.x] names a host, not a peer: Debian's Exim refuses it, and with a router for
    literals it is routed as before, to whoever has that address."""
    address = f"bob@[{lab.stranger.address}]"
    assert not us.send(address).delivered
    literals = lab.protected(
        "literals.test",
        macros="MAIN_ALLOW_DOMAIN_LITERALS = true\n",
        files={"conf.d/router/045_lab": "lit:\n  driver = ipliteral\n  transport = remote_smtp\n"},
    )
    literals.trust(peer(FOO, trusted(lab.foo_cert)))
    assert "router = lit, transport = remote_smtp" in literals.ok("exim4", "-bt", address)
    lab.route(FOO, lab.stranger, MX)
    lab.stranger.clear()
    assert literals.send("bob@foo.test").waits
    assert lab.stranger.taken() == []


def test_a_percent_hack_into_a_protected_domain(lab: Lab) -> None:
    """percent_hack_domains makes a remote address of a local one: it is routed as that."""
    sender = lab.protected(
        "percent.test", files={"conf.d/main/98_percent": "percent_hack_domains = *\n"}
    )
    sender.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.route(FOO, lab.stranger, MX)
    assert sender.send("bob%foo.test@percent.test").waits
    lab.route(FOO, lab.foo, MX)
    assert sender.send("bob%foo.test@percent.test").one.cv == "yes"
    assert lab.stranger.taken() == []


def test_a_subdomain_is_another_domain(lab: Lab, us: Protected) -> None:
    """A pin is for the domain that was named: its subdomains are delivered as before."""
    lab.route("sub.foo.test", lab.stranger)
    assert us.send("bob@sub.foo.test").one.transport == "remote_smtp"
