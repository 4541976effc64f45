"""Tests of trustctl.ca.crl: what others' programs make of a list."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509

from tests import certs
from tests.tools import output, require
from trustctl.ca import crl
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.errors import InputError
from trustctl.facts.issuance import KEY_KINDS, KeyKind, Template
from trustctl.facts.pem import pem
from trustctl.facts.revocation import REASON_CODES, Revoked
from trustctl.inventory.issuances import REASONS

DAY = 86400
NOW = int(time.time())


def authority(kind: KeyKind = "ecdsa-p256") -> tuple[bytes, KeySigner]:
    """A root as trustctl makes it."""
    signer = KeySigner(generate(kind))
    template = Template(
        load("root"), "Our root", (), spki_of(signer.public_key), new_serial(), NOW - DAY,
        NOW + 900 * DAY,
    )  # fmt: skip
    return finish(draft(template, None, kind), signer), signer


@pytest.fixture(scope="module")
def ours() -> tuple[bytes, KeySigner]:
    """A root with its key."""
    return authority()


def revoked(serial: int = 77, reason: str = "superseded", end: int = NOW + DAY) -> Revoked:
    """One revoked certificate."""
    return Revoked(serial, NOW - 60, reason, end)


def signed(
    ours: tuple[bytes, KeySigner], *found: Revoked, number: int = 5, base: int | None = None
) -> bytes:
    """A list of these."""
    return crl.sign(
        *ours,
        crl.due_entries(found, None),
        number=number,
        base=base,
        this_update=NOW - 300,
        next_update=NOW + 9 * DAY,
    )


def test_a_list_that_is_signed_elsewhere_counts_as_it_is(ours: tuple[bytes, KeySigner]) -> None:
    """When something was revoked is known where the key is: what the list names is not due, what
    it does not name is; for a list of our own another moment is another entry."""
    there = crl.read(signed(ours, revoked(), revoked(78)))
    here = [Revoked(77, NOW - 5, "unspecified", NOW + DAY)]
    assert crl.due_entries(here, there, here=False) == there.entries
    assert crl.due_entries(here, there) != there.entries
    more = [*here, revoked(79)]
    assert crl.due_entries(more, there, here=False) == (*there.entries, crl.entry(revoked(79)))
    assert crl.due_entries(here, None, here=False) == crl.due_entries(here, None)


def test_every_reason_has_a_code() -> None:
    """What can be typed can be signed, by RFC 5280's numbers."""
    assert tuple(REASON_CODES) == REASONS
    for name, code in REASON_CODES.items():
        flag = x509.ReasonFlags.unspecified
        one = signed(authority(), revoked(reason=name))
        found = x509.load_der_x509_crl(one).get_revoked_certificate_by_serial_number(77)
        assert found is not None
        if code is None:
            assert not list(found.extensions)  # SHOULD be absent (5.3.1)
        else:
            flag = found.extensions.get_extension_for_class(x509.CRLReason).value.reason
            assert flag.name.replace("_", "-") == name


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_openssl_and_gnutls_verify_a_list(kind: KeyKind, tmp_path: Path) -> None:
    """For each kind of key that they know; another CA's certificate does not verify it."""
    require("openssl", "certtool")
    der, signer = authority(kind)
    text = signed((der, signer), revoked(), revoked(78, "unspecified"))
    root, other, path = (tmp_path / one for one in ("root.pem", "other.pem", "crl.pem"))
    root.write_bytes(pem(der))
    other.write_bytes(pem(authority(kind)[0]))
    path.write_bytes(pem(text, "X509 CRL"))
    if kind == "ml-dsa-65":
        assert crl.look(text, der).number == 5  # OpenSSL 3.0 and GnuTLS 3.7 do not know the key
        return
    for file, verifies in ((root, True), (other, False)):
        told = subprocess.run(
            ["openssl", "crl", "-in", str(path), "-verify", "-CAfile", str(file), "-noout"],
            capture_output=True, check=False,
        )  # fmt: skip
        assert (b"verify OK" in told.stderr) is verifies
        told = subprocess.run(
            ["certtool", "--verify-crl", "--load-ca-certificate", str(file), "--infile", str(path)],
            capture_output=True, check=False,
        )  # fmt: skip
        assert (b"Verified. The certificate is trusted" in told.stdout) is verifies
    shown = output("openssl", "crl", "-in", str(path), "-noout", "-text").decode()
    for one in ("Version 2", "X509v3 CRL Number: \n                5", "Authority Key Identifier",
                "Serial Number: 4D", "Superseded"):  # fmt: skip
        assert one in shown


