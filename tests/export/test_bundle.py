"""The bundle: what real verifiers read from it, and that nobody's text gets into it."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made
from tests.tools import output, require
from tests.trusts import EXPIRES, HOSTILE, hostile, trust, trusted
from trustctl.errors import DatabaseError
from trustctl.export.bundle import bundle, compile_peer, pem
from trustctl.facts.records import TrustedCertificate

_BLOCK = re.compile(
    rb"# peer=[a-z0-9._-]+ domains=(?:-|[a-z0-9.,-]+) sha256=(?:[0-9A-F]{2}:){31}[0-9A-F]{2} "
    rb"expires=[0-9TZ:-]+\n"
    rb"-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n\n"
)


@pytest.fixture(scope="module")
def several() -> tuple[Made, ...]:
    """Certificates of lengths that fill a line of PEM and that do not."""
    names = ("mx.foo.test", "m.foo.test", "mx1.foo.test", "mail.foo.test")
    return tuple(certs.self_signed(one) for one in names)


def _bundle(*made: Made) -> bytes:
    return bundle([compile_peer(trust(f"p{at}", trusted(one))) for at, one in enumerate(made)])


def test_pem_is_openssls(several: tuple[Made, ...]) -> None:
    """The PEM is the very text that openssl writes."""
    for one in several:
        assert pem(one.der) == certs.openssl("x509", "-inform", "DER", stdin=one.der)


@pytest.mark.parametrize("length", [1, 47, 48, 49, 95, 96, 97])
def test_no_line_of_pem_is_empty_or_long(length: int) -> None:
    """Also where the text ends with a full line there is none that a strict parser refuses."""
    lines = pem(b"x" * length).splitlines()[1:-1]
    assert all(1 <= len(line) <= 64 for line in lines)
    assert all(len(line) == 64 for line in lines[:-1])


def test_openssl_and_certtool_read_every_certificate(
    several: tuple[Made, ...], tmp_path: Path
) -> None:
    """OpenSSL (two ways) and GnuTLS read back exactly the certificates that went in."""
    require("certtool")
    text = _bundle(*several)
    path = tmp_path / "ca-certificates.crt"
    path.write_bytes(text)
    prints = sorted(one.fingerprint for one in several)
    pkcs7 = certs.openssl("crl2pkcs7", "-nocrl", "-certfile", str(path))
    listed = certs.openssl("pkcs7", "-print_certs", stdin=pkcs7)
    assert sorted(_prints(listed)) == prints
    assert sorted(_prints(certs.openssl("storeutl", "-certs", str(path)))) == prints
    assert sorted(_prints(output("certtool", "-i", "--infile", str(path)))) == prints


def _prints(text: bytes) -> list[str]:
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)
    ders = [certs.openssl("x509", "-outform", "DER", stdin=one) for one in blocks]
    return [hashlib.sha256(one).hexdigest() for one in ders]


def test_a_broken_block_is_what_they_would_not_read(several: tuple[Made, ...]) -> None:
    """The control: one character of PEM less, and openssl refuses the whole bundle."""
    text = _bundle(*several).replace(b"MII", b"MI", 1)
    with pytest.raises(AssertionError):
        certs.openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", stdin=text)


def test_the_order_of_what_comes_in_does_not_matter(several: tuple[Made, ...]) -> None:
    """The same peers and certificates give the same bytes, in whatever order they come."""
    texts = set()
    for order in itertools.permutations(several[:3]):
        a = compile_peer(trust("a", *[trusted(one) for one in order]))
        b = compile_peer(trust("b", trusted(several[3])))
        texts |= {bundle([a, b]), bundle([b, a])}
    assert len(texts) == 1


def test_certificates_stand_in_order_of_peer_and_fingerprint(several: tuple[Made, ...]) -> None:
    """Peers in order of their names, a peer's certificates in order of their fingerprints."""
    text = bundle(
        [
            compile_peer(trust("zed", trusted(several[0]))),
            compile_peer(trust("abe", *[trusted(one) for one in several[1:]])),
        ]
    )
    keys = re.findall(rb"(?m)^# peer=(\S+) domains=\S+ sha256=(\S+)", text)
    assert [peer for peer, _print in keys] == [b"abe", b"abe", b"abe", b"zed"]
    assert keys == sorted(keys)


def test_a_comment_stands_over_each_certificate(foo: Made) -> None:
    """It names peer, domains, fingerprint as openssl prints it, and expiry."""
    one = compile_peer(trust("foo", trusted(foo), domains=("a.test", "b.test")))
    comment = one.blocks[0].partition(b"\n")[0].decode()
    told = certs.openssl("x509", "-noout", "-fingerprint", "-sha256", stdin=foo.pem).decode()
    assert comment == (
        f"# peer=foo domains=a.test,b.test sha256={told.strip().partition('=')[2]} "
        "expires=2030-03-17T17:46:40Z"
    )


def test_a_peer_without_domains_is_in_the_bundle(foo: Made) -> None:
    """Its comment shows a hyphen in the place of domains."""
    one = compile_peer(trust("foo", trusted(foo), domains=()))
    assert b"# peer=foo domains=- sha256=" in bundle([one])


def test_nobody_trusted_is_nothing() -> None:
    """A peer without trusted certificates adds no byte."""
    assert bundle([compile_peer(trust("foo"))]) == b""


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_certificate_gets_in(text: str) -> None:
    """Names that mean something to somebody stay inside the base64."""
    made = hostile(text)
    assert text.encode() in made.der, "the control: the certificate holds it"
    assert _BLOCK.fullmatch(_bundle(made))


@pytest.mark.parametrize("expires", [0, -1, EXPIRES, 253402300799, 1 << 62, -(1 << 62)])
def test_no_expiry_breaks_the_comment(foo: Made, expires: int) -> None:
    """A certificate may claim any year; the comment stays one line of digits."""
    line = compile_peer(trust("foo", trusted(foo, expires=expires))).blocks[0].split(b"\n")[0]
    assert re.fullmatch(rb"# .* expires=[0-9TZ:@-]+", line)


@pytest.mark.parametrize("text", [*HOSTILE, "", "ä.test", "a" * 300, "Foo"])
def test_a_strange_name_is_refused(foo: Made, text: str) -> None:
    """A peer or domain that trustctl would not let in ends the export, wherever it came from."""
    for bad in (trust(text, trusted(foo), domains=()), trust("p", trusted(foo), domains=(text,))):
        with pytest.raises(DatabaseError, match="a name that is none"):
            compile_peer(bad)


def test_a_certificate_under_anothers_fingerprint_is_refused(foo: Made, bar: Made) -> None:
    """A certificate swapped in the database under the fingerprint that people vouched for ends
    the export: it would have been trusted under their word."""
    swapped = TrustedCertificate(foo.fingerprint, "authority", bar.der, EXPIRES, True)
    with pytest.raises(DatabaseError, match="another certificate under"):
        compile_peer(trust("foo", swapped))
