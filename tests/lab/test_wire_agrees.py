"""What ``probe`` calls accepted is what a real Exim delivers to, and nothing else is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests import certs
from tests.certs import DAY, Made
from tests.lab.lab import Lab
from tests.lab.senders import peer, trusted
from trustctl.commands.wire.known import Judge, Known
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.records import Peer, Pin, Role, Settings, Vouch
from trustctl.facts.wire import Endpoint, Sighting, WireSettings

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-wire-hosts")]
FOO, MX = "foo.test", "mx.foo.test"
NOW = int(time.time())
ENDED: Any = {"not_before": NOW - 9 * DAY, "days": 8}
ROOT, STRANGER, OTHER = certs.authority("Foo CA"), certs.authority("Foo CA"), certs.authority("X")
INTER = certs.issue(ROOT, (), ca=True, subject="Inter")
LEAF, DIRECT = certs.issue(INTER, MX), certs.issue(ROOT, MX)
OWN = certs.self_signed(MX)


def inter(
    issuer: Made = ROOT, *, ca: bool | None = True, not_before: int | None = None, days: float = 90
) -> Made:
    """Another certificate with the name and the key of the intermediate one."""
    return certs.issue(
        issuer, (), ca=ca, subject="Inter", key=INTER.key, not_before=not_before, days=days
    )


def cross(*, not_before: int | None = None, days: float = 90) -> Made:
    """The root's key, certified by another authority."""
    return certs.issue(
        OTHER, (), ca=True, subject="Foo CA", key=ROOT.key, not_before=not_before, days=days
    )


def held_to(domain: str) -> Made:
    """As the intermediate one, for these names alone."""
    kept = INTER.certificate
    assert isinstance(INTER.key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(kept.subject)
        .issuer_name(kept.issuer)
        .public_key(INTER.key.public_key())
        .serial_number(77)
        .not_valid_before(kept.not_valid_before_utc)
        .not_valid_after(kept.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName(domain)], None), critical=True)
    )
    assert isinstance(ROOT.key, ec.EllipticCurvePrivateKey)
    return Made(builder.sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER), INTER.key)


def damaged(one: Made) -> Made:
    """With one bit of its signature turned."""
    return Made(one.der[:-1] + bytes([one.der[-1] ^ 1]), one.key)


def unknown(one: Made) -> Made:
    """Signed by an algorithm that nobody knows."""
    known, made_up = (bytes.fromhex(f"06082a8648ce3d0403{last}") for last in ("02", "7f"))
    return Made(one.der.replace(known, made_up), one.key)


def others(count: int) -> list[Made]:
    """Certificates that have nothing to do with it."""
    return [certs.authority(f"x{at}") for at in range(count)]


