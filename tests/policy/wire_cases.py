"""For each audit rule about what hosts present, probes in which it fires and does not."""

from __future__ import annotations

from typing import Any

from tests.policy.cases import fires, quiet
from tests.policy.inventory import DAY, NOW, facts, inventory
from trustctl.facts.audit import AuditFacts
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.live import Comparison, Live, LiveHost, Standing
from trustctl.facts.wire import Endpoint, MailHost, MailRoute, Outcome, Protocol, Sighting

FOO = "foo.test"
AT = "203.0.113.1"
ONE_HOST = MailRoute(FOO, (MailHost("mx.foo.test", 10, (AT,)),))
WORDS: dict[Standing, str] = {
    "pinned": "pinned for foo",
    "next": "the announced next certificate of foo",
    "authority": "signed by the authority of foo",
    "renewed": "a new certificate with the key of 12:34 of foo",
    "pending": "pending for foo: nobody has vouched for it",
    "untrusted": "pinned for foo, not trusted: expired",
    "other": "none of the certificates pinned for foo",
    "unpinned": "no pin of foo is trusted: nothing to compare with",
}


def host(
    standing: Standing | None = "pinned",
    outcome: Outcome = "presented",
    detail: str = "",
    *,
    name: str = "mx.foo.test",
    address: str = AT,
    port: int = 25,
    protocol: Protocol = "smtp",
    domains: tuple[str, ...] = (FOO,),
    tls: str | None = "TLSv1.3",
    leaf: CertificateFacts | None = None,
) -> LiveHost:
    """A host of foo and how what it presents stands; None: it presented nothing."""
    place = Endpoint(name, address, port, protocol)
    if standing is None:
        return LiveHost("foo", domains, Sighting(place, NOW, outcome, detail))
    seen = Sighting(place, NOW, outcome, detail, tls, "TLS_AES_256_GCM_SHA384", (b"der",))
    return LiveHost("foo", domains, seen, leaf or facts(), Comparison(standing, WORDS[standing], 1))


def failed(outcome: Outcome, detail: str = "refused", **more: Any) -> LiveHost:
    """A host of foo that presented nothing."""
    return host(None, outcome, detail, **more)


def live(*hosts: LiveHost, route: MailRoute = ONE_HOST) -> AuditFacts:
    """A probe of foo's hosts."""
    return inventory(live=Live(hosts, {FOO: route}))


def ending(seconds: int, standing: Standing = "pinned") -> AuditFacts:
    """A host whose certificate ends in so many seconds."""
    return live(host(standing, leaf=facts(not_after=NOW + seconds)))


MX = f"foo mx.foo.test {AT}"
AT_2 = "203.0.113.2"
MX_2 = f"foo mx2.foo.test {AT_2}"
OTHER = host("other", name="mx2.foo.test", address=AT_2)
GONE_2 = failed("timeout", "no answer", name="mx2.foo.test", address=AT_2)
V6 = host("other", name="2001:db8::1", address="2001:db8::1", domains=())
IMPLICIT_TLS = host("other", port=465, protocol="none")
THREE = (host(), host(name="mx3.foo.test", address="203.0.113.3"), OTHER)
NULL = MailRoute(FOO, (), problem="it takes no mail (RFC 7505)")
NOTHING = inventory()

