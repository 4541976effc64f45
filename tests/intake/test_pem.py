"""Certificates out of whatever people have, and everything else refused with what it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import certs
from tests.certs import Made, pem
from tests.intake.starttls import server
from trustctl.errors import InputError
from trustctl.facts.text import printable
from trustctl.intake.pem import LIMIT, split_certificates

WHERE = "peer.pem"
LABELS = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]


def test_a_real_s_client_is_read_text_and_all(tmp_path: Path) -> None:
    """``openssl s_client -starttls smtp -showcerts`` against a real server: the server's own
    certificate first, then what it sent above it, each once."""
    root = certs.authority("Foo CA")
    middle = certs.issue(root, (), ca=True, subject="Foo intermediate")
    leaf = certs.issue(middle, "mx.foo.test")
    with server(tmp_path, [leaf, middle, root]) as port:
        printed = subprocess.run(
            [
                "openssl",
                "s_client",
                "-starttls",
                "smtp",
                "-showcerts",
                "-connect",
                f"127.0.0.1:{port}",
            ],
            input=b"QUIT\r\n",
            capture_output=True,
            check=False,
            timeout=60,
        ).stdout
    assert printed.count(b"-----BEGIN CERTIFICATE-----") == 3
    assert b"Verification error" in printed
    assert split_certificates(printed, WHERE) == [leaf.der, middle.der, root.der]


def test_our_own_imitation_of_s_client_is_read_alike(foo: Made, bar: Made) -> None:
    """What other tests use for it."""
    assert split_certificates(certs.s_client([foo, bar]), WHERE) == [foo.der, bar.der]


@pytest.mark.parametrize("label", LABELS)
def test_every_label_of_a_certificate(foo: Made, label: str) -> None:
    """RFC 7468's and the two of OpenSSL."""
    assert split_certificates(pem(foo.der, label), WHERE) == [foo.der]


def test_openssls_own_trust_settings_are_left_out(foo: Made) -> None:
    """What ``openssl x509 -trustout`` appends is no part of the certificate."""
    trusted = certs.openssl("x509", "-trustout", "-addtrust", "serverAuth", stdin=foo.pem)
    assert b"TRUSTED CERTIFICATE" in trusted
    assert split_certificates(trusted, WHERE) == [foo.der]


def test_all_encodings_that_a_file_may_have(foo: Made) -> None:
    """DER, BOM, CRLF, CR alone, UTF-16 of either order, no final line end, indentation, NULs."""
    text = foo.pem.decode()
    forms = {
        "der": foo.der,
        "bom": b"\xef\xbb\xbf" + foo.pem,
        "crlf": foo.pem.replace(b"\n", b"\r\n"),
        "cr": foo.pem.replace(b"\n", b"\r"),
        "utf-16": text.encode("utf-16"),
        "utf-16-be": b"\xfe\xff" + text.encode("utf-16-be"),
        "no final line end": foo.pem.strip(),
        "indented": foo.pem.replace(b"\n", b"\n   "),
        "one line": foo.pem.replace(b"\n", b""),
        "nul": foo.pem.replace(b"\n", b"\n\0"),
        "text": b"Dear Bob,\nhere it is:\n\n" + foo.pem + b"\nbye -----\n",
        "parameters": pem(b"\x06\x05abcde", "EC PARAMETERS") + foo.pem,
    }
    for name, data in forms.items():
        assert split_certificates(data, WHERE) == [foo.der], name


def test_order_is_kept_and_repeats_are_left_out(foo: Made, bar: Made) -> None:
    """The first is the peer's: that is never another."""
    data = bar.pem + foo.pem + bar.pem
    assert split_certificates(data, WHERE) == [bar.der, foo.der]


