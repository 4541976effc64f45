"""What is carried by hand between a CA and its offline root: a request, and its answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from trustctl.ca import carried
from trustctl.ca.draft import authority_name
from trustctl.ca.finish import assemble
from trustctl.ca.kinds import load_public_key, signature_algorithm, spki_of
from trustctl.ca.signer import Signer
from trustctl.errors import InputError, UsageError
from trustctl.facts.der import (
    SEQUENCE,
    children,
    element,
    encode,
    encode_integer,
)
from trustctl.facts.names import parse_peer_name
from trustctl.facts.request import parse_request

PROFILE = "issuing"
_ATTRIBUTES = 0xA0


@dataclass(frozen=True, slots=True)
class Request:
    """An issuing CA that wants to be signed.

    Attributes:
        ca: the hierarchy's name. number: which issuing CA of it this is.
        public_key: SubjectPublicKeyInfo in DER; whoever wrote the request holds its private key.
        permitted: the domains that it is to be held to; None for none.
    """

    ca: str
    number: int
    public_key: bytes
    permitted: tuple[str, ...] | None

    @property
    def subject(self) -> str:
        """The common name that the CA is to have."""
        return authority_name("issuing", self.ca, self.number, self.public_key)

    @property
    def spki(self) -> str:
        """The SPKI pin, by which an answer says which request it is for."""
        return hashlib.sha256(self.public_key).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an offline root makes of a request.

    Attributes:
        spki: which request it is for. certificate, root: in DER. crl: the root's CRL in DER.
    """

    spki: str
    certificate: bytes
    root: bytes
    crl: bytes | None


def pending(ca: str, name: str, public_key: bytes, permitted: tuple[str, ...] | None) -> Request:
    """A request as it was recorded: ``name`` is its subject."""
    return Request(ca, int(name.split(" ")[-2]), public_key, permitted)


def write_request(request: Request, signer: Signer) -> bytes:
    """A request as a file, with the proof that its writer holds the key.

    Raises:
        InputError: the signer's key fails.
    """
    return carried.write(
        carried.REQUEST,
        {
            "ca": request.ca,
            "number": request.number,
            "profile": PROFILE,
            "permit": None if request.permitted is None else list(request.permitted),
            "proof": carried.base64_of(_proof(request.subject, signer)),
        },
    )


def _proof(name: str, signer: Signer) -> bytes:
    """A PKCS #10 request (RFC 2986, 4.2): the name, the key, and the key's signature."""
    body = encode(
        SEQUENCE,
        encode_integer(0),
        _name(name),
        spki_of(signer.public_key),
        encode(_ATTRIBUTES),
    )
    return assemble(body, signature_algorithm(signer.kind), signer)


def _name(common: str) -> bytes:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]).public_bytes()


def read_request(data: bytes, where: str) -> Request:
    """A request from a file.

    Raises:
        InputError: it is none, of another version, or its writer does not hold the key. Nothing
            else, whatever the bytes.
    """
    names = ("ca", "number", "profile", "permit", "proof")
    fields = carried.read(data, where, carried.REQUEST, names)
    ca, number, permit = fields["ca"], fields["number"], fields["permit"]
    if fields["profile"] != PROFILE:
        raise InputError(f"{where}: the profile is not {PROFILE}", "that is all a root signs")
    if type(number) is not int or not 1 <= number <= 9999:
        raise carried.damaged(where, "number")
    proof = carried.der(fields["proof"], where, "proof")
    found = Request(
        carried.canonical(ca, parse_peer_name, where, "ca"),
        number,
        parse_request(proof, where).public_key,
        None if permit is None else carried.domains(permit, where),
    )
    try:
        load_public_key(found.public_key)
        body = children(proof, element(proof, 0, len(proof)))[0]
        named = children(proof, body)[1]
    except (UsageError, ValueError, IndexError) as error:
        raise carried.damaged(where, "proof") from error
    if proof[named.start : named.end] != _name(found.subject):
        raise InputError(
            f"{where}: what its key has signed is another name", "it was altered: write it anew"
        )
    return found


def write_answer(answer: Answer) -> bytes:
    """An answer as a file."""
    return carried.write(
        carried.ANSWER,
        {
            "request": answer.spki,
            "certificate": carried.base64_of(answer.certificate),
            "root": carried.base64_of(answer.root),
            "crl": None if answer.crl is None else carried.base64_of(answer.crl),
        },
    )


def read_answer(data: bytes, where: str) -> Answer:
    """An answer from a file; what it holds is looked at by :mod:`trustctl.ca.redraft`.

    Raises:
        InputError: it is none, or of another version. Nothing else, whatever the bytes.
    """
    names = ("request", "certificate", "root", "crl")
    fields = carried.read(data, where, carried.ANSWER, names)
    return Answer(
        carried.sha256(fields["request"], where, "request"),
        carried.der(fields["certificate"], where, "certificate"),
        carried.der(fields["root"], where, "root"),
        None if fields["crl"] is None else carried.der(fields["crl"], where, "crl"),
    )