FIRING = [
    fires("live-no-route", "it takes no mail", live(route=NULL), (FOO, NULL.problem)),
    fires("live-no-route", "no reason", live(route=MailRoute(FOO)), (FOO, "no host")),
    *(
        fires("live-unreachable", outcome, live(failed(outcome)), (MX, "refused"))
        for outcome in ("no-host", "unreachable", "timeout", "closed")
    ),
    fires("live-unreachable", "one of two", live(host(), GONE_2), (MX_2, "no answer")),
    fires("live-unreachable", "a host without an address",
          live(failed("no-host", "no address", address="")), ("foo mx.foo.test", "no address")),
    fires("live-none-reachable", "the only one is away", live(failed("timeout")),
          (FOO, "1 address tried, none accepted")),
    fires("live-none-reachable", "away and another's", live(failed("timeout"), OTHER),
          (FOO, "2 addresses tried, none accepted")),
    *(
        fires("live-none-reachable", standing, live(host(standing)),
              (FOO, "1 address tried, none accepted"))
        for standing in ("renewed", "pending", "untrusted", "other", "unpinned")
    ),
    fires("live-none-reachable", "one domain of two",
          live(host(domains=("other.test",)), failed("timeout", domains=(FOO, "other.test"))),
          (FOO, "1 address tried, none accepted")),
    fires("live-forbidden", "a private address",
          live(failed("forbidden", "10.0.0.1 is no public address", address="10.0.0.1")),
          ("foo mx.foo.test 10.0.0.1", "10.0.0.1 is no public address")),
    fires("live-no-starttls", "stripped", live(failed("not-offered", "no STARTTLS")),
          (MX, "no STARTTLS")),
    fires("live-no-starttls", "declined", live(failed("declined", "454 later")), (MX, "454 later")),
    fires("live-injected", "words before the handshake", live(failed("injected", "more")),
          (MX, "more")),
    *(
        fires("live-no-handshake", outcome, live(failed(outcome, "alert")), (MX, "alert"))
        for outcome in ("garbled", "tls-failed", "no-certificate")
    ),
    *(
        fires("live-other-certificate", standing, live(host(standing)), (MX, WORDS[standing]))
        for standing in ("pending", "untrusted", "other", "unpinned")
    ),
    fires("live-other-certificate", "an address", live(V6), ("foo 2001:db8::1", WORDS["other"])),
    fires("live-other-certificate", "another port", live(IMPLICIT_TLS),
          (f"{MX} port 465", WORDS["other"])),
    fires("live-renewed", "the same key", live(host("renewed")), (MX, WORDS["renewed"])),
    fires("live-hosts-differ", "one of three", live(*THREE),
          (FOO, "1 of 3 differ: mx2.foo.test")),
    fires("live-hosts-differ", "one of its two addresses",
          live(host(), host("renewed", address=AT_2)), (FOO, "1 of 2 differ: mx.foo.test")),
    fires("live-hosts-differ", "more than are named",
          live(host(), *(host("other", name=f"{one}.foo.test") for one in "dcbae")),
          (FOO, "5 of 6 differ: a.foo.test, b.foo.test, c.foo.test")),
    fires("live-expiring", "the thirtieth day", ending(30 * DAY), (MX, "it ends on 2027-02-14")),
    fires("live-expiring", "the last second", ending(0), (MX, "it ends on 2027-01-15")),
    fires("live-expiring", "the authority's", ending(DAY, "authority"),
          (MX, "it ends on 2027-01-16")),
    fires("live-expiring", "the next one", ending(DAY, "next"), (MX, "it ends on 2027-01-16")),
    *(
        fires("live-old-tls", version, live(host(tls=version)), (MX, f"it chose {version}"))
        for version in ("SSLv3", "TLSv1", "TLSv1.1")
    ),
    fires("live-old-tls", "of another's, too", live(host("other", tls="TLSv1.1")),
          (MX, "it chose TLSv1.1")),
    fires("live-next-seen", "one of two", live(host(), host("next", address=AT_2)),
          (f"foo mx.foo.test {AT_2}", WORDS["next"])),
]  # fmt: skip

RULES = tuple(dict.fromkeys(one.rule for one in FIRING))

QUIET = [
    *(quiet(rule, "nobody asked", NOTHING) for rule in RULES),
    *(quiet(rule, "all as pinned", live(host(), host(address=AT_2))) for rule in RULES),
    quiet("live-no-route", "a host without an address",
          live(failed("no-host"), route=MailRoute(FOO, (MailHost("mx.foo.test"),)))),
    *(
        quiet("live-unreachable", outcome, live(failed(outcome)))
        for outcome in ("forbidden", "not-offered", "declined", "injected", "garbled", "tls-failed")
    ),
    *(
        quiet("live-none-reachable", f"one of two: {standing}", live(host(standing), GONE_2))
        for standing in ("pinned", "next", "authority")
    ),
    quiet("live-none-reachable", "a host that is no domain's", live(failed("timeout", domains=()))),
    quiet("live-forbidden", "out of reach", live(failed("unreachable"))),
    quiet("live-no-starttls", "closed before it said", live(failed("closed"))),
    quiet("live-injected", "declined", live(failed("declined"))),
    quiet("live-no-handshake", "not offered", live(failed("not-offered"))),
    *(
        quiet("live-other-certificate", standing, live(host(standing)))
        for standing in ("next", "authority", "renewed")
    ),
    quiet("live-other-certificate", "it presented nothing", live(failed("tls-failed"))),
    quiet("live-renewed", "another key", live(host("other"))),
    quiet("live-hosts-differ", "none is accepted", live(OTHER, host("pending"))),
    quiet("live-hosts-differ", "the old one and the next",
          live(host(), host("next", address=AT_2))),
    quiet("live-hosts-differ", "one is away", live(host(), GONE_2)),
    quiet("live-hosts-differ", "a host that is no domain's", live(host(), V6)),
    quiet("live-expiring", "the thirty-first day", ending(30 * DAY + 1)),
    quiet("live-expiring", "not accepted anyway", ending(DAY, "other")),
    quiet("live-old-tls", "1.2", live(host(tls="TLSv1.2"))),
    quiet("live-old-tls", "no handshake", live(failed("tls-failed"))),
    quiet("live-next-seen", "another's", live(host("other"))),
]  # fmt: skip
