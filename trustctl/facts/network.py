"""Places on the network as people type them, and which addresses may be dialled at all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trustctl.errors import UsageError
from trustctl.facts.names import parse_host
from trustctl.facts.text import printable
from trustctl.facts.wire import Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORT: Mapping[Protocol, int] = {
    "smtp": 25,
    "lmtp": 24,
    "imap": 143,
    "pop3": 110,
    "ldap": 389,
    "xmpp": 5222,
    "none": 465,
}
"""Where a protocol is spoken unless a port is given (IANA's service names and port numbers)."""
_PROTOCOLS: Mapping[int, Protocol] = {
    24: "lmtp",
    110: "pop3",
    143: "imap",
    389: "ldap",
    465: "none",
    636: "none",
    993: "none",
    995: "none",
    5222: "xmpp",
    5223: "none",
    5269: "xmpp",
}
_DNS_PORT = 53
_SHOWN = 60
_NETWORKS_LIMIT = 100
_PREFIX = re.compile(r"[0-9a-f.:]+(?:/\d{1,3})?", re.ASCII | re.IGNORECASE)
# inet_aton reads it as an address (0x7f.0x1 is 127.0.0.1); no such top-level domain exists
_HEXADECIMAL = re.compile(r"0x[0-9a-f]*", re.ASCII)
_TARGET_HINT = "type foo.example, mx.foo.example:25, 192.0.2.1 or [2001:db8::1]:25"

# What is not globally reachable by the IANA special-purpose address registries (RFC 6890), written
# out because the standard library's list differs between the patch levels of one Python version.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(one)
    # protocol assignments (Teredo is one of them), and documentation
    for one in ("2001::/23", "2001:db8::/32", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A mail domain or a host that somebody named.

    Attributes:
        name: lower-case A-labels, or an address in its usual form.
        port: None where none was given.
        literal: whether ``name`` is an address.
    """

    name: str
    port: int | None
    literal: bool


def protocol_for(port: int) -> Protocol:
    """What is spoken on a port unless somebody says otherwise: SMTP on those not known."""
    return _PROTOCOLS.get(port, "smtp")


def parse_target(text: str) -> Target:
    """A domain or host, an address, or either with a port (RFC 3986, 3.2.2, for IPv6).

    Raises:
        UsageError: it is none of them.
    """
    typed = text.strip()
    if typed.startswith("["):
        inside, bracket, rest = typed[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UsageError(f"{printable(text, _SHOWN)!r} is not a host", _TARGET_HINT)
        return Target(str(_address(inside, text)), _port(rest[1:], text) if rest else None, True)
    if typed.count(":") > 1:
        return Target(str(_address(typed, text)), None, True)
    name, colon, digits = typed.partition(":")
    port = _port(digits, text) if colon else None
    try:
        return Target(str(ipaddress.IPv4Address(name)), port, True)
    except ValueError:
        host = parse_host(name)
    if _HEXADECIMAL.fullmatch(host.rpartition(".")[2]):
        raise UsageError(f"{printable(text, _SHOWN)!r} is not a host", _TARGET_HINT)
    return Target(host, port, False)


def parse_resolver(text: str) -> tuple[str, int]:
    """A resolver's address and port: ``192.0.2.53``, ``192.0.2.53:5353``, ``[2001:db8::53]:53``.

    Raises:
        UsageError: it is none of them; a name would have to be resolved first.
    """
    hint = "type the resolver's address: 127.0.0.1, 192.0.2.53:5353 or [2001:db8::53]:53"
    try:
        target = parse_target(text)
    except UsageError:
        target = None
    if target is None or not target.literal:
        raise UsageError(f"{printable(text, _SHOWN)!r} is not a resolver's address", hint)
    return target.name, _DNS_PORT if target.port is None else target.port


def parse_networks(text: str) -> tuple[str, ...]:
    """Networks in CIDR notation, separated by spaces or commas; an address alone is a network.

    Returns:
        Each once, in its usual form (RFC 4632, 3.1; RFC 5952), sorted.

    Raises:
        UsageError: one is no network, or its address has bits set beyond its prefix.
    """
    found: set[Network] = set()
    for one in text.replace(",", " ").split():
        shown = printable(one, _SHOWN)
        try:
            if not _PREFIX.fullmatch(one):
                raise ValueError(one)
            loose = ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise UsageError(
                f"{shown!r} is not a network", "type it like 10.0.0.0/8 or fd00::/8"
            ) from None
        if _parse(one.partition("/")[0]) != loose.network_address:
            raise UsageError(
                f"{shown!r} is an address within a network, not the network", f"type {loose}"
            )
        found.add(loose)
    if len(found) > _NETWORKS_LIMIT:
        raise UsageError(f"{len(found)} networks: {_NETWORKS_LIMIT} is the limit")
    return tuple(str(one) for one in sorted(found, key=lambda one: (one.version, *_range(one))))


def may_dial(address: str, allowed: Iterable[str]) -> bool:
    """Whether an address may be connected to: it is public, or within a network of ``allowed``.

    DNS is the attacker's to write: a name may lead to this machine, to the network behind it, or to
    a cloud's metadata service (169.254.169.254). An IPv6 address that carries an IPv4 address
    (mapped, NAT64, 6to4) is what it carries. Whatever is no address in its usual form is refused.

    Args:
        allowed: networks as :func:`parse_networks` gives them.
    """
    found = _parse(address)
    if found is None:
        return False
    inner = _carried(found) if isinstance(found, ipaddress.IPv6Address) else None
    if _is_public(found if inner is None else inner):
        return True
    networks = [ipaddress.ip_network(one) for one in allowed]
    return _within(found, networks) or (inner is not None and _within(inner, networks))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, _NOT_PUBLIC_4)
    return address in _GLOBAL_UNICAST and not _within(address, _NOT_PUBLIC_6)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 4291, 2.5.5.2; RFC 3056, 2; RFC 6052, 2.1."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _range(network: Network) -> tuple[int, int]:
    return int(network.network_address), network.prefixlen


def _parse(text: str) -> Address | None:
    if "%" in text or not text.isascii():  # an interface (RFC 4007, 11) is nothing of DNS's
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _address(typed: str, text: str) -> Address:
    found = _parse(typed)
    if found is None:
        raise UsageError(f"{printable(text, _SHOWN)!r} is not an address", _TARGET_HINT)
    return found


def _port(digits: str, text: str) -> int:
    if re.fullmatch(r"\d{1,5}", digits, re.ASCII) and 1 <= int(digits) <= 65535:
        return int(digits)
    raise UsageError(
        f"{printable(text, _SHOWN)!r}: {printable(digits, 20)!r} is not a port",
        "type a number from 1 to 65535 after the colon",
    )
