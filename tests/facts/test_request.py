"""Certificate requests (PKCS #10): what is taken, what is said to be ignored, what is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import certs
from trustctl.errors import InputError
from trustctl.facts.request import parse_request

MX = "mx.bar.test"
_KEY = ec.generate_private_key(ec.SECP256R1())


def request(
    *names: x509.GeneralName, cn: Sequence[str] = (), more: Sequence[x509.ExtensionType] = ()
) -> x509.CertificateSigningRequest:
    """A request with these names."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one) for one in cn])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for one in more:
        builder = builder.add_extension(one, critical=True)
    return builder.sign(_KEY, hashes.SHA256())


def pem(made: x509.CertificateSigningRequest) -> bytes:
    """The request in PEM."""
    return made.public_bytes(Encoding.PEM)


def refused(data: bytes) -> InputError:
    """The error with which it is refused; there is no other."""
    with pytest.raises(InputError) as caught:
        parse_request(data, "mx.csr")
    return caught.value


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_names_and_key_are_taken(encoding: Encoding) -> None:
    """The dNSNames in lower case, and the key as it is; in PEM or DER."""
    made = request(x509.DNSName("MX.bar.test"), x509.DNSName("mail.bar.test"))
    facts = parse_request(made.public_bytes(encoding), "mx.csr")
    assert facts.hosts == (MX, "mail.bar.test")
    assert facts.ignored == ()
    key = certs.openssl("req", "-pubkey", "-noout", "-inform", "DER", stdin=made.public_bytes(
        Encoding.DER))  # fmt: skip
    assert facts.public_key == certs.openssl("pkey", "-pubin", "-outform", "DER", stdin=key)


def test_a_request_of_openssl() -> None:
    """What people's tools make is read, also under the older label."""
    made = certs.openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "/dev/null", "-subj", f"/O=Bar/CN={MX}", "-addext", f"subjectAltName=DNS:{MX}",
    )  # fmt: skip
    for text in (made, made.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")):
        assert parse_request(text, "mx.csr").hosts == (MX,)


def test_the_common_name_stands_in_for_names() -> None:
    """Only where there are none, and it looks like a host; another one is said to be ignored."""
    assert parse_request(pem(request(cn=[MX])), "-").hosts == (MX,)
    assert parse_request(pem(request(cn=["Bar's mail"])), "-").hosts == ()
    facts = parse_request(pem(request(x509.DNSName(MX), cn=["victim.test"])), "-")
    assert facts.hosts == (MX,)
    assert facts.ignored == ("the subject's common name",)
    assert parse_request(pem(request(x509.DNSName(MX), cn=[MX])), "-").ignored == ()


def test_nothing_else_is_taken() -> None:
    """Addresses, mail addresses, URIs, and that it would be a CA: ignored, and said to be."""
    facts = parse_request(
        pem(
            request(
                x509.DNSName(MX),
                x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
                x509.RFC822Name("ann@bar.test"),
                x509.UniformResourceIdentifier("https://bar.test/"),
                more=[x509.BasicConstraints(ca=True, path_length=None)],
            )
        ),
        "-",
    )
    assert facts.hosts == (MX,)
    assert facts.ignored == (
        "a name of the kind IPAddress", "a name of the kind RFC822Name",
        "a name of the kind UniformResourceIdentifier", "the extension 2.5.29.19",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["*.bar.test", "bar..test", "mx bar.test", "${run{x}}", "-mx.bar.test",
     "a" * 64 + ".test", "mx.bar.test:25", "192.0.2.1", ""],
)  # fmt: skip
def test_a_name_that_is_no_host(name: str) -> None:
    """Wildcards and everything that is no host name are refused, not dropped."""
    refused(pem(request(x509.DNSName(name))))


def test_a_name_in_unicode() -> None:
    """An A-label is taken; a U-label, which no dNSName can be (RFC 5280, 4.2.1.6), is refused."""
    made = request(x509.DNSName("xn--mller-kva.test"))
    assert parse_request(pem(made), "-").hosts == ("xn--mller-kva.test",)
    raw = x509.DNSName("mxller.test")
    der = request(raw).public_bytes(Encoding.DER).replace(b"mxller", "müler".encode())
    refused(der)


def test_the_signature_has_to_be_the_keys() -> None:
    """Whoever does not hold the key gets no certificate for it."""
    der = bytearray(request(x509.DNSName(MX)).public_bytes(Encoding.DER))
    parse_request(bytes(der), "mx.csr")
    der[-1] ^= 1
    assert "signature" in refused(bytes(der)).message
    other = bytes(der).replace(b"mx.bar", b"mx.baz")
    refused(other)


@pytest.mark.parametrize(
    "form", ["pkcs8", "der", "with request", "encrypted"], ids=lambda one: str(one)
)
def test_a_private_key_by_mistake(form: str) -> None:
    """It is refused, and nothing of it is shown."""
    made = certs.self_signed(MX)
    data = {
        "pkcs8": made.key_pem,
        "der": made.key_der,
        "with request": pem(request(x509.DNSName(MX))) + made.key_pem,
        "encrypted": b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n",
    }[form]
    error = refused(data)
    assert "mx.csr" in error.message
    if form != "der":
        assert "PRIVATE KEY" in error.message
    for line in data.splitlines():
        if not line.startswith(b"-----"):
            assert line.decode("latin-1") not in str((error.message, error.hint, error.details))


def test_what_is_no_request() -> None:
    """A certificate, two requests, half of one, one with something behind it, nothing, too much."""
    made = request(x509.DNSName(MX))
    der = made.public_bytes(Encoding.DER)
    refused(certs.self_signed(MX).pem)
    refused(pem(made) * 2)
    refused(der[:-1])
    refused(der + b"\0")
    refused(b"")
    refused(b"\xff" * (1 << 18))
    many = request(*(x509.DNSName(f"mx{number}.bar.test") for number in range(9000)))
    assert "bytes" in refused(pem(many)).message


def test_a_weak_signature_is_no_better_key() -> None:
    """A request's own hash does not go into the certificate: SHA-1 proves no possession, MD5
    neither."""
    for name in ("sha1", "md5"):
        made = certs.openssl(
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", f"-{name}",
            "-subj", f"/CN={MX}",
        )  # fmt: skip
        refused(made)


def _fixed() -> bytes:
    """The same request each time: of a known key, whose signatures have no random part."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, MX)])
    names = x509.SubjectAlternativeName([x509.DNSName(MX)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    return builder.add_extension(names, critical=False).sign(key, None).public_bytes(Encoding.DER)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "drop", "double"]),
            st.integers(0, len(_fixed()) - 1),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_changed_the_signature_tells(changes: list[tuple[str, int, int]]) -> None:
    """A request that was altered is refused, whichever byte it is; nothing else is ever raised."""
    before = _fixed()
    der = bytearray(before)
    for how, at, value in changes:
        place = at % len(der)
        match how:
            case "set":
                der[place] = value
            case "drop":
                del der[place]
            case _:
                der[place:place] = der[place : place + 1 + value % 8]
    if bytes(der) == before:
        assert parse_request(bytes(der), "mx.csr").hosts == (MX,)
    else:
        refused(bytes(der))


@given(st.binary(max_size=300))
def test_junk(data: bytes) -> None:
    """Nothing else is ever raised."""
    for each in (data, b"-----BEGIN CERTIFICATE REQUEST-----\n" + data):
        with pytest.raises(InputError):
            parse_request(each, "mx.csr")
