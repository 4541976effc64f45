"""What is carried by hand where a root that is elsewhere is to hold a peer's CA to names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from trustctl.ca import carried
from trustctl.errors import InputError
from trustctl.facts.der import certificate_fields, subject_public_key_info
from trustctl.facts.names import covering, parse_peer_name

PROFILE = "peer-cross"
_MOST_DAYS = 9999


@dataclass(frozen=True, slots=True)
class CrossRequest:
    """A peer's CA that is to be held to names.

    Attributes:
        ca: the hierarchy whose root is asked. certificate: the peer's CA's, in DER.
        permitted: what it is to be held to; none is within another, sorted.
        days: the lifetime; None for the profile's.
        before: the fingerprint of the newest certificate of that root for this CA and peer that the
            asking side knows. By it, a request that is signed a second time is told from the next.
    """

    ca: str
    peer: str
    permitted: tuple[str, ...]
    days: int | None
    before: str | None
    certificate: bytes

    @property
    def spki(self) -> str:
        """The SPKI pin of the peer's CA."""
        return hashlib.sha256(subject_public_key_info(self.certificate)).hexdigest()


@dataclass(frozen=True, slots=True)
class CrossAnswer:
    """What an offline root makes of such a request.

    Attributes:
        ca: the hierarchy that asked. spki: the SPKI pin of the peer's CA.
        permitted: what it is held to. certificate, root: in DER. crl: the root's CRL in DER.
    """

    ca: str
    peer: str
    spki: str
    permitted: tuple[str, ...]
    certificate: bytes
    root: bytes
    crl: bytes


def write_request(request: CrossRequest) -> bytes:
    """A request as a file.

    Raises:
        UsageError: it would be too large.
    """
    return carried.write(
        carried.CROSS_REQUEST,
        {
            "ca": request.ca,
            "peer": request.peer,
            "permit": list(request.permitted),
            "days": request.days,
            "before": request.before,
            "certificate": carried.base64_of(request.certificate),
        },
    )


def read_request(data: bytes, where: str) -> CrossRequest:
    """A request from a file. Nobody has signed it: whoever signs looks at all that it asks for.

    Raises:
        InputError: it is none, or of another version. Nothing else, whatever the bytes.
    """
    names = ("ca", "peer", "permit", "days", "before", "certificate")
    fields = carried.read(data, where, carried.CROSS_REQUEST, names)
    days, before = fields["days"], fields["before"]
    if days is not None and (type(days) is not int or not 1 <= days <= _MOST_DAYS):
        raise carried.damaged(where, "days")
    certificate = carried.der(fields["certificate"], where, "certificate")
    try:
        certificate_fields(certificate)
    except ValueError:
        raise carried.damaged(where, "certificate") from None
    return CrossRequest(
        *_named(fields["ca"], fields["peer"], where),
        _permitted(fields["permit"], where),
        days,
        None if before is None else carried.sha256(before, where, "before"),
        certificate,
    )


def write_answer(answer: CrossAnswer) -> bytes:
    """An answer as a file.

    Raises:
        UsageError: it would be too large.
    """
    return carried.write(
        carried.CROSS_ANSWER,
        {
            "ca": answer.ca,
            "peer": answer.peer,
            "request": answer.spki,
            "permit": list(answer.permitted),
            "certificate": carried.base64_of(answer.certificate),
            "root": carried.base64_of(answer.root),
            "crl": carried.base64_of(answer.crl),
        },
    )


def read_answer(data: bytes, where: str) -> CrossAnswer:
    """An answer from a file; what it holds is looked at by :mod:`trustctl.ca.redraft`.

    Raises:
        InputError: it is none, or of another version. Nothing else, whatever the bytes.
    """
    names = ("ca", "peer", "request", "permit", "certificate", "root", "crl")
    fields = carried.read(data, where, carried.CROSS_ANSWER, names)
    return CrossAnswer(
        *_named(fields["ca"], fields["peer"], where),
        carried.sha256(fields["request"], where, "request"),
        _permitted(fields["permit"], where),
        carried.der(fields["certificate"], where, "certificate"),
        carried.der(fields["root"], where, "root"),
        carried.der(fields["crl"], where, "crl"),
    )


def _named(ca: object, peer: object, where: str) -> tuple[str, str]:
    return (
        carried.canonical(ca, parse_peer_name, where, "ca"),
        carried.canonical(peer, parse_peer_name, where, "peer"),
    )


def _permitted(value: object, where: str) -> tuple[str, ...]:
    found = carried.domains(value, where)
    if covering(found) != found:
        raise InputError(
            f"{where}: permit is not sorted, or a name is within another", "copy it anew, all of it"
        )
    return found