AUTHORITY: dict[str, tuple[bool, list[Made]]] = {
    "signed": (True, [DIRECT]),
    "signed, its root sent along": (True, [DIRECT, ROOT]),
    "below an intermediate": (True, [LEAF, INTER]),
    "in another order": (True, [LEAF, ROOT, INTER]),
    "a wildcard": (True, [certs.issue(ROOT, "*.foo.test")]),
    "its name as common name": (True, [certs.issue(ROOT, (), subject=MX)]),
    "an intermediate for its names": (True, [LEAF, held_to("foo.test")]),
    "a good intermediate, then an expired one": (True, [LEAF, INTER, inter(**ENDED)]),
    "its root certified by another": (True, [DIRECT, cross()]),
    "its root certified by another, expired": (True, [LEAF, INTER, cross(**ENDED)]),
    "with 15 others": (True, [LEAF, INTER, *others(15)]),
    "the intermediate is not sent": (False, [LEAF]),
    "for other names": (False, [certs.issue(ROOT, "mx2.foo.test")]),
    "for other names, its own as common name": (
        False,
        [certs.issue(ROOT, "mx2.foo.test", subject=MX)],
    ),
    "signed by another key": (False, [certs.issue(STRANGER, MX)]),
    "a damaged signature": (False, [damaged(DIRECT)]),
    "an unknown signature": (False, [unknown(DIRECT)]),
    "a SHA-1 signature": (False, [certs.issue(ROOT, MX, signed_with="sha1")]),
    "expired": (False, [certs.issue(ROOT, MX, **ENDED)]),
    "not valid yet": (False, [certs.issue(ROOT, MX, not_before=NOW + DAY)]),
    "an expired intermediate": (False, [LEAF, inter(**ENDED)]),
    "an expired intermediate, then a good one": (False, [LEAF, inter(**ENDED), INTER]),
    "an intermediate that is no CA": (False, [LEAF, inter(ca=False)]),
    "an intermediate that does not say": (False, [LEAF, inter(ca=None)]),
    "an intermediate for other names": (False, [LEAF, held_to("bar.test")]),
    "an intermediate of another": (False, [LEAF, inter(OTHER), OTHER]),
}
HOST: dict[str, tuple[bool, list[Made], list[Made]]] = {
    "alone": (True, [OWN], []),
    "with 16 others": (True, [OWN, *others(16)], []),
    "a CA's, alone": (True, [LEAF], []),
    "a CA's, with its root": (True, [DIRECT, ROOT], []),
    "a CA's, with its issuer, which is exported": (True, [LEAF, INTER], [INTER]),
    "a CA's, with its issuer, whose root is exported": (True, [LEAF, INTER], [ROOT]),
    "a CA's, with another issuer than is exported": (True, [LEAF, inter()], [INTER]),
    "a CA's, with its issuer": (False, [LEAF, INTER], []),
    "a CA's, with all of its chain": (False, [LEAF, INTER, ROOT], []),
    "a CA's, with an issuer, another's is exported": (False, [LEAF, INTER], [OTHER]),
    "a CA's, with an issuer that has ended": (False, [LEAF, inter(**ENDED)], [inter(**ENDED)]),
}


def accepted(role: Role, pinned: Made, chain: list[Made], carried: list[Made]) -> bool:
    """Whether a probe calls this chain accepted, where this certificate is pinned."""
    facts = parse_certificate(pinned.der)
    vouch = Vouch(1, "foo", facts.fingerprint, "Ann", "phone", "", NOW - 5)
    pin = Pin(1, "foo", role, facts, NOW - 5, "root", vouches=(vouch,))
    known = Known(
        {"foo": Peer("foo", (FOO,), (), (pin,), NOW - 5)},
        Settings(),
        WireSettings(),
        frozenset(),
        authorities={facts.fingerprint: pinned.der} if role == "authority" else {},
        issuers={facts.fingerprint: tuple(one.der for one in carried)},
    )
    seen = Sighting(
        Endpoint(MX, "203.0.113.1", 25, "smtp"),
        NOW,
        "presented",
        tls="TLSv1.3",
        chain=tuple(one.der for one in chain),
    )
    return Judge(known, NOW).live(seen, "foo", (FOO,)).accepted


def delivered(lab: Lab, chain: list[Made]) -> bool:
    """Whether Exim delivers to a host that presents this."""
    if lab.openssl:
        pytest.skip("what a probe says is what GnuTLS does")
    mx = lab.mx("agrees", OWN)
    mx.present(*chain)
    lab.route(FOO, mx, MX)
    return bool(lab.us.send("bob@foo.test").delivered)


@pytest.mark.parametrize("name", AUTHORITY)
def test_below_an_authority(lab: Lab, name: str) -> None:
    """Whatever is amiss with a chain, or looks so and is not."""
    good, chain = AUTHORITY[name]
    lab.us.trust(peer(FOO, trusted(ROOT, "authority")))
    assert delivered(lab, chain) is good
    assert accepted("authority", ROOT, chain, []) is good


@pytest.mark.parametrize("name", HOST)
def test_above_a_pinned_certificate(lab: Lab, name: str) -> None:
    """What a host presents above it, and what is exported beside it."""
    good, chain, carried = HOST[name]
    lab.us.trust(peer(FOO, trusted(chain[0], issuers=carried)))
    assert delivered(lab, chain) is good
    assert accepted("host", chain[0], chain, carried) is good
