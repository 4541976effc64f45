"""Tests of trustctl.facts.network: places that people type, and addresses that may be dialled."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustctl.errors import UsageError
from trustctl.facts.network import (
    DEFAULT_PORT,
    Target,
    may_dial,
    parse_networks,
    parse_resolver,
    parse_target,
    protocol_for,
)
from trustctl.facts.wire import PROTOCOLS


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("foo.test", Target("foo.test", None, False)),
        (" MX.Foo.Test. ", Target("mx.foo.test", None, False)),
        ("mx.foo.test:465", Target("mx.foo.test", 465, False)),
        ("mx.foo.test.:1", Target("mx.foo.test", 1, False)),
        ("mx.foo.test:65535", Target("mx.foo.test", 65535, False)),
        ("münchen.test:25", Target("xn--mnchen-3ya.test", 25, False)),
        ("192.0.2.1", Target("192.0.2.1", None, True)),
        ("192.0.2.1:25", Target("192.0.2.1", 25, True)),
        ("[192.0.2.1]:25", Target("192.0.2.1", 25, True)),
        ("2001:DB8:0:0::1", Target("2001:db8::1", None, True)),
        ("[2001:db8::1]", Target("2001:db8::1", None, True)),
        ("[2001:db8::1]:993", Target("2001:db8::1", 993, True)),
        ("::1", Target("::1", None, True)),
    ],
)
def test_a_place_has_one_form(text: str, target: Target) -> None:
    """A domain or host as names are read, an address in its usual form, a port where given."""
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "", ":", ":25", "foo", "localhost", "localhost:25", "foo.test:", "foo.test:0",
        "foo.test:65536", "foo.test:-1", "foo.test:+25", "foo.test: 25", "foo.test:2 5",
        "foo.test:25:25", "foo.test:2\N{FULLWIDTH DIGIT FIVE}", "foo.test:smtp",
        "foo.test:000025", "smtp://foo.test", "ann@foo.test",
        "foo.test/", "[foo.test]:25", "[]", "[::1", "::1]", "[::1]25", "[::1]:", "[::1]:x",
        "[[::1]]", "[::1%lo]", "fe80::1%eth0", "[fe80::1%25eth0]:25", "2001:db8::1:99999", "1:2:3",
        "::ffff:1.2.3",
        # other spellings of 127.0.0.1, which inet_aton takes
        "2130706433", "0x7f000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.0x1",
        "0x7f.1", "127.0.0.01", "127.0.0.1.", "\N{FULLWIDTH DIGIT ONE}27.0.0.1", "192.0.2.256",
        "foo_bar.test", "foo.test\0", "a\x1b[2J.test", "${run{x}}.test", "*.foo.test",
        "foo.test\nbar.test:25", "[::1]\n:25",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    """Half a place, a URL, a mail address, an address spelt as only some programs read it."""
    with pytest.raises(UsageError):
        parse_target(text)


@given(st.text(max_size=40))
def test_a_place_is_read_or_refused(text: str) -> None:
    """Nothing but a place or the project's own error, and a place is read again as itself."""
    try:
        found = parse_target(text)
    except UsageError:
        return
    again = f"[{found.name}]" if ":" in found.name else found.name
    assert parse_target(again) == Target(found.name, None, found.literal)


def test_each_protocol_has_its_port() -> None:
    """Those of implicit TLS are told by the port (RFC 8314, 3.3); SMTP is for all that is not
    known."""
    assert set(DEFAULT_PORT) == set(PROTOCOLS)
    assert all(protocol_for(port) == one for one, port in DEFAULT_PORT.items())
    assert [protocol_for(port) for port in (465, 636, 993, 995, 5223)] == ["none"] * 5
    assert [protocol_for(port) for port in (24, 110, 143, 389, 5222, 5269)] == [
        "lmtp", "pop3", "imap", "ldap", "xmpp", "xmpp",
    ]  # fmt: skip
    assert [protocol_for(port) for port in (25, 587, 2525, 1)] == ["smtp"] * 4


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("::1", ("::1", 53)),
        ("[2001:DB8::53]:54", ("2001:db8::53", 54)),
    ],
)
def test_a_resolver_is_an_address(text: str, server: tuple[str, int]) -> None:
    """Port 53 unless another is given."""
    assert parse_resolver(text) == server


@pytest.mark.parametrize("text", ["", "dns.foo.test", "localhost", "192.0.2.53:0", "fe80::1%lo"])
def test_a_resolver_is_nothing_else(text: str) -> None:
    """A name would have to be resolved first."""
    with pytest.raises(UsageError, match="not a resolver's address"):
        parse_resolver(text)


def test_networks_have_one_form() -> None:
    """Each once, in its usual form and in order; an address alone is a network."""
    assert parse_networks("") == ()
    assert parse_networks(" fd00::/8, 10.0.0.0/8,10.0.0.0/8  192.0.2.1 FD00:0::/8\n::1") == (
        "10.0.0.0/8", "192.0.2.1/32", "::1/128", "fd00::/8",
    )  # fmt: skip
    for one in parse_networks("0.0.0.0/0 ::/0"):
        assert parse_networks(one) == (one,)


