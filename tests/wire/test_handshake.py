"""The TLS client that looks at what it is shown: versions, keys, chains, broken certificates."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from tests import certs, odd
from tests.wire.hosts import Script, good, heard, host, lead, seen, server_context
from trustctl.facts.wire import Sighting
from trustctl.wire.handshake import CERTIFICATES, Handshake, HandshakeError, certificates

_VERSIONS = [
    (ssl.TLSVersion.TLSv1, "TLSv1"),
    (ssl.TLSVersion.TLSv1_1, "TLSv1.1"),
    (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
    (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
]


@pytest.mark.parametrize(("version", "name"), _VERSIONS)
@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_every_version_is_seen_and_named(
    version: ssl.TLSVersion, name: str, kind: certs.KeyKind
) -> None:
    """TLS 1.0 and 1.1 are old, and that is to be told, which takes a handshake."""
    made = certs.self_signed(key=kind)
    with host(good(server_context(made, version=version))) as old:
        sighting = seen(old.endpoint())
    assert (sighting.outcome, sighting.tls) == ("presented", name)
    assert sighting.chain == (made.der,)
    assert sighting.cipher


@pytest.mark.parametrize(
    "cipher",
    ["AES128-SHA", "ECDHE-RSA-AES256-SHA", "AES256-CCM8", "CAMELLIA256-SHA"],
)
def test_old_cipher_suites_are_let_in(cipher: str) -> None:
    """They carry a certificate as well as any."""
    made = certs.self_signed(key="rsa2048")
    context = server_context(made, version=ssl.TLSVersion.TLSv1_2, ciphers=f"{cipher}:@SECLEVEL=0")
    with host(good(context)) as old:
        sighting = seen(old.endpoint())
    assert (sighting.outcome, sighting.cipher) == ("presented", cipher)


def test_a_host_without_a_certificate_is_none_that_is_seen() -> None:
    """Anonymous suites are not offered: whoever verifies offers none either."""
    made = certs.self_signed()
    context = server_context(made, version=ssl.TLSVersion.TLSv1_2, ciphers="aNULL:@SECLEVEL=0")

    with host(_leniently(good(context))) as old:
        sighting = seen(old.endpoint())
    assert sighting.outcome == "tls-failed"
    assert sighting.detail == "the host sent the alert handshake_failure"


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048", "rsa1024", "ed25519", "ed448"])
def test_every_kind_of_key_is_seen(kind: certs.KeyKind) -> None:
    """Weak ones, too: whether they are good enough is not decided here."""
    made = certs.self_signed(key=kind)
    with host(good(server_context(made))) as peer:
        assert seen(peer.endpoint()).chain == (made.der,)


@pytest.mark.parametrize("signed_with", ["sha1", "md5"])
def test_weakly_signed_certificates_are_seen(signed_with: certs.HashName) -> None:
    """What a verifier would refuse is what is to be told."""
    made = certs.self_signed(key="rsa2048", signed_with=signed_with)
    with host(good(server_context(made))) as peer:
        assert seen(peer.endpoint()).chain == (made.der,)


@pytest.mark.parametrize(("days", "not_before"), [(1, 0), (30, 2**32)])
def test_expired_and_future_certificates_are_seen(days: int, not_before: int) -> None:
    """Nothing is verified."""
    made = certs.self_signed(days=days, not_before=not_before)
    with host(good(server_context(made))) as peer:
        assert seen(peer.endpoint()).chain == (made.der,)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_whole_chain_is_seen_as_presented(version: ssl.TLSVersion) -> None:
    """In its order, with what does not belong to it, the root, and twice what is there twice."""
    root = certs.authority("Root")
    middle = certs.issue(root, (), ca=True, subject="Middle")
    leaf = certs.issue(middle)
    stray = certs.self_signed("stray.test")
    shown = (leaf, stray, root, middle, middle)
    with host(good(server_context(*shown, version=version))) as peer:
        sighting = seen(peer.endpoint())
    assert sighting.chain == tuple(one.der for one in shown)


def test_a_chain_of_two_hundred_is_counted_and_cut() -> None:
    """The host's own certificate is seen all the same."""
    leaf = certs.self_signed()
    with host(good(server_context(leaf, *[leaf] * 199))) as peer:
        sighting = seen(peer.endpoint())
    assert sighting.outcome == "presented"
    assert sighting.chain == (leaf.der,) * CERTIFICATES
    assert sighting.detail == "it presents 200 certificates; the first 100 are kept"


