"""What is carried by hand between a CA and its offline root: a request, and its answer.

Both are small JSON files that say which version of this they are. Whatever stands in them is
hostile until it was looked at: each reader refuses all but exactly what its writer writes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, cast

from cryptography import x509
from cryptography.x509.oid import NameOID

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
from trustctl.facts.names import parse_domain, parse_peer_name
from trustctl.facts.request import parse_request

VERSION = 1
LIMIT_BYTES = 1 << 16
MOST_DOMAINS = 1000
_REQUEST, _ANSWER = "trustctl ca request", "trustctl ca answer"
PROFILE = "issuing"
_ATTRIBUTES = 0xA0
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)


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
    return _write(
        {
            "kind": _REQUEST,
            "version": VERSION,
            "ca": request.ca,
            "number": request.number,
            "profile": PROFILE,
            "permit": None if request.permitted is None else list(request.permitted),
            "proof": base64.b64encode(_proof(request.subject, signer)).decode(),
        }
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
    fields = _read(data, where, _REQUEST, ("ca", "number", "profile", "permit", "proof"))
    ca, number, permit = fields["ca"], fields["number"], fields["permit"]
    if fields["profile"] != PROFILE:
        raise InputError(f"{where}: the profile is not {PROFILE}", "that is all a root signs")
    if type(number) is not int or not 1 <= number <= 9999:
        raise _damaged(where, "number")
    proof = _der(fields["proof"], where, "proof")
    found = Request(
        _canonical(ca, parse_peer_name, where, "ca"),
        number,
        parse_request(proof, where).public_key,
        _domains(permit, where),
    )
    try:
        load_public_key(found.public_key)
        body = children(proof, element(proof, 0, len(proof)))[0]
        named = children(proof, body)[1]
    except (UsageError, ValueError, IndexError) as error:
        raise _damaged(where, "proof") from error
    if proof[named.start : named.end] != _name(found.subject):
        raise InputError(
            f"{where}: what its key has signed is another name", "it was altered: write it anew"
        )
    return found


def _domains(value: object, where: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_DOMAINS:
        raise _damaged(where, "permit")
    found = tuple(_canonical(one, parse_domain, where, "permit") for one in value)
    if len(set(found)) != len(found):
        raise _damaged(where, "permit")
    return found


def _canonical(value: object, parse: Any, where: str, field: str) -> str:
    """A text that is already as ``parse`` would make it."""
    try:
        if isinstance(value, str) and parse(value) == value:
            return value
    except UsageError:
        pass
    raise _damaged(where, field)


def write_answer(answer: Answer) -> bytes:
    """An answer as a file."""
    return _write(
        {
            "kind": _ANSWER,
            "version": VERSION,
            "request": answer.spki,
            "certificate": base64.b64encode(answer.certificate).decode(),
            "root": base64.b64encode(answer.root).decode(),
            "crl": None if answer.crl is None else base64.b64encode(answer.crl).decode(),
        }
    )


def read_answer(data: bytes, where: str) -> Answer:
    """An answer from a file; what it holds is looked at by :mod:`trustctl.ca.redraft`.

    Raises:
        InputError: it is none, or of another version. Nothing else, whatever the bytes.
    """
    fields = _read(data, where, _ANSWER, ("request", "certificate", "root", "crl"))
    spki = fields["request"]
    if not isinstance(spki, str) or not _HEX64.fullmatch(spki):
        raise _damaged(where, "request")
    crl = fields["crl"]
    return Answer(
        spki,
        _der(fields["certificate"], where, "certificate"),
        _der(fields["root"], where, "root"),
        None if crl is None else _der(crl, where, "crl"),
    )


def _write(fields: dict[str, object]) -> bytes:
    return (json.dumps(fields, ensure_ascii=True, indent=2) + "\n").encode()


def _read(data: bytes, where: str, kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    if len(data) > LIMIT_BYTES:
        raise InputError(f"{where} has {len(data)} bytes: it is none of trustctl's", "name another")
    try:
        fields = json.loads(data, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InputError(
            f"{where} is damaged or no file of trustctl ca", "copy it anew, all of it"
        ) from None
    if not isinstance(fields, dict) or fields.get("kind") not in (_REQUEST, _ANSWER):
        raise InputError(
            f"{where} is neither a request nor an answer",
            "trustctl ca request and trustctl ca sign-request write them",
        )
    if fields["kind"] != kind:
        there = "sign-request" if fields["kind"] == _REQUEST else "accept"
        raise InputError(
            f"{where} is {'a request' if fields['kind'] == _REQUEST else 'an answer'}",
            f"trustctl ca {there} {where}",
        )
    version = fields.get("version")
    if type(version) is not int or version != VERSION:
        raise InputError(
            f"{where} is of a version that this trustctl does not know",
            "use the same trustctl on both machines",
        )
    if sorted(fields) != sorted(("kind", "version", *names)):
        raise InputError(f"{where} does not have the fields that it has to have", "copy it anew")
    return cast(dict[str, Any], fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def _refuse(text: str) -> None:
    raise ValueError(text)


def _der(value: object, where: str, field: str) -> bytes:
    if not isinstance(value, str):
        raise _damaged(where, field)
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _damaged(where, field) from None


def _damaged(where: str, field: str) -> InputError:
    return InputError(f"{where}: {field} is not as it has to be", "copy it anew, all of it")
