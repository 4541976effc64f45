"""What others' programs make of a peer's CA that is held to names (share/doc/cross.md).

Three trust sets are compared: the peer's own root, the cross-certificate alone as an anchor, and
our root with the cross-certificate below it.
"""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests import certs
from tests.ca.own import DAY, NOW
from tests.certs import Made
from tests.tools import require
from trustctl.ca import held
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.lint import lint
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.errors import UsageError
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.issuance import Template

MX, OTHER = "mx.foo.test", "mx.bar.test"
_PATIENCE_SECONDS = 20


class Cast:
    """Our root, two peers' CAs, and what our root made of each."""

    def __init__(self) -> None:
        self.root = certs.authority("Our root", days=9000)
        self.foo = certs.authority("Foo CA", days=3000)
        self.bar = certs.authority("Bar CA", days=3000)
        self.middle = certs.issue(self.foo, (), ca=True, subject="Foo inter", days=900)
        self.cross = self.sign(self.foo, "foo.test")
        self.cross_bar = self.sign(self.bar, "bar.test")

    def template(self, of: Made, *permitted: str, **changed: Any) -> Template:
        """What a CA is to be signed as."""
        found = load("peer-cross")
        wanted = Template(
            found, "foo", (), subject_public_key_info(of.der), new_serial(), NOW - 3600,
            NOW + found.days * DAY, permitted, of.der,
        )  # fmt: skip
        return replace(wanted, **changed)

    def sign(self, of: Made, *permitted: str, **changed: Any) -> bytes:
        """The cross-certificate of a CA, as the product makes it, in PEM."""
        made = draft(self.template(of, *permitted, **changed), self.root.certificate, "ecdsa-p256")
        return certs.pem(finish(made, KeySigner(self.root.key)))  # type: ignore[arg-type]

    def sets(self) -> dict[str, bytes]:
        """The trust sets that are compared."""
        return {
            "root": self.foo.pem,
            "cross": self.cross,
            "both": self.root.pem + self.cross,
        }

    def presented(self, name: str) -> tuple[Made, list[bytes]]:
        """A host's certificate, and what its server sends with it beside the peer's own root."""
        host = certs.issue
        match name:
            case "its host":
                return host(self.foo, MX), []
            case "in capitals":
                return host(self.foo, "MX.Foo.TEST"), []
            case "the domain itself":
                return host(self.foo, "foo.test"), []
            case "a wildcard":
                return host(self.foo, "*.foo.test"), []
            case "below an intermediate":
                return host(self.middle, MX), [self.middle.pem]
            case "no alternative name":
                return host(self.foo, (), subject=MX), []
            case "the issuer by serial number":
                return self.by_serial(), []
            case "another's host":
                return host(self.foo, OTHER), []
            case "its host and another's":
                return host(self.foo, (MX, OTHER)), []
            case "a name that only ends alike":
                return host(self.foo, "mx.xfoo.test"), []
            case "another's, no alternative name":
                return host(self.foo, (), subject=OTHER), []
            case "another's, below an intermediate":
                return host(self.middle, OTHER), [self.middle.pem]
            case "its host and an address":
                return host(self.foo, (MX, "203.0.113.9")), []
            case "another peer signs for its host":
                return host(self.bar, MX), [self.cross_bar]
            case "another peer's own host":
                return host(self.bar, OTHER), [self.cross_bar]
        raise AssertionError(name)

    def by_serial(self) -> Made:
        """A host's certificate as easy-rsa makes it: its issuer's name and serial number are in the
        authority key identifier."""
        made = certs.issue(self.foo, MX)
        old = self.foo.certificate
        digest = x509.SubjectKeyIdentifier.from_public_key(self.foo.key.public_key()).digest
        issuer = x509.AuthorityKeyIdentifier(
            digest, [x509.DirectoryName(old.subject)], old.serial_number
        )
        one = made.certificate
        builder = x509.CertificateBuilder(
            old.subject, one.subject, one.public_key(), one.serial_number,
            one.not_valid_before_utc, one.not_valid_after_utc, list(one.extensions),
        )  # fmt: skip
        signed = builder.add_extension(issuer, critical=False).sign(
            self.foo.key,
            hashes.SHA256(),
        )
        return Made(signed.public_bytes(serialization.Encoding.DER), made.key)


@pytest.fixture(scope="module")
def cast() -> Cast:
    """Made once: nothing in here changes."""
    return Cast()


