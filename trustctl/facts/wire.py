"""What is seen of a mail host on the wire, and what others say of it.

Whatever is in here was said by a network that anybody may sit in. It is trusted for nothing: it is
compared with what people vouched for. Times are whole seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Protocol = Literal["smtp", "lmtp", "imap", "pop3", "ldap", "xmpp", "none"]
"""What is spoken before the handshake; ``none``: TLS from the first byte (RFC 8314, 3)."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

Outcome = Literal[
    "presented",  # a handshake that presented a certificate
    "no-host",  # the name leads to no address, or the domain takes no mail
    "forbidden",  # an address that may not be dialled
    "unreachable",  # refused, no route
    "timeout",
    "closed",  # the connection ended before it was done
    "not-offered",  # STARTTLS is not offered
    "declined",  # the host refused the session or STARTTLS
    "injected",  # it sent more than its answer to STARTTLS before the handshake (CVE-2021-38371)
    "garbled",  # what it said is no such protocol, or is longer than any may be
    "tls-failed",  # the handshake failed
    "no-certificate",  # a handshake without one
]

Verdict = Literal["supports", "contradicts", "inconclusive", "absent"]
TestimonyKind = Literal["dane", "mta-sts", "public-ca", "vantage"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a host, and what to speak there.

    Attributes:
        host: lower-case A-labels, or an address that was given as such; sent as SNI where a name.
        address: IPv4 or IPv6 text; empty where the name led to none.
        port: 1 to 65535.
    """

    host: str
    address: str
    port: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one host presented, or why there is nothing.

    Attributes:
        detail: one line of our own words; what it quotes of the host is cut and escaped.
        tls: the version agreed on (``TLSv1.3``), and ``cipher`` its name; None without a handshake.
        chain: what was presented, as DER, its own certificate first. Verified by nobody.
        attempts: how often it was tried.
    """

    endpoint: Endpoint
    at: int
    outcome: Outcome
    detail: str = ""
    tls: str | None = None
    cipher: str | None = None
    chain: tuple[bytes, ...] = ()
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record (RFC 6698, 2.1). ``data``: the certificate association data."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class MailHost:
    """A host that takes mail, as DNS says.

    Attributes:
        name: lower-case A-labels. preference: of its MX record, 0 where there is none.
        addresses: IPv4 and IPv6 text, each once.
        tlsa: for its port; ``tlsa_authenticated``: the resolver says that DNSSEC proves them (or
            that there are none).
        tlsa_problem: why it is not known whether there are any; empty where it is.
        problem: what was amiss when it was looked up, in our own words; empty where nothing was.
    """

    name: str
    preference: int = 0
    addresses: tuple[str, ...] = ()
    tlsa: tuple[TlsaRecord, ...] = ()
    tlsa_authenticated: bool = False
    problem: str = ""
    tlsa_problem: str = ""


@dataclass(frozen=True, slots=True)
class MailRoute:
    """Where DNS sends a domain's mail (RFC 5321, 5.1).

    Attributes:
        hosts: in order of preference, then name.
        implicit: there is no MX record: the domain's own address is meant.
        authenticated: the resolver says that DNSSEC proves the MX records (or their absence).
        problem: why there are no hosts, in our own words; empty where there are.
        left_out: which MX records are not among the hosts, and why; empty where all are.
    """

    domain: str
    hosts: tuple[MailHost, ...] = ()
    implicit: bool = False
    authenticated: bool = False
    problem: str = ""
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What somebody else says of what a host presented: evidence, never trust.

    ``detail``: one line of our own words; what it quotes is cut and escaped.
    """

    kind: TestimonyKind
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A testimony as the inventory keeps it: since when it says so, and when it last did."""

    testimony: Testimony
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Observation:
    """The same thing seen at the same place, from the first time to the last.

    Attributes:
        peer: whose host it was looked for as; None: nobody's yet.
        domain: the mail domain whose MX it is; None where the host was asked for by itself.
        fingerprint: of what was presented, None where nothing was.
        times: how often it was seen.
    """

    id: int
    endpoint: Endpoint
    peer: str | None
    domain: str | None
    outcome: Outcome
    fingerprint: str | None
    tls: str | None
    detail: str
    first_seen: int
    last_seen: int
    times: int
    testimonies: tuple[Heard, ...] = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """That a pin is a peer's next: held beside those that it is to replace.

    Attributes:
        pin: the next pin's id. replaces: the ids of those that it takes the place of.
        begins_at: when the peer said that it begins to present it.
        auto_retire_days: so many days after the next one alone is seen, the others are retired;
            None: a person does that.
    """

    pin: int
    replaces: tuple[int, ...]
    begins_at: int
    auto_retire_days: int | None
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class WireSettings:
    """Settings of what is dialled and who is told.

    Attributes:
        ehlo_name: what trustctl calls itself; empty: this machine's name.
        dial_allow: networks (CIDR) that may be dialled beside public addresses.
        resolver: ``address`` or ``address:port`` of the resolver; empty: that of resolv.conf.
        same_key_renewal: whether a new certificate with a pinned key is pinned by itself.
        notify_command: run after a probe that failed, its report on standard input; empty: none.
        notify_mail: the address that the report is mailed to; empty: nobody.
    """

    ehlo_name: str = ""
    dial_allow: tuple[str, ...] = field(default=())
    resolver: str = ""
    same_key_renewal: Literal["ask", "accept"] = "ask"
    notify_command: str = ""
    notify_mail: str = ""
