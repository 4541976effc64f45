"""Tests of trustctl.ca.lint and trustctl.ca.pkilint: what must not be signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests import certs
from tests.ca.own import DAY, NOW, Own, own, template
from trustctl.ca import crl, ocsp, pkilint
from trustctl.ca.draft import draft
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.lint import RULES, demand, lint
from trustctl.ca.profile import load, names
from trustctl.ca.signer import KeySigner
from trustctl.errors import InputError, UsageError
from trustctl.facts.issuance import KEY_KINDS, Draft, KeyKind, Template
from trustctl.facts.names import within
from trustctl.facts.revocation import Revoked


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """A key's SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def host(ours: Own, **changed: Any) -> Draft:
    """A host's draft, changed."""
    return ours.draft(template(**changed))


def _cross(ours: Own, **changed: Any) -> Draft:
    """A peer's CA, signed anew."""
    peer = certs.authority("Foo CA")
    wanted = template(
        "peer-cross", peer.key, cross_of=peer.der, permitted=("bar.test",),  # type: ignore[arg-type]
        subject="Foo CA",
    )  # fmt: skip
    return draft(replace(wanted, **changed), ours.root.certificate, ours.kind)


WRONG: dict[str, Callable[[Own], Draft]] = {
    "within-constraints": lambda o: host(o, subject="mx.foo.test", hosts=("mx.foo.test",)),
    "within-issuer-validity": lambda o: host(o, not_after=NOW + 9000 * DAY),
    "lifetime": lambda o: host(o, not_after=NOW + 900 * DAY),
    "key": lambda o: o.draft(
        replace(template(), profile=replace(load("mta"), key_kinds=("ed25519",)))
    ),
    "key-of-its-own": lambda o: host(o, key=o.issuing.key),
    "serial": lambda o: host(o, serial=77),
    "names": lambda o: host(o, hosts=("mx.bar.test", "*.bar.test")),
    "path-length": lambda o: o.draft(
        template("issuing", permitted=("bar.test",), not_after=NOW + DAY)
    ),
    "issuer-key-usage": lambda o: host(o),
    "cross-subject": lambda o: _cross(o, public_key=spki_of(generate("ed25519").public_key())),
    "cross-held": lambda o: _cross(o, permitted=None),
}


def rules_that_fire(made: Draft, above: tuple[Any, ...]) -> set[str]:
    """The names of the rules that say error."""
    return {one.rule for one in lint(made, above) if one.level == "error"}


def leaf_above(ours: Own) -> tuple[Any, ...]:
    """A host's certificate where an issuing CA should be."""
    made = certs.Made(ours.sign(template()), ours.issuing.key)
    return (made.certificate, *ours.above)


@pytest.mark.parametrize("name", [one[0] for one in RULES])
def test_each_rule_fires_and_is_quiet(ours: Own, name: str) -> None:
    """What it is about is refused by this rule, with its source; a good draft is not."""
    above = leaf_above(ours) if name == "issuer-key-usage" else ours.above
    if name in ("cross-subject", "cross-held"):
        above = (ours.root.certificate,)
    made = WRONG[name](ours)
    assert name in rules_that_fire(made, above)
    with pytest.raises(UsageError) as caught:
        demand(lint(made, above), "x")
    assert any(f"[{name}: " in one for one in caught.value.details)
    crossed = name in ("cross-subject", "cross-held")
    good = _cross(ours) if crossed else host(ours)
    above = (ours.root.certificate,) if crossed else ours.above
    assert rules_that_fire(good, above) == set()
    demand(lint(good, above), "x")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"hosts": (), "subject": "mx.bar.test"}, "names"),
        ({"hosts": ("mx.bar.test",), "subject": "other.bar.test"}, "names"),
        ({"hosts": ("mx.bar.test.evil.test",), "subject": "mx.bar.test.evil.test"},
         "within-constraints"),
        ({"hosts": ("mxbar.test",), "subject": "mxbar.test"}, "within-constraints"),
        ({"hosts": ("mx.bar.test", "mx.foo.test")}, "within-constraints"),
        ({"not_after": NOW - 7200}, "within-issuer-validity"),
        ({"serial": 1 << 159}, "serial"),
    ],
)  # fmt: skip
def test_more_that_is_refused(ours: Own, changed: dict[str, Any], rule: str) -> None:
    """A name that only looks as if it were below the domain is not; and the like."""
    assert rule in rules_that_fire(host(ours, **changed), ours.above)


def test_a_weak_key_is_not_even_drafted(ours: Own) -> None:
    """RSA of 2048 bits, or a curve that nobody understands."""
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP521R1())):
        with pytest.raises(UsageError):
            host(ours, public_key=public(key))