ALL = (True, True, True, True)
NONE = (False, False, False, False)
ANCHOR = (False, True, True, True)
GNUTLS = (False, False, True, True)
PROGRAMS = ("openssl", "openssl -partial_chain", "certtool", "gnutls-cli")
GOOD = {"root": ALL, "cross": ANCHOR, "both": ALL}
BAD = {"root": ALL, "cross": NONE, "both": NONE}
TABLE: dict[str, dict[str, tuple[bool, bool, bool, bool]]] = {
    "its host": GOOD,
    "in capitals": GOOD,
    "the domain itself": GOOD,
    "a wildcard": GOOD,
    "below an intermediate": GOOD,
    "no alternative name": GOOD,
    "the issuer by serial number": {"root": ALL, "cross": GNUTLS, "both": GNUTLS},
    "another's host": BAD,
    "its host and another's": BAD,
    "a name that only ends alike": BAD,
    "another's, no alternative name": BAD,
    "another's, below an intermediate": BAD,
    "its host and an address": BAD,
    "another peer signs for its host": {"root": NONE, "cross": NONE, "both": NONE},
    # why our root is not in the set of a domain: DNS says which host's name is looked for
    "another peer's own host": {"root": NONE, "cross": NONE, "both": ALL},
}
"""Whether each of ``PROGRAMS`` takes it, by trust set."""


def openssl(folder: Path, trusted: bytes, chain: Sequence[bytes], *options: str) -> bool:
    """Whether ``openssl verify`` takes the chain."""
    (folder / "set.pem").write_bytes(trusted)
    (folder / "leaf.pem").write_bytes(chain[0])
    (folder / "sent.pem").write_bytes(b"".join(chain[1:]) or chain[0])
    ran = subprocess.run(
        ["openssl", "verify", *options, "-no-CAfile", "-no-CApath", "-no-CAstore", "-purpose",
         "sslserver", "-CAfile", folder / "set.pem", "-untrusted", folder / "sent.pem",
         folder / "leaf.pem"],
        capture_output=True, check=False,
    )  # fmt: skip
    return ran.returncode == 0


def certtool(folder: Path, trusted: bytes, chain: Sequence[bytes]) -> bool:
    """Whether GnuTLS's verification of a chain takes it."""
    (folder / "set.pem").write_bytes(trusted)
    (folder / "chain.pem").write_bytes(b"".join(chain))
    ran = subprocess.run(
        ["certtool", "--verify", "--load-ca-certificate", folder / "set.pem", "--infile",
         folder / "chain.pem", "--verify-purpose", "1.3.6.1.5.5.7.3.1"],
        capture_output=True, check=False,
    )  # fmt: skip
    return ran.returncode == 0