def _keys(tmp_path: Path) -> dict[str, bytes]:
    """Private keys in every form in use."""
    made, rsa = certs.self_signed(), certs.self_signed(key="rsa2048")
    files: dict[str, bytes] = {}
    for name, one in (("ec", made), ("rsa", rsa)):
        (tmp_path / f"{name}.pem").write_bytes(one.key_pem)
        (tmp_path / f"{name}.crt").write_bytes(one.pem)
        files |= {f"{name} pkcs8 pem": one.key_pem, f"{name} pkcs8 der": one.key_der}
        for form in ("PEM", "DER"):
            files[f"{name} traditional {form}"] = certs.openssl(
                name, "-in", str(tmp_path / f"{name}.pem"), "-outform", form,
                *(("-traditional",) if name == "rsa" else ()),
            )  # fmt: skip
            files[f"{name} encrypted {form}"] = certs.openssl(
                "pkcs8", "-topk8", "-in", str(tmp_path / f"{name}.pem"), "-outform", form,
                "-v2", "aes-256-cbc", "-passout", "pass:secret",
            )  # fmt: skip
        files[f"{name} pkcs12"] = certs.openssl(
            "pkcs12", "-export", "-inkey", str(tmp_path / f"{name}.pem"),
            "-in", str(tmp_path / f"{name}.crt"), "-passout", "pass:secret",
        )  # fmt: skip
    kinds: tuple[certs.KeyKind, ...] = ("ed25519", "ed448", "dsa2048", "ml-dsa-65")
    for kind in kinds:
        one = certs.self_signed(key=kind)
        files |= {f"{kind} pem": one.key_pem, f"{kind} der": one.key_der}
    return files


def test_a_private_key_is_refused_and_never_echoed(tmp_path: Path) -> None:
    """PKCS #8 plain and encrypted, PKCS #1, SEC 1, PKCS #12, in PEM and in DER: named as what it
    is, and not a byte of it in the message."""
    keys = _keys(tmp_path)
    assert len(keys) > 15
    for name, data in keys.items():
        _refused_as_a_key(name, data)


def test_a_private_key_is_refused_whatever_stands_around_it(foo: Made) -> None:
    """Before, after and between certificates, and in any disguise: nothing of the file is taken."""
    secret = b"c2VjcmV0LXNlY3JldA=="
    openssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + secret
    forms = {
        "after": foo.pem + foo.key_pem,
        "before": foo.key_pem + foo.pem,
        "cut off": foo.pem + foo.key_pem[:60],
        "utf-16": (foo.pem + foo.key_pem).decode().encode("utf-16"),
        "crlf": (foo.pem + foo.key_pem).replace(b"\n", b"\r\n"),
        "many": foo.pem * 5000 + foo.key_pem,
        "openssh": openssh,
        "openpgp": foo.pem + b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n" + secret,
        "ssh2": b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n" + secret,
        "putty": b"PuTTY-User-Key-File-3: ssh-ed25519\n" + secret,
        "labelled as a certificate": pem(foo.key_der),
        "labelled as a trusted one": pem(foo.key_der, "TRUSTED CERTIFICATE"),
    }
    for name, data in forms.items():
        _refused_as_a_key(name, data)
    assert split_certificates(foo.pem, WHERE) == [foo.der]


def _refused_as_a_key(name: str, data: bytes) -> None:
    with pytest.raises(InputError, match="PRIVATE KEY") as caught:
        split_certificates(data, WHERE)
    said = f"{caught.value.message} {caught.value.hint}"
    assert "nothing of it was stored or shown" in said, name
    words = data.decode("latin-1").replace("\0", "").split()
    assert not [one for one in words if len(one) > 11 and one in said], name


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda pem: pem.replace(b"M", b"*", 1), "the PEM block is not base64"),
        (lambda pem: pem.replace(b"\n", b"\n> "), "the PEM block is not base64"),
        (lambda pem: pem[:200], "the PEM block has no end: it was cut off"),
        (lambda pem: pem.replace(b"END", b"EN"), "the PEM block has no end"),
        (lambda pem: pem[:100] + pem, "the PEM block has no end"),
        (lambda pem: pem[:260] + pem[325:], "certificate"),
        (lambda pem: pem.replace(b"-----BEGIN", b"----BEGIN"), "no certificate|no beginning"),
        (lambda _pem: pem_of(b""), "not base64"),
        (lambda _pem: pem_of(b"\x30\x03\x02\x01\x05"), "this is no certificate"),
    ],
)  # fmt: skip
def test_a_broken_block_is_named_with_its_line(foo: Made, spoil: object, message: str) -> None:
    """One bad block refuses the whole input: a chain is not taken in part."""
    assert callable(spoil)
    with pytest.raises(InputError, match=message):
        split_certificates(spoil(foo.pem), WHERE)
    with pytest.raises(InputError, match=message) as caught:
        split_certificates(b"first line\n" + foo.pem + spoil(foo.pem), WHERE)
    assert WHERE in caught.value.message


