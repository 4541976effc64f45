"""For each audit rule about our own CA, facts in which it fires and does not."""

from __future__ import annotations

from tests.policy.cases import FOO, fires, one, quiet
from tests.policy.inventory import DAY, NOW, digest, inventory, peer, pin, state, target
from trustctl.facts.audit import AuditFacts
from trustctl.facts.issuance import Authority, Issuance
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.records import Revocation
from trustctl.facts.revocation import CaFacts, SignedStatus

CA = "main/issuing-1"
MX = "mx.our.test"
SPKI = digest("our CA's key")
REVOKED = Revocation(NOW - DAY, "superseded")
HELD = f"set={digest('s')}.pem authority=yes names=on crl=main.pem via=AB"


def day(days: int) -> str:
    """The day so many days from now."""
    return format_date(NOW + days * DAY)


def own(**changes: object) -> AuditFacts:
    """An inventory with these facts about our CA."""
    return inventory(peer(), ca=CaFacts(**changes))  # type: ignore[arg-type]


def listed(left: int) -> AuditFacts:
    """A list of 30 days' life with so many days left."""
    end = NOW + left * DAY
    return own(statuses=(SignedStatus("CRL", CA, end - 30 * DAY, end, "trustctl ca crl"),))


def ours(left: int, retired: int | None = None) -> AuditFacts:
    """An issuing CA that ends in so many days."""
    found = Authority(
        1, "main", "issuing", 1, "file:x", digest("ca"), SPKI, b"", "CN=x", NOW - DAY,
        NOW + left * DAY, None, NOW - DAY, retired,
    )  # fmt: skip
    return own(authorities=(found,), leaf_days=365)


def issued(left: int, fingerprint: str | None = digest("our certificate")) -> Issuance:
    """A host's certificate that ends in so many days."""
    return Issuance(
        1, SPKI, "1f", digest("tbs"), "mta", MX, (MX,), digest("host"), NOW - DAY,
        NOW + left * DAY, NOW - DAY, "ann", fingerprint,
    )  # fmt: skip


def host(left: int) -> AuditFacts:
    """A host of ours."""
    return own(hosts=(("main", issued(left)),))


def exported(there: str, ought: str) -> AuditFacts:
    """What of the lists lies at the target, and what ought to."""
    lies = {"crl/main.pem": there} if there else {}
    return inventory(
        peer(),
        targets=(
            target(
                state=state(entries=target().entries, more=lies),
                more={"crl/main.pem": ought} if ought else {},
            ),
        ),
    )


def held(*lists: str) -> AuditFacts:
    """A domain that is held to a list, and the lists that there are."""
    more = {one: digest(one) for one in lists}
    known = target(entries={"foo.test": HELD}, more=more)
    return inventory(peer(), targets=(known,))


FIRING = [
    fires("revocation-ends", "in three days", listed(3),
          (CA, f"the CRL ends on {format_moment(NOW + 3 * DAY)}")),
    fires("revocation-ends", "yesterday", listed(-1),
          (CA, f"the CRL ended on {format_moment(NOW - DAY)}")),
    fires("revocation-ends-soon", "a third is left", listed(10),
          (CA, f"the CRL ends on {format_moment(NOW + 10 * DAY)}")),
    fires("revocation-unlisted", "two", own(unlisted=((CA, 2),)),
          (CA, "revoked and not listed: 2")),
    fires("revocation-not-exported", "an older list", exported("a", "b"),
          ("/etc/exim4", "not the newest: crl/main.pem")),
    fires("revocation-not-exported", "none", exported("", "b"),
          ("/etc/exim4", "not the newest: crl/main.pem")),
    fires("crl-missing", "no list", held(), ("foo.test", "there is no crl/main.pem")),
    fires("crl-missing", "another's", held("crl/other.pem"),
          ("foo.test", "there is no crl/main.pem")),
    fires("pin-revoked", "it stands", one(pin(revocation=REVOKED)),
          (FOO, f"revoked on {day(-1)}: superseded")),
    fires("ca-expires", "sooner than a leaf", ours(364), (CA, f"ends on {day(364)}")),
    fires("ca-expires-in-30-days", "soon", ours(30), (CA, f"ends on {day(30)}")),
    fires("ca-expires-in-30-days", "it has ended", ours(-1), (CA, f"ends on {day(-1)}")),
    fires("host-expires-in-7-days", "soon", host(7), (MX, f"its certificate ends on {day(7)}")),
    fires("host-expires-in-7-days", "it has ended", host(-1),
          (MX, f"its certificate ended on {day(-1)}")),
    fires("host-expires-in-30-days", "in time", host(30),
          (MX, f"its certificate ends on {day(30)}")),
    fires("issuance-unfinished", "a killed run", own(unfinished=(issued(90, None),)),
          (f"{SPKI[:4]} {SPKI[4:8]} {SPKI[8:12]} {SPKI[12:16]}".upper(), f"never signed: {MX}")),
]  # fmt: skip

QUIET = [
    quiet("revocation-ends", "four days", listed(4)),
    quiet("revocation-ends-soon", "more than a third", listed(11)),
    quiet("revocation-ends-soon", "that is an error already", listed(3)),
    quiet("revocation-unlisted", "all are listed", own()),
    quiet("revocation-not-exported", "the newest", exported("b", "b")),
    quiet("crl-missing", "it is there", held("crl/main.pem")),
    quiet("pin-revoked", "it is retired", one(pin(revocation=REVOKED, retired_at=NOW - 1))),
    quiet("ca-expires", "a leaf fits", ours(366)),
    quiet("ca-expires-in-30-days", "there is time", ours(31)),
    quiet("ca-expires-in-30-days", "it is retired", ours(3, NOW - DAY)),
    quiet("host-expires-in-7-days", "eight days", host(8)),
    quiet("host-expires-in-7-days", "long gone", host(-31)),
    quiet("host-expires-in-30-days", "there is time", host(31)),
    quiet("issuance-unfinished", "all were signed", host(90)),
]
