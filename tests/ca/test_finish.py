"""Tests of trustctl.ca.finish: what is signed is what was looked at; others' programs verify it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from tests.ca.own import Own, own, template
from tests.certs import Made, pem
from tests.tools import require
from trustctl.ca.draft import draft
from trustctl.ca.finish import assemble, finish, finish_all
from trustctl.ca.kinds import PublicKey, generate
from trustctl.ca.signer import KeySigner, verify
from trustctl.errors import InputError
from trustctl.facts.der import signed_parts
from trustctl.facts.issuance import KEY_KINDS, KeyKind

CLASSICAL = [one for one in KEY_KINDS if one != "ml-dsa-65"]


def test_the_bytes_that_were_linted_are_signed(ours: Own) -> None:
    """The certificate's TBS is the sample's to the byte, and only the signature is another."""
    made = ours.draft(template())
    signed = finish(made, KeySigner(ours.issuing.key))  # type: ignore[arg-type]
    body, algorithm, signature = signed_parts(signed)
    sample_body, sample_algorithm, sample_signature = signed_parts(made.sample)
    assert body == made.tbs == sample_body
    assert algorithm == sample_algorithm
    assert signature != sample_signature


def test_a_draft_that_was_altered(ours: Own) -> None:
    """Other bytes than were committed to are not signed."""
    made, other = ours.draft(template()), ours.draft(template())
    with pytest.raises(InputError, match="altered"):
        finish(replace(made, tbs=other.tbs), KeySigner(ours.issuing.key))  # type: ignore[arg-type]


class _Failing:
    """A token that answers with the signature over something else, or by another key."""

    kind: KeyKind = "ecdsa-p256"

    def __init__(self, key: KeySigner, answer: bytes) -> None:
        self._key, self._answer = key, answer

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    def sign(self, data: bytes) -> bytes:
        return self._answer


def test_a_signature_that_is_wrong_goes_nowhere() -> None:
    """Whatever a failing token answers is checked before anybody gets to see it."""
    key, other = KeySigner(generate("ecdsa-p256")), KeySigner(generate("ecdsa-p256"))
    made = draft(template("root"), None, "ecdsa-p256")
    for answer in (b"", key.sign(b"something else"), other.sign(made.tbs), b"\0" * 71):
        with pytest.raises(InputError, match="not the authority's"):
            assemble(made.tbs, made.algorithm, _Failing(key, answer))
    assert assemble(made.tbs, made.algorithm, _Failing(key, key.sign(made.tbs)))


class _Tiring:
    """A token that answers rightly for a while, and then with the signature that it gave last."""

    kind: KeyKind = "ecdsa-p256"

    def __init__(self, key: KeySigner, rightly: int) -> None:
        self._key, self._rightly, self._last = key, rightly, b""

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    def sign(self, data: bytes) -> bytes:
        self._rightly -= 1
        if self._rightly >= 0:
            self._last = self._key.sign(data)
        return self._last


def test_each_signature_of_a_token_is_checked(ours: Own) -> None:
    """A token that fails at the last of many certificates gives none of them away."""
    key = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    drafts = [ours.draft(template()) for _ in range(5)]
    assert len(finish_all(drafts, _Tiring(key, 5))) == 5
    for rightly in range(5):
        with pytest.raises(InputError, match="not the authority's"):
            finish_all(drafts, _Tiring(key, rightly))


def test_a_batch_is_signed_as_one_is(ours: Own) -> None:
    """Every signature of a batch is the authority's over what was drafted, though a key in memory
    has its first one checked alone; an altered draft among them is found."""
    key = KeySigner(ours.issuing.key)  # type: ignore[arg-type]
    drafts = [ours.draft(template()) for _ in range(5)]
    for one, der in zip(drafts, finish_all(drafts, key), strict=True):
        body, _algorithm, signature = signed_parts(der)
        assert body == one.tbs
        verify(key.public_key, signature, body)
    with pytest.raises(InputError, match="altered"):
        finish_all([*drafts, replace(drafts[0], tbs=drafts[1].tbs)], key)


@pytest.fixture(scope="module", params=CLASSICAL)
def hierarchy(request: pytest.FixtureRequest) -> Own:
    """A hierarchy of each kind of key that OpenSSL 3.0 and GnuTLS 3.7 know."""
    kind: KeyKind = request.param
    return own(kind)


def openssl(folder: Path, ours: Own, leaf: bytes) -> bool:
    """Whether ``openssl verify`` takes the chain, as a server's and as a client's."""
    root, issuing, file = ours.files(folder, leaf)
    said = [
        subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(root),
             "-untrusted", str(issuing), str(file)],
            capture_output=True, check=False,
        ).returncode == 0
        for purpose in ("sslserver", "sslclient")
    ]  # fmt: skip
    assert len(set(said)) == 1
    return said[0]


def certtool(folder: Path, ours: Own, leaf: bytes) -> bool:
    """Whether ``certtool --verify`` takes the chain."""
    root, issuing, file = ours.files(folder, leaf)
    chain = folder / "chain.pem"
    chain.write_bytes(file.read_bytes() + issuing.read_bytes())
    done = subprocess.run(
        ["certtool", "--verify", "--load-ca-certificate", str(root), "--infile", str(chain)],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_others_verify_it(tmp_path: Path, hierarchy: Own) -> None:
    """OpenSSL (strictly) and GnuTLS find the path; to another root of that kind they do not."""
    require("openssl", "certtool")
    leaf = hierarchy.sign(template())
    assert openssl(tmp_path, hierarchy, leaf)
    assert certtool(tmp_path, hierarchy, leaf)
    other = own(hierarchy.kind)
    strange = Own(hierarchy.kind, other.root, hierarchy.issuing)
    assert not openssl(tmp_path, strange, leaf)
    assert not certtool(tmp_path, strange, leaf)


def test_a_stolen_key_cannot_leave_its_domains(tmp_path: Path, hierarchy: Own) -> None:
    """With the issuing CA's key a thief makes a certificate for another domain, past every rule of
    ours. It verifies where the CA has no constraints; where it has, OpenSSL and GnuTLS refuse."""
    require("openssl", "certtool")
    stolen = template(subject="mx.victim.test", hosts=("mx.victim.test",))
    leaf = hierarchy.sign(stolen)
    assert not openssl(tmp_path, hierarchy, leaf)
    assert not certtool(tmp_path, hierarchy, leaf)
    free = own(hierarchy.kind, permitted=None)
    leaf = free.sign(stolen)
    assert openssl(tmp_path, free, leaf)
    assert certtool(tmp_path, free, leaf)


def test_a_stolen_key_makes_no_ca(tmp_path: Path, hierarchy: Own) -> None:
    """Nor can it make a CA below itself: the path would be too long."""
    require("openssl", "certtool")
    key = generate(hierarchy.kind)
    sub = Made(hierarchy.sign(template("issuing", key, permitted=("bar.test",))), key)
    leaf = finish(draft(template(), sub.certificate, hierarchy.kind), KeySigner(key))
    both = hierarchy.issuing.pem + sub.pem
    root, _issuing, file = hierarchy.files(tmp_path, leaf)
    above, chain = tmp_path / "both.pem", tmp_path / "chain.pem"
    above.write_bytes(both)
    chain.write_bytes(pem(leaf) + sub.pem + hierarchy.issuing.pem)
    for words in (
        ["openssl", "verify", "-CAfile", str(root), "-untrusted", str(above), str(file)],
        ["certtool", "--verify", "--load-ca-certificate", str(root), "--infile", str(chain)],
    ):
        assert subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_ml_dsa() -> None:
    """What OpenSSL 3.0 cannot verify yet the library does, from the host's to the root's."""
    ours = own("ml-dsa-65")
    leaf = x509.load_der_x509_certificate(ours.sign(template(key=generate("ml-dsa-65"))))
    for one, above in (
        (leaf, ours.issuing.certificate),
        (ours.issuing.certificate, ours.root.certificate),
        (ours.root.certificate, ours.root.certificate),
    ):
        key = above.public_key()
        verify(key, one.signature, one.tbs_certificate_bytes)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            verify(key, one.signature, one.tbs_certificate_bytes + b"x")  # type: ignore[arg-type]