def test_what_a_constrained_ca_may_pass_on(ours: Own) -> None:
    """A CA below a constrained one has to be held at least as tightly."""
    below = Own(ours.kind, ours.root, ours.issuing)
    for permitted, bad in ((None, True), (("foo.test",), True), (("a.bar.test",), False)):
        wanted = template("issuing", permitted=permitted, not_after=NOW + DAY)
        fired = rules_that_fire(below.draft(wanted), ours.above)
        assert ("within-constraints" in fired) == bad


def test_within() -> None:
    """A domain and what is below it, at a label's border (RFC 5280, 4.2.1.10)."""
    assert within("bar.test", "bar.test")
    assert within("a.b.bar.test", "bar.test")
    assert not within("xbar.test", "bar.test")
    assert not within("test", "bar.test")


def all_profiles(kind: KeyKind) -> list[bytes]:
    """A certificate of every profile, signed."""
    ours = own(kind)
    key = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    root = KeySigner(ours.root.key)  # type: ignore[arg-type]
    found = [ours.root.der, ours.issuing.der]
    peer = certs.authority("Foo CA")
    for name in names():
        wanted: Template = template(name, generate(kind))
        if not wanted.profile.ca:
            found.append(finish(ours.draft(wanted), key))
            long = ".".join(["a" * 50, "b" * 20, "bar.test"])
            found.append(finish(ours.draft(replace(wanted, subject=long, hosts=(long,))), key))
        elif name.endswith("-cross"):
            wanted = replace(wanted, cross_of=peer.der, public_key=certs_spki(peer))
            permitted = ("foo.test",) if name == "peer-cross" else None
            made = draft(replace(wanted, permitted=permitted), ours.root.certificate, kind)
            found.append(finish(made, root))
    return found


def certs_spki(made: certs.Made) -> bytes:
    """The SubjectPublicKeyInfo of a certificate."""
    return made.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_pkilint_has_no_objection(kind: KeyKind) -> None:
    """Every profile, under every kind of key: neither an error nor a warning."""
    pytest.importorskip("pkilint")
    found = all_profiles(kind)
    assert len(found) >= 2 + 3 * 2 + 2
    for der in found:
        assert pkilint.certificate(der) == []


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_pkilint_on_lists_and_staples(kind: KeyKind) -> None:
    """CRL, delta CRL, and OCSP responses of each state."""
    pytest.importorskip("pkilint")
    ours = own(kind)
    key = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    one = Revoked(1 << 100, NOW - 60, "superseded", NOW + DAY)
    start, end = NOW - 300, NOW + 9 * DAY
    for base in (None, 3):
        for entries in ((), (crl.entry(one),)):
            made = crl.sign(
                ours.issuing.der, key, entries,
                number=4, base=base, this_update=start, next_update=end,
            )  # fmt: skip
            assert pkilint.crl(made) == []
    for revoked in (None, one):
        staple = ocsp.sign(
            ours.issuing.der, key, 1 << 100, revoked, this_update=start, next_update=end
        )
        assert pkilint.ocsp(staple) == []


def test_pkilint_refuses_what_is_broken() -> None:
    """The control: a certificate as exim-gencert makes it, and bytes that are none."""
    pytest.importorskip("pkilint")
    assert pkilint.available()
    bad = certs.self_signed("mx.bar.test", ca=True)
    found = pkilint.certificate(bad.der)
    assert [one.level for one in found if "ku" in one.rule or "key" in one.rule][:1] == ["error"]
    with pytest.raises(UsageError):
        demand(found, "mx.bar.test")
    for wrong in (b"", b"\x30\x00", bad.der[:200], b"\x30\x80" + bad.der):
        with pytest.raises(InputError):
            pkilint.certificate(wrong)


def test_a_root_is_excused_from_one_rule_alone() -> None:
    """The sample of a root is signed by another key: only that it does not name its issuer's key
    is passed over, and only there."""
    pytest.importorskip("pkilint")
    sample = draft(template("root"), None, "ecdsa-p256").sample
    assert [one.rule for one in pkilint.certificate(sample)] == [
        "pkix.authority_key_identifier_extension_absent"
    ]
    assert pkilint.certificate(sample, sample_of_root=True) == []


def test_shapes(ours: Own) -> None:
    """Hosts that differ in name, key and serial are of one shape; another profile, kind of key or
    a name that is too long makes another."""
    first = pkilint.shape(ours.draft(template()), "ca")
    same = ours.draft(template(subject="b.bar.test", hosts=("b.bar.test", "c.bar.test")))
    assert pkilint.shape(same, "ca") == first
    long = "a" * 60 + ".bar.test"
    for other in (
        template("mta-client"),
        template(key=generate("ed25519")),
        template(subject=long, hosts=(long,)),
    ):
        assert pkilint.shape(ours.draft(other), "ca") != first
    assert pkilint.shape(same, "another") != first
