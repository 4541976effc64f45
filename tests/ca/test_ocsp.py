"""Tests of trustctl.ca.ocsp: what others' programs make of a staple."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.x509 import ocsp as library

from tests.ca.test_crl import DAY, NOW, authority
from tests.tools import require
from trustctl.ca import ocsp
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.facts.issuance import KeyKind, Template
from trustctl.facts.pem import pem
from trustctl.facts.revocation import REASON_CODES, Revoked


def leaf(root: tuple[bytes, KeySigner], serial: int) -> bytes:
    """A host's certificate below the root."""
    from cryptography import x509

    key = KeySigner(generate("ecdsa-p256"))
    template = Template(
        load("mta"), "mx.foo.test", ("mx.foo.test",), spki_of(key.public_key), serial, NOW - DAY,
        NOW + DAY,
    )  # fmt: skip
    issuer = x509.load_der_x509_certificate(root[0])
    return finish(draft(template, issuer, root[1].kind), root[1])


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "rsa-3072"])
@pytest.mark.parametrize("reason", [None, "unspecified", "key-compromise"])
def test_openssl_and_gnutls_verify_a_response(
    kind: KeyKind, reason: str | None, tmp_path: Path
) -> None:
    """Good or revoked, for this certificate, by its issuer; for another certificate, or of another
    issuer, it proves nothing."""
    require("openssl", "ocsptool")
    root, serial = authority(kind), new_serial()
    files = {
        "root": pem(root[0]), "leaf": pem(leaf(root, serial)),
        "twin": pem(leaf(root, new_serial())), "other": pem(authority(kind)[0]),
    }  # fmt: skip
    paths = {}
    for name, text in files.items():
        paths[name] = tmp_path / f"{name}.pem"
        paths[name].write_bytes(text)
    revoked = None if reason is None else Revoked(serial, NOW - 60, reason, NOW + DAY)
    response = tmp_path / "response"
    response.write_bytes(
        ocsp.sign(*root, serial, revoked, this_update=NOW - 300, next_update=NOW + DAY)
    )
    for issuer, subject, verifies in (
        ("root", "leaf", True), ("root", "twin", False), ("other", "leaf", False),
    ):  # fmt: skip
        told = subprocess.run(
            ["openssl", "ocsp", "-respin", str(response), "-issuer", str(paths[issuer]), "-cert",
             str(paths[subject]), "-CAfile", str(paths[issuer]), "-verify_other",
             str(paths[issuer]), "-no_nonce"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = "good" if reason is None else "revoked"
        assert (f"leaf.pem: {said}" in told.stdout) is verifies, told
        assert ("Response verify OK" in told.stderr) is (issuer == "root")
    for issuer, verifies in (("root", True), ("other", False)):
        told = subprocess.run(
            ["ocsptool", "--verify-response", "--load-signer", str(paths[issuer]),
             "--load-response", str(response)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ("Verifying OCSP Response: Success" in told.stdout) is verifies


@pytest.mark.parametrize("reason", [None, *REASON_CODES])
def test_the_library_reads_every_reason(reason: str | None) -> None:
    """The reason, the moments and the serial number are those that were given."""
    root, serial = authority(), new_serial()
    revoked = None if reason is None else Revoked(serial, NOW - 60, reason, NOW + DAY)
    found = library.load_der_ocsp_response(
        ocsp.sign(*root, serial, revoked, this_update=NOW - 300, next_update=NOW + DAY)
    )
    assert found.serial_number == serial
    assert int(found.this_update_utc.timestamp()) == NOW - 300
    assert found.next_update_utc is not None
    assert int(found.next_update_utc.timestamp()) == NOW + DAY
    if reason is None:
        assert found.certificate_status is library.OCSPCertStatus.GOOD
        return
    assert found.certificate_status is library.OCSPCertStatus.REVOKED
    flag = found.revocation_reason
    code = None if flag is None else flag.name.replace("_", "-")
    assert code == (None if reason == "unspecified" else reason)
