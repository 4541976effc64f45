"""Tests of ``trustctl ca sign``: whose names, whose key, and what is never taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from tests import certs
from tests.authority import OwnCa
from tests.commands.ca.verifiers import both, openssl
from tests.tools import require

MX = "mx.bar.test"


def csr(ca: OwnCa, *names: str, key: str = "ec", more: tuple[str, ...] = ()) -> tuple[Path, Path]:
    """A request as OpenSSL makes it, and its key."""
    folder = ca.console.folder
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") if key == "ec" else (
        "-newkey", key)  # fmt: skip
    alternatives = ",".join(f"DNS:{one}" for one in names)
    extension = ("-addext", f"subjectAltName={alternatives}") if names else ()
    text = certs.openssl(
        "req", "-new", *kind, "-nodes", "-keyout", str(folder / "their.key"), "-subj",
        "/O=Bar/CN=someone", *extension, *more,
    )  # fmt: skip
    path = folder / "their.csr"
    path.write_bytes(text)
    return path, folder / "their.key"


def test_the_names_of_the_request(ca: OwnCa) -> None:
    """The chain on stdout is for the request's key and names; others verify it; what was ignored is
    said."""
    require("certtool")
    path, key = csr(ca, MX, "mail.bar.test")
    ran = ca("sign", str(path))
    chain = Path(ca.console.write("chain.crt", ran.out.encode()))
    root = ca.certificate("root")
    assert both(root, chain)
    for name in (MX, "mail.bar.test"):
        assert openssl(root, chain, "-verify_hostname", name)
    assert not openssl(root, chain, "-verify_hostname", "someone")
    assert certs.openssl("x509", "-in", str(chain), "-pubkey", "-noout") == (
        certs.openssl("pkey", "-in", str(key), "-pubout")
    )
    assert "the subject's common name" in ran.err
    assert "2.5.4.10" in ran.err
    ca.console("journal", "verify")


def test_names_that_are_typed_count_alone(ca: OwnCa) -> None:
    """The request's own are dropped, and said to be."""
    path, _key = csr(ca, "evil.bar.test", MX)
    out = ca.console.folder / "mx.crt"
    ran = ca("sign", str(path), MX, "--out", str(out))
    (leaf, _issuer) = x509.load_pem_x509_certificates(out.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [MX]
    assert "its name evil.bar.test" in ran.err
    assert leaf.subject.rfc4514_string() == f"CN={MX}"


def test_a_request_makes_no_ca(ca: OwnCa) -> None:
    """Whatever it asks for: no authority, no other use, no other lifetime."""
    more = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    path, _key = csr(ca, MX, more=more)
    ran = ca("sign", str(path))
    leaf = x509.load_pem_x509_certificates(ran.out.encode())[0]
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.key_cert_sign
    assert "2.5.29.19" in ran.err


@pytest.mark.parametrize(
    ("names", "key", "words", "code"),
    [
        ((), "ec", (), 2),
        (("mx.foo.test",), "ec", (), 2),
        ((MX,), "ec", ("mx.foo.test",), 2),
        ((MX, "www.foo.test"), "ec", (), 2),
        (("*.bar.test",), "ec", (), 4),
        ((MX,), "rsa:2048", (), 2),
        ((MX,), "ec", ("--profile", "issuing"), 2),
        ((MX,), "ec", ("--profile", "root"), 2),
        ((MX,), "ec", ("--days", "900"), 2),
        ((MX,), "ec", ("--out", "their.key"), 7),
    ],
    ids=str,
)
def test_what_is_refused(
    ca: OwnCa, names: tuple[str, ...], key: str, words: tuple[str, ...], code: int
) -> None:
    """Names outside of the constraints, wildcards, weak keys, authorities: nothing is signed."""
    path, _key = csr(ca, *names, key=key)
    ca.console.fails("ca", "sign", str(path), *words, code=code)


def test_an_out_file_is_new_or_not_written(ca: OwnCa) -> None:
    """A failing command leaves no empty file behind."""
    path, _key = csr(ca, "mx.foo.test")
    ca.console.fails("ca", "sign", str(path), "--out", "mx.crt", code=2)
    assert not (ca.console.folder / "mx.crt").exists()
    ca.console.fails("ca", "sign", "absent.csr", code=4)


def test_a_key_that_was_compromised(ca: OwnCa) -> None:
    """Whoever has it cannot have it certified again, under another name either."""
    path, _key = csr(ca, MX, "mx2.bar.test")
    ca("sign", str(path), MX)
    ca("revoke", MX, "--reason", "key-compromise", "--yes")
    ca.console.fails("ca", "sign", str(path), "mx2.bar.test", code=5)


def test_a_key_that_is_distrusted(ca: OwnCa) -> None:
    """It is certified for nobody."""
    path, key = csr(ca, MX)
    public = certs.openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER")
    pin = certs.openssl("dgst", "-sha256", "-r", stdin=public).decode().split()[0]
    ca.console("distrust", f"spki:{pin}", "--reason", "stolen", "--yes")
    ca.console.fails("ca", "sign", str(path), code=5)


def test_json_has_the_chain(ca: OwnCa) -> None:
    """A program gets the certificate too."""
    path, _key = csr(ca, MX)
    (one,) = ca("sign", str(path), "--json").json
    assert len(x509.load_pem_x509_certificates(one["chain"].encode())) == 2
    assert (one["host"], one["certificate"], one["key"]) == (MX, None, None)
    assert ca("certificate", MX).out == one["chain"]