def test_a_hundred_intermediates_of_one_name_and_key_do_not_hang() -> None:
    """Which is what makes some verifiers try every path."""
    root = certs.authority("Same")
    same = [certs.issue(root, (), ca=True, subject="Same", key=root.key) for _ in range(99)]
    leaf = certs.issue(same[0])
    with host(good(server_context(leaf, *same))) as peer:
        assert len(seen(peer.endpoint()).chain) == CERTIFICATES


def _large(size: int) -> certs.Made:
    """A certificate of about so many bytes."""
    return odd.altered(
        certs.self_signed(), extensions=[odd.extension("1.2.3.4", certs.tlv(0x04, bytes(size)))]
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_a_megabyte_is_refused(version: ssl.TLSVersion) -> None:
    """One of 90 KiB is seen: the limit is what stops the other."""
    shown = {}
    for size in (90_000, 1_000_000):
        with host(_leniently(good(server_context(_large(size), version=version)))) as peer:
            shown[size] = seen(peer.endpoint())
    assert len(shown[90_000].chain[0]) > 90_000
    assert shown[1_000_000].outcome == "tls-failed"
    assert shown[1_000_000].detail == "it sent a message that is too long (certificates: 100 KiB)"
    assert shown[1_000_000].chain == ()


def _leniently(script: Script) -> Script:
    """The script, whose client may end the handshake."""

    def lenient(conn: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            script(conn)

    return lenient


# certificates that no server software sends: a first flight put together byte by byte


_KEYLESS = odd.altered(certs.self_signed(), spki=certs.tlv(0x30, certs.tlv(0x30))).der


def _record(*messages: bytes) -> bytes:
    """TLS 1.2 records of these messages of the handshake."""
    whole = b"".join(messages)
    pieces = [whole[at : at + 16000] for at in range(0, len(whole), 16000)]
    return b"".join(b"\x16\x03\x03" + len(one).to_bytes(2, "big") + one for one in pieces)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def _presenting(*ders: bytes) -> Script:
    """A server that sends such a flight."""
    flight = _flight(*ders)

    def script(conn: socket.socket) -> None:
        lead(conn)
        heard(conn)
        conn.sendall(flight)
        heard(conn)

    return script


def _flight(*ders: bytes) -> bytes:
    """A server's first flight (RFC 5246, 7.3), RSA key exchange, with anything as certificates."""
    hello = _message(2, b"\x03\x03" + bytes(32) + b"\0" + b"\x00\x2f\x00")
    listed = b"".join(len(one).to_bytes(3, "big") + one for one in ders)
    shown = _message(11, len(listed).to_bytes(3, "big") + listed)
    return _record(hello, shown, _message(14, b""))


def _presented(*ders: bytes) -> Sighting:
    with host(_presenting(*ders)) as peer:
        return seen(peer.endpoint())


@pytest.mark.parametrize(
    ("der", "detail"),
    [
        (b"\x30\x03\x02\x01\x01", "one of its certificates cannot be read"),
        (b"garbage", "one of its certificates cannot be read"),
        (certs.tlv(0x30, bytes(1000)), "one of its certificates cannot be read"),
        (certs.self_signed().der + b"\0", "bytes follow one of its certificates"),
        (certs.self_signed().der[:-1], "one of its certificates cannot be read"),
        (_KEYLESS, "one of its certificates cannot be read"),
    ],
)
def test_a_certificate_that_cannot_be_read_is_kept_as_it_came(der: bytes, detail: str) -> None:
    """The handshake fails, and it is told what was shown, by its fingerprint."""
    sighting = _presented(der)
    assert sighting.outcome == "tls-failed"
    assert sighting.chain == ()
    shown = hashlib.sha256(der).hexdigest()
    assert sighting.detail == f"{detail}; it showed a certificate with the SHA-256 {shown}"


def test_a_certificate_is_kept_byte_for_byte() -> None:
    """OpenSSL writes an odd encoding in its own way, which has another fingerprint."""
    made = certs.self_signed(key="rsa2048")
    body, algorithm, signature = odd.parts(made.der)
    content = body + algorithm + signature
    oddly = b"\x30\x84" + len(content).to_bytes(4, "big") + content
    rewritten = crypto.dump_certificate(
        crypto.FILETYPE_ASN1, crypto.load_certificate(crypto.FILETYPE_ASN1, oddly)
    )
    assert hashlib.sha256(rewritten).digest() != hashlib.sha256(oddly).digest()
    shake = Handshake("")
    shake.opening()
    shake.receive(_flight(oddly))
    assert shake.chain == (oddly,)
    assert not shake.done


def test_a_replayed_certificate_is_not_presented() -> None:
    """Anybody can show a certificate; the handshake proves the key, and without it it failed."""
    made = certs.self_signed(key="rsa2048")
    sighting = _presented(made.der)
    assert sighting.chain == ()
    assert sighting.outcome == "closed"
    assert sighting.tls is None


def test_a_broken_certificate_behind_a_good_one_fails_it() -> None:
    """OpenSSL refuses the whole; the first is named."""
    made = certs.self_signed(key="rsa2048")
    sighting = _presented(made.der, b"garbage")
    assert sighting.outcome == "tls-failed"
    assert sighting.chain == ()
    assert sighting.detail == (
        "one of its certificates cannot be read; it showed a certificate with the SHA-256 "
        + made.fingerprint
    )


def test_an_empty_list_of_certificates_is_none() -> None:
    """A server must have one."""
    sighting = _presented()
    assert sighting.outcome == "tls-failed"
    assert sighting.chain == ()


@pytest.mark.parametrize(
    ("body", "tls13"),
    [
        (b"", False),
        (b"", True),
        (b"\0\0\1", False),
        (b"\0\0\0\1", False),
        (b"\0\0\3\0\0\0", False),
        (b"\0\0\4\0\0\2a", False),
        (b"\0\0\0\4\0\0\1a", True),
        (b"\0\0\0\6\0\0\1a\0\1", True),
        (b"\7\0\0\0", True),
    ],
)
def test_a_certificate_message_that_is_none(body: bytes, tls13: bool) -> None:
    """Lengths that do not add up are refused, not guessed at."""
    with pytest.raises(ValueError, match="length"):
        certificates(body, tls13=tls13)


@given(st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_whatever_a_host_sends_is_a_failure_or_the_beginning(
    sent: list[bytes], framed: bool
) -> None:
    """No other exception, and no success."""
    shake = Handshake("mx.foo.test")
    shake.opening()
    with contextlib.suppress(HandshakeError):
        for one in sent:
            shake.receive(_record(one) if framed else one)
    assert not shake.done
    assert shake.chain == ()


@given(st.binary(max_size=60), st.booleans())
def test_whatever_is_no_certificate_message_is_a_value_error(body: bytes, tls13: bool) -> None:
    """And what is one has no more in it than came."""
    with contextlib.suppress(ValueError):
        found = certificates(body, tls13=tls13)
        assert all(one and one in body for one in found)


def test_a_certificate_message() -> None:
    """With and without the extensions of each that TLS 1.3 has."""
    assert certificates(b"\0\0\x0a\0\0\2ab\0\0\2cd", tls13=False) == [b"ab", b"cd"]
    assert certificates(b"\1x\0\0\x0f\0\0\2ab\0\0\0\0\1c\0\2yy", tls13=True) == [b"ab", b"c"]
