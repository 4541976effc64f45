"""Tests of trustctl.ca.series: a thousand hosts at once, to the byte as the library drafts each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from tests.ca.own import DAY, DOMAIN, NOW, Own, own, template
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.lint import lint
from trustctl.ca.series import Series
from trustctl.ca.signer import KeySigner
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.der import signed_parts
from trustctl.facts.issuance import KEY_KINDS, KeyKind, Template

LONG = f"{'a' * 60}.{DOMAIN}"
MANY = tuple(f"mx{number}.{DOMAIN}" for number in range(100))
HOSTS: tuple[tuple[str, ...], ...] = (
    (f"mx.{DOMAIN}",),
    (f"mx.{DOMAIN}", f"mail.{DOMAIN}", f"xn--bcher-kva.{DOMAIN}"),
    MANY,
    (LONG,),
    (LONG, *MANY),
)


def hosts(profile: str, kind: KeyKind, **changed: object) -> list[Template]:
    """One host of each shape that names can have."""
    return [
        template(profile, generate(kind), subject=names[0], hosts=names, **changed)
        for names in HOSTS
    ]


@pytest.mark.parametrize("profile", ["mta", "mta-server", "mta-client"])
@pytest.mark.parametrize("first", range(len(HOSTS)))
def test_a_series_drafts_what_the_library_drafts(ours: Own, profile: str, first: int) -> None:
    """Whichever host comes first: the TBS, its hash, the key's pin and what they would be signed
    with are the library's for each of the others."""
    wanted = hosts(profile, "ecdsa-p256", not_before=NOW - 3600, not_after=NOW + 30 * DAY)
    series = Series(wanted[first], ours.issuing.certificate, ours.kind)
    for one in wanted:
        made, by_library = series.draft(one), ours.draft(one)
        assert replace(made, sample=b"") == replace(by_library, sample=b"")
        assert signed_parts(made.sample)[:2] == (made.tbs, made.algorithm)
        assert x509.load_der_x509_certificate(made.sample).tbs_certificate_bytes == made.tbs


@pytest.mark.parametrize("serial", [1 << 64, (1 << 127) - 1, 1 << 126, (1 << 159) - 1, 0x80 << 120])
def test_serial_numbers(ours: Own, serial: int) -> None:
    """None is written with an octet too many, or as a negative number."""
    series = Series(template(), ours.issuing.certificate, ours.kind)
    wanted = template(serial=serial)
    assert series.draft(wanted).tbs == ours.draft(wanted).tbs


@pytest.mark.parametrize("year", [2049, 2050])
def test_either_form_of_time(ours: Own, year: int) -> None:
    """The validity is the first one's own bytes, whichever form it has (RFC 5280, 4.1.2.5)."""
    end = (year - 1970) * 31556952 + 100 * DAY
    first, second = template(not_after=end), template(not_after=end)
    series = Series(first, ours.issuing.certificate, ours.kind)
    assert series.draft(second).tbs == ours.draft(second).tbs


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_every_kind_of_key(kind: KeyKind) -> None:
    """An authority of any kind signs hosts of any kind, and the facts of each are what a parser
    says of its certificate, though their keys differ within the series."""
    ours = own(kind)
    signer = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    wanted = [
        template(key=generate(each), subject=names[0], hosts=names)
        for names in HOSTS[:4]
        for each in KEY_KINDS
        if each != "rsa-3072" or len(names) == 1  # one takes a second
    ]
    series = Series(wanted[0], ours.issuing.certificate, kind)
    for one in wanted:
        made = series.draft(one)
        assert made.tbs == ours.draft(one).tbs
        der = finish(made, signer)
        assert series.facts(made, der) == parse_certificate(der)


def test_keys_of_one_length_and_different_kinds(ours: Own) -> None:
    """What is remembered of one kind is not said of another that is as long."""
    wanted = [
        replace(template(), public_key=spki_of(key))  # type: ignore[arg-type]
        for key in (
            ed25519.Ed25519PrivateKey.generate().public_key(),
            x25519.X25519PrivateKey.generate().public_key(),
        ) * 2
    ]  # fmt: skip
    assert len({len(one.public_key) for one in wanted}) == 1
    series = Series(template(), ours.issuing.certificate, ours.kind)
    signer = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    kinds = []
    for one in wanted:
        made = series.draft(one)
        der = finish(made, signer)
        assert series.facts(made, der) == parse_certificate(der)
        kinds.append(series.facts(made, der).key_kind)
        key: Any = x509.load_der_x509_certificate(der).public_key()
        assert x509.SubjectKeyIdentifier.from_public_key(key).digest in made.tbs
    assert kinds[0] != kinds[1]
    assert kinds[2:] == kinds[:2]


def test_another_validity_or_profile_is_another_series(ours: Own) -> None:
    """What all of a series have in common is not silently given to a template that differs."""
    series = Series(template(), ours.issuing.certificate, ours.kind)
    for other in (
        template(not_after=NOW + DAY),
        template("mta-client"),
        template(permitted=(DOMAIN,)),
        template("issuing"),
    ):
        with pytest.raises(ValueError, match="another series"):
            series.draft(other)


def test_lint_sees_each_host(ours: Own) -> None:
    """The sample of a host that must not be certified is refused as the library's is."""
    series = Series(template(), ours.issuing.certificate, ours.kind)
    outside = template(subject="mx.foo.test", hosts=("mx.foo.test",))
    said = [one.rule for one in lint(series.draft(outside), ours.above)]
    assert said == [one.rule for one in lint(ours.draft(outside), ours.above)]
    assert "within-constraints" in said
    assert not lint(series.draft(template()), ours.above)