def pem_of(der: bytes) -> bytes:
    """PEM of what is no certificate."""
    return pem(der)


def test_the_line_of_the_broken_block_is_named(foo: Made) -> None:
    """Where an editor finds it."""
    lines = foo.pem.count(b"\n")
    with pytest.raises(InputError) as caught:
        split_certificates(foo.pem + b"\n" + foo.pem.replace(b"MII", b"!!!", 1), WHERE)
    assert caught.value.message.startswith(f"{WHERE}, line {lines + 2}: ")


def test_der_that_was_cut_off_or_grew(foo: Made) -> None:
    """What is wrong with it is said."""
    for data, message in (
        (foo.der[:200], "a certificate that was cut off"),
        (foo.der + b"\n", "1 bytes follow the certificate"),
        (foo.der + foo.der, f"{len(foo.der)} bytes follow the certificate"),
        (foo.der[1:], "this is no certificate"),
        (b"<html><body>It works!</body></html>", "this is no certificate"),
        (b"\0" * 100, "this is no certificate"),
    ):
        with pytest.raises(InputError, match=message):
            split_certificates(data, WHERE)


@pytest.mark.parametrize("data", [b"", b" \r\n\t", b"\xff\xfe"])
def test_nothing_at_all(data: bytes) -> None:
    """An empty file is called one."""
    with pytest.raises(InputError, match="is empty"):
        split_certificates(data, WHERE)


def test_broken_utf_16() -> None:
    """Half a character at the end."""
    with pytest.raises(InputError, match="broken UTF-16"):
        split_certificates(b"\xff\xfe-\0-", WHERE)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("CERTIFICATE REQUEST", "a certificate request"),
        ("NEW CERTIFICATE REQUEST", "a certificate request"),
        ("X509 CRL", "a revocation list"),
        ("PUBLIC KEY", "a public key without a certificate"),
        ("PKCS7", "openssl pkcs7 -print_certs"),
        ("PGP PUBLIC KEY BLOCK", "an OpenPGP key"),
    ],
)
def test_other_things_are_called_what_they_are(foo: Made, label: str, said: str) -> None:
    """Alone or beside a certificate."""
    for data in (pem(b"\x30\x00", label), foo.pem + pem(b"\x30\x00", label)):
        with pytest.raises(InputError, match=said):
            split_certificates(data, WHERE)


def test_blocks_without_any_certificate() -> None:
    """Parameters alone."""
    with pytest.raises(InputError, match="holds no certificate"):
        split_certificates(pem(b"\x06\x05abcde", "EC PARAMETERS"), WHERE)


def test_a_chain_has_its_limit(foo: Made) -> None:
    """A hundred certificates are read, a hundred and one and ten thousand are refused."""
    many = [certs.pem(_numbered(foo.der, number)) for number in range(LIMIT + 1)]
    assert len(split_certificates(b"".join(many[:LIMIT]), WHERE)) == LIMIT
    with pytest.raises(InputError, match="holds 101 certificates: more than 100 are no chain"):
        split_certificates(b"".join(many), WHERE)
    with pytest.raises(InputError, match="holds 10000 blocks: more than 100") as caught:
        split_certificates(foo.pem * 10_000, WHERE)
    assert "trustctl import" in (caught.value.hint or "")


def _numbered(der: bytes, number: int) -> bytes:
    """Another certificate: the signature's last bytes are a number."""
    return der[:-2] + number.to_bytes(2, "big")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"-----BEGIN ", b"CERTIFICATE", b"-----", b"-----END ", b"\n", b"PKCS7"])
        | st.binary(max_size=12),
        max_size=12,
    )
)
def test_anything_is_certificates_or_an_input_error(parts: list[bytes]) -> None:
    """No other outcome, in one line that a terminal can show."""
    try:
        split_certificates(b"".join(parts), WHERE)
    except InputError as error:
        shown = error.message
    else:
        shown = ""
    assert printable(shown) == shown