@pytest.mark.parametrize(
    "text",
    [
        "x", "10", "10.0.0/8", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/255.0.0.0",
        "10.0.0.0/0.255.255.255", "010.0.0.0/8", "fe80::%eth0/64", "foo.test", "10.0.0.0/8;",
        "10.0.0.0//8", "10.0.0.0/ 8", "\N{FULLWIDTH DIGIT ONE}0.0.0.0/8", "\x1b[2J",
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused(text: str) -> None:
    """A mask where a prefix belongs, a short form, a name: none is guessed at."""
    with pytest.raises(UsageError, match="is not a network"):
        parse_networks(text)


@pytest.mark.parametrize(
    ("text", "right"), [("10.1.2.3/8", "10.0.0.0/8"), ("fd12::1/16", "fd12::/16")]
)
def test_an_address_within_a_network_is_not_the_network(text: str, right: str) -> None:
    """Which of the two is meant is a person's to say: the right form is told."""
    with pytest.raises(UsageError, match="not the network") as refused:
        parse_networks(text)
    assert refused.value.hint == f"type {right}"


def test_networks_are_bounded() -> None:
    """Each is looked at for each address."""
    with pytest.raises(UsageError, match="the limit"):
        parse_networks(" ".join(f"10.0.{number}.0/24" for number in range(101)))


PUBLIC = [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
    "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
    "203.0.114.0", "223.255.255.255", "2001:200::1", "2606:4700::1111", "2a00::1", "3ffe::1",
    "2001:db7:ffff::1", "2001:db9::",
    # what they carry is public
    "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1",
]  # fmt: skip
# IANA IPv4 and IPv6 Special-Purpose Address Registries: each first and last address
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
    "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254",
    "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9",
    "192.0.0.170", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255",
    "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0",
    "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0",
    "255.255.255.254", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::1.1.1.1", "100::", "100:0:0:1::1", "fc00::", "fd00::1",
    "fe80::1", "febf::1", "fec0::1", "ff00::", "ff02::1", "ff0e::1", "5f00::1", "4000::1",
    "2001:db8::1", "2001:db8:ffff::", "3fff::1", "3fff:fff::1", "64:ff9b:1::1",
    "64:ff9b:0:0:0:1::1",
    # Teredo and the other protocol assignments, whatever they carry
    "2001::1", "2001:0:101:101::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1",
    # what they carry is not public
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0",
    "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::",
    "2002:a00:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002::",
]  # fmt: skip
NO_ADDRESS = [
    "", "foo.test", "localhost", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1",
    "127.0.0.01", "1.1.1.1 ", " 1.1.1.1", "1.1.1.1\n", "1.1.1.1/32", "[2a00::1]", "1.1.1.1:25",
    "fe80::1%eth0", "2a00::1%eth0", "2a00::1%", "::ffff:1.1.1.1%lo",
    "\N{FULLWIDTH DIGIT ONE}.1.1.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_dialled(address: str) -> None:
    """Also at the borders of what is not."""
    assert may_dial(address, ())


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_may_not_be_dialled(address: str) -> None:
    """This machine, the network behind it, a cloud's metadata: in IPv4, and as IPv6 carries it.
    Where its network is allowed, it may be."""
    assert not may_dial(address, ())
    assert not may_dial(address, parse_networks("1.0.0.0/8 2a00::/12"))
    assert may_dial(address, parse_networks(address))
    assert may_dial(address, ("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_no_address_may_not_be_dialled(address: str) -> None:
    """Whatever is allowed: other spellings, names, scopes."""
    assert not may_dial(address, ("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"])
def test_what_an_address_carries_may_be_allowed(address: str) -> None:
    """The network that is allowed is the one that the packet reaches; its neighbour is another."""
    assert may_dial(address, ("10.0.0.0/24",))
    assert not may_dial(address, ("10.0.1.0/24",))


@given(st.ip_addresses(v=4))
def test_public_addresses_of_the_standard_library(address: ipaddress.IPv4Address) -> None:
    """Nothing is dialled that the standard library takes for private, in any of its versions."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        # 192.0.0.0/24's exceptions came and went between versions
        assert not may_dial(str(address), ()) or address in ipaddress.IPv4Network("192.0.0.0/24")
    carried = [f"::ffff:{address}", f"64:ff9b::{address}"]
    carried.append(str(ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80) | 1)))
    assert {may_dial(one, ()) for one in carried} == {may_dial(str(address), ())}


@given(st.ip_addresses(v=6))
def test_public_addresses_of_ipv6(address: ipaddress.IPv6Address) -> None:
    """As above, for IPv6."""
    if address.is_private or address.is_multicast or address.is_link_local:
        inner = address.ipv4_mapped or address.sixtofour
        assert not may_dial(str(address), ()) or inner is not None