def test_a_list_says_what_the_library_reads(ours: tuple[bytes, KeySigner]) -> None:
    """Issuer, key, number, times and entries; after 2049 too."""
    late = Revoked(5, 2_600_000_000, "key-compromise", 2_700_000_000)
    text = crl.sign(
        *ours, [crl.entry(revoked()), crl.entry(late)], number=1 << 70, base=None,
        this_update=2_600_000_000, next_update=2_600_900_000,
    )  # fmt: skip
    found = x509.load_der_x509_crl(text)
    root = x509.load_der_x509_certificate(ours[0])
    assert found.issuer == root.subject
    assert found.is_signature_valid(root.public_key())  # type: ignore[arg-type]
    assert [one.serial_number for one in found] == [77, 5]
    assert [int(one.revocation_date_utc.timestamp()) for one in found] == [NOW - 60, 2_600_000_000]
    assert found.next_update_utc is not None
    assert int(found.next_update_utc.timestamp()) == 2_600_900_000
    number = found.extensions.get_extension_for_class(x509.CRLNumber).value
    assert number.crl_number == 1 << 70
    key = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert key.key_identifier == crl.key_identifier(ours[0])


def test_an_empty_list_has_no_list(ours: tuple[bytes, KeySigner]) -> None:
    """revokedCertificates MUST be absent then (RFC 5280, 5.1.2.6)."""
    found = x509.load_der_x509_crl(signed(ours))
    assert len(found) == 0
    assert crl.read(signed(ours)).entries == ()


def test_a_delta_is_marked_and_names_its_base(ours: tuple[bytes, KeySigner]) -> None:
    """deltaCRLIndicator is critical: who knows no deltas refuses it (RFC 5280, 5.2.4)."""
    text = signed(ours, revoked(), number=6, base=5)
    found = x509.load_der_x509_crl(text).extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert found.critical
    assert found.value.crl_number == 5
    assert crl.read(text).base == 5


def test_what_expired_is_named_once_more(ours: tuple[bytes, KeySigner]) -> None:
    """By one list that was issued after the expiry, and by none from then on (RFC 5280, 3.3)."""
    gone, stays = revoked(1, end=NOW - 600), revoked(2)
    first = crl.read(signed(ours, gone, stays))  # issued after the first has expired
    assert crl.due_entries([gone, stays], first) == (crl.entry(stays),)
    before = revoked(1, end=NOW - 299)  # it expired after that list was issued
    earlier = crl.read(signed(ours, before, stays))
    assert crl.due_entries([before, stays], earlier) == (crl.entry(before), crl.entry(stays))
    # revoked after it had expired, and so on no list yet
    assert crl.entry(gone) in crl.due_entries([gone, stays], crl.read(signed(ours, stays)))


def test_only_the_authority_s_own_list_is_taken(ours: tuple[bytes, KeySigner]) -> None:
    """Another key under the same name, another name, an altered byte, or bytes behind it."""
    text, other = signed(ours, revoked()), authority()
    assert crl.look(text, ours[0]).number == 5
    forged = crl.sign(
        ours[0], ours[1], (), number=9, base=None, this_update=NOW, next_update=NOW + 1
    )
    for certificate, data in (
        (other[0], text),
        (ours[0], text[:-1] + bytes((text[-1] ^ 1,))),
        (ours[0], text + b"\0"),
        (ours[0], certs.self_signed().der),
        (ours[0], b""),
    ):
        with pytest.raises(InputError):
            crl.look(data, certificate)
    assert crl.look(forged, ours[0]).number == 9
    with pytest.raises(InputError):
        crl.sign(ours[0], other[1], (), number=1, base=None, this_update=1, next_update=2)


def test_a_hundred_thousand_entries_are_read_back(ours: tuple[bytes, KeySigner]) -> None:
    """Each once, in order, and the same list again gives the same bytes to sign."""
    many = [
        Revoked(new_serial(), NOW - one % 999, "superseded", NOW + DAY) for one in range(100_000)
    ]
    found = crl.read(signed(ours, *many))
    assert len(found.entries) == len(set(found.entries)) == 100_000
    assert crl.due_entries(many, found) == found.entries
    assert crl.serials(found.entries[:3]) == {one.serial for one in many[:3]}


def test_the_key_s_hash_is_the_subject_key_identifier(ours: tuple[bytes, KeySigner]) -> None:
    """As RFC 5280, 4.2.1.2, method 1; the library computes the same."""
    root = x509.load_der_x509_certificate(ours[0])
    key = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    assert crl.key_hash(ours[0]) == key.digest == crl.key_identifier(ours[0])
    assert crl.subject(ours[0]) == root.subject.public_bytes()
    plain = certs.self_signed()  # without the extension: the same hash
    assert crl.key_identifier(plain.der) == crl.key_hash(plain.der)