class Server:
    """A gnutls-serv that presents a chain."""

    def __init__(self, folder: Path, host: Made, chain: Sequence[bytes]) -> None:
        (folder / "served.pem").write_bytes(b"".join(chain))
        (folder / "served.key").write_bytes(host.key_pem)
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.port = one.getsockname()[1]
        self._process = subprocess.Popen(
            ["gnutls-serv", "--x509certfile", folder / "served.pem", "--x509keyfile",
             folder / "served.key", "--port", str(self.port), "--quiet", "--disable-client-cert"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < end, "gnutls-serv did not start"
                time.sleep(0.01)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()

    def taken(self, folder: Path, trusted: bytes, name: str) -> bool:
        """Whether gnutls-cli, which looks for a name, ends the handshake well."""
        (folder / "set.pem").write_bytes(trusted)
        ran = subprocess.run(
            ["gnutls-cli", "--x509cafile", folder / "set.pem", "--verify-hostname", name,
             "--port", str(self.port), "127.0.0.1"],
            input=b"", capture_output=True, check=False,
        )  # fmt: skip
        return b"Handshake was completed" in ran.stdout


def looked_for(host: Made) -> str:
    """A name that the certificate has."""
    common = host.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value).lower().replace("*", "mx")


@pytest.mark.parametrize("name", TABLE)
def test_which_program_takes_what_against_which_set(cast: Cast, tmp_path: Path, name: str) -> None:
    """With the peer's own root sent along and without it: what is sent is never an anchor."""
    require("certtool", "gnutls-cli", "gnutls-serv")
    host, above = cast.presented(name)
    own = [] if "another peer" in name else [cast.foo.pem]
    seen = {}
    with Server(tmp_path, host, [host.pem, *above, *own]) as server:
        for which, trusted in cast.sets().items():
            answers = set()
            for sent in ([], own):
                chain = [host.pem, *above, *sent]
                answers.add(
                    (
                        openssl(tmp_path, trusted, chain),
                        openssl(tmp_path, trusted, chain, "-partial_chain"),
                        certtool(tmp_path, trusted, chain),
                        server.taken(tmp_path, trusted, looked_for(host)),
                    )
                )
            (seen[which],) = answers
    assert seen == TABLE[name]


def test_an_ended_one_is_no_anchor(cast: Cast, tmp_path: Path) -> None:
    """GnuTLS looks at the end of an anchor that is not its own issuer; so does OpenSSL."""
    require("certtool")
    host, _above = cast.presented("its host")
    old = cast.sign(cast.foo, "foo.test", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    for one, good in ((cast.cross, True), (old, False)):
        assert certtool(tmp_path, one, [host.pem]) is good
        assert openssl(tmp_path, cast.root.pem + one, [host.pem]) is good


def test_its_extensions_are_those_of_the_profile(cast: Cast) -> None:
    """Critical constraints with all addresses excluded, the original's key identifier, and one
    more CA below at the most."""
    one = x509.load_pem_x509_certificate(cast.cross)
    found = one.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert found.value.permitted_subtrees == [x509.DNSName("foo.test")]
    assert found.value.excluded_subtrees == [
        x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")
    ]
    length = one.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    assert length == 1
    assert one.subject.public_bytes() == cast.foo.certificate.subject.public_bytes()
    assert one.issuer == cast.root.certificate.subject


def altered(*more: tuple[x509.ExtensionType, bool], length: int | None = None) -> Made:
    """A peer's CA with extensions of its own."""
    key = certs.new_key()
    name = certs.authority("Odd CA").certificate.subject
    old = certs.authority("Odd CA", days=3000, key=key).certificate
    builder = x509.CertificateBuilder(
        name, name, old.public_key(), old.serial_number, old.not_valid_before_utc,
        old.not_valid_after_utc,
        [x509.Extension(v.oid, c, v)
         for v, c in ((x509.BasicConstraints(True, length), True), *more)],
    )  # fmt: skip
    made = builder.sign(key, hashes.SHA256())
    return Made(made.public_bytes(serialization.Encoding.DER), key)


def test_it_is_never_wider_than_the_original(cast: Cast) -> None:
    """A CA that may have none below it gets none; one that is held to names itself, may not sign
    for some, or not for servers, is refused where that would be lost."""
    tight = x509.load_pem_x509_certificate(cast.sign(altered(length=0), "foo.test"))
    length = tight.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    assert length == 0
    own = x509.NameConstraints([x509.DNSName("foo.test")], None)
    never = x509.NameConstraints(None, [x509.DNSName("secret.foo.test")])
    mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    for extension, permitted, refused in (
        (own, ("foo.test",), False),
        (own, ("mx.foo.test",), False),
        (own, ("foo.test", "isp.test"), True),
        (never, ("foo.test",), True),
        (mail, ("foo.test",), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), ("foo.test",), False),
    ):
        wanted = cast.template(altered((extension, True)), *permitted)
        remarks = lint(draft(wanted, cast.root.certificate, "ecdsa-p256"), ())
        assert bool([one for one in remarks if one.rule == "cross-held"]) is refused


@pytest.mark.parametrize(
    ("kind", "good"),
    [("rsa2048", True), ("p384", True), ("ed25519", True), ("ed448", True), ("rsa1024", False)],
)
def test_a_peer_s_key_may_be_of_a_kind_that_we_do_not_make(
    cast: Cast, tmp_path: Path, kind: certs.KeyKind, good: bool
) -> None:
    """RSA of 2048 bits is what many have; a weak one is refused."""
    theirs = certs.authority("Foo CA", key=kind, days=3000)
    if not good:
        with pytest.raises(UsageError):
            cast.sign(theirs, "foo.test")
        return
    trusted = cast.root.pem + cast.sign(theirs, "foo.test")
    assert openssl(tmp_path, trusted, [certs.issue(theirs, MX).pem])
    assert not openssl(tmp_path, trusted, [certs.issue(theirs, OTHER).pem])


def test_what_will_be_refused_is_seen_beforehand(cast: Cast) -> None:
    """As the table has it: names outside, addresses, and an issuer by serial number."""
    for name, answers in TABLE.items():
        if "another peer" in name:
            continue
        one = cast.presented(name)[0]
        seen = held.outside(one.der, parse_certificate(one.der), ("foo.test",))
        assert bool(seen) is (answers["cross"] == NONE), name
        assert held.by_serial(one.der) is ("serial" in name)
