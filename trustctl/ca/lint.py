"""Looks at what is about to be signed, and refuses what must not be.

Each rule cites what it rests on. ``error`` refuses; ``warning`` is shown. With the extra
``trustctl[lint]``, pkilint's rules are asked as well (:mod:`trustctl.ca.pkilint`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from trustctl.ca.held import permitted_by
from trustctl.ca.kinds import foreign_kind_of, kind_of, read_public_key
from trustctl.errors import UsageError
from trustctl.facts.issuance import Draft, Template
from trustctl.facts.names import within
from trustctl.facts.text import printable

DAY = 86400


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule says. ``level``: ``error`` or ``warning``."""

    rule: str
    level: str
    text: str
    source: str


class Issuer:
    """An authority, and what it may sign: read once for all of a batch."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.end = certificate.not_valid_after_utc
        self.permitted = permitted_by(certificate)
        self.spki = _spki(certificate)
        find = certificate.extensions.get_extension_for_class
        self.basic = find(x509.BasicConstraints).value
        self.usage = find(x509.KeyUsage).value


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules look at: the template, the sample, and the chain of authorities above it,
    nearest first (empty for a certificate that signs itself)."""

    template: Template
    sample: x509.Certificate
    above: tuple[Issuer, ...]


Rule = Callable[[Context], Iterator[str]]
RULES: list[tuple[str, str, str, Rule]] = []


def rule(name: str, source: str, *, level: str = "error") -> Callable[[Rule], Rule]:
    """Declare the function below as a rule: it yields what is wrong."""

    def declare(check: Rule) -> Rule:
        RULES.append((name, level, source, check))
        return check

    return declare


def count() -> int:
    """How many rules there are."""
    return len(RULES)


def lint(draft: Draft, above: tuple[x509.Certificate, ...]) -> list[Remark]:
    """What our rules say of a draft; errors first."""
    return next(lint_all([draft], above))


def lint_all(
    drafts: Iterable[Draft], above: tuple[x509.Certificate, ...]
) -> Iterator[list[Remark]]:
    """What our rules say of each draft below the same authorities."""
    issuers = tuple([Issuer(one) for one in above])
    for draft in drafts:
        sample = x509.load_der_x509_certificate(draft.sample)
        context = Context(draft.template, sample, issuers)
        found = [
            Remark(name, level, text, source)
            for name, level, source, check in RULES
            for text in check(context)
        ]
        yield sorted(found, key=lambda one: one.level != "error") if found else found


def demand(remarks: list[Remark], subject: str) -> None:
    """Refuse to sign where a rule says error.

    Raises:
        UsageError: with everything that is wrong.
    """
    errors = [one for one in remarks if one.level == "error"]
    if errors:
        raise UsageError(
            f"{subject}: this must not be signed; nothing was",
            details=[f"{one.text} [{one.rule}: {one.source}]" for one in errors],
        )


@rule("within-constraints", "RFC 5280, 4.2.1.10")
def _constraints(c: Context) -> Iterator[str]:
    for issuer in c.above:
        permitted = issuer.permitted
        if permitted is None:
            continue
        wanted = c.template.hosts if not c.template.profile.ca else c.template.permitted
        if wanted is None:
            yield f"the CA above is held to {' '.join(permitted)}, this one would be held to none"
            continue
        for name in wanted:
            if not any(within(name, one) for one in permitted):
                yield f"{name} is not within what the CA is held to: {' '.join(permitted)}"


@rule("within-issuer-validity", "RFC 5280, 6.1.3")
def _validity(c: Context) -> Iterator[str]:
    ends = c.sample.not_valid_after_utc
    for issuer in c.above:
        if ends > issuer.end:
            yield f"it would outlive its issuer, which ends on {issuer.end:%Y-%m-%d}"
    if c.sample.not_valid_before_utc >= ends:
        yield "it would end before it begins"


@rule("lifetime", "share/profiles")
def _lifetime(c: Context) -> Iterator[str]:
    seconds = c.template.not_after - c.template.not_before
    profile = c.template.profile
    # an hour before now is granted for clocks that are behind
    if seconds > profile.maximum_days * DAY + 2 * 3600:
        yield f"{seconds // DAY} days: {profile.maximum_days} are the most for {profile.name}"


@rule("key", "share/profiles; NIST SP 800-57")
def _key(c: Context) -> Iterator[str]:
    foreign = c.template.cross_of is not None
    try:
        key = read_public_key(c.template.public_key)
        kind = foreign_kind_of(key) if foreign else kind_of(key)
    except UsageError as error:
        yield error.message
        return
    if kind not in c.template.profile.key_kinds:
        yield f"a key of kind {kind} is not what {c.template.profile.name} is for"


@rule("key-of-its-own", "RFC 5280, 4.2.1.1")
def _own_key(c: Context) -> Iterator[str]:
    own = c.template.public_key
    for issuer in c.above:
        if issuer.spki == own:
            yield "its key is an authority's: whoever runs the host could sign"


def _spki(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key: Any = certificate.public_key()
    found: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


@rule("serial", "RFC 5280, 4.1.2.2")
def _serial(c: Context) -> Iterator[str]:
    if not 1 << 64 <= c.sample.serial_number < 1 << 159:
        yield "the serial number has to be positive, with 64 random bits and 20 octets at most"


@rule("names", "RFC 9525, 6.3; RFC 5280, 4.2.1.6")
def _names(c: Context) -> Iterator[str]:
    profile, hosts = c.template.profile, c.template.hosts
    if profile.ca:
        if hosts:
            yield "a CA has no host names"
        return
    if not hosts:
        yield "a host's certificate needs a name"
    if len(c.template.subject) <= 64 and c.template.subject not in hosts:
        yield "its common name is not among its names"
    for name in hosts:
        if "*" in name:
            yield f"{name}: wildcards are for web servers (RFC 7817, 3)"


@rule("path-length", "RFC 5280, 4.2.1.9")
def _path(c: Context) -> Iterator[str]:
    below = 1 if c.template.profile.ca else 0
    for distance, issuer in enumerate(c.above):
        constraint = issuer.basic
        if not constraint.ca:
            yield "its issuer is no CA"
        elif constraint.path_length is not None and constraint.path_length < distance + below:
            yield "its issuer may not have so many authorities below it"


@rule("issuer-key-usage", "RFC 5280, 4.2.1.3")
def _issuer_usage(c: Context) -> Iterator[str]:
    for issuer in c.above[:1]:
        if not issuer.usage.key_cert_sign:
            yield "its issuer may not sign certificates"


@rule("cross-subject", "RFC 5280, 6.1.3")
def _cross(c: Context) -> Iterator[str]:
    of = c.template.cross_of
    if of is None:
        return
    original = x509.load_der_x509_certificate(of)
    if original.subject.public_bytes() != c.sample.subject.public_bytes():
        yield "its subject cannot be written as the original has it: no path would be found"
    if _spki(original) != c.template.public_key:
        yield "its key is not the original's"


@rule("cross-held", "share/doc/cross.md; RFC 5280, 4.2.1.10")
def _held(c: Context) -> Iterator[str]:
    of, permitted = c.template.cross_of, c.template.permitted
    if of is None or c.template.profile.name != "peer-cross":
        return
    if not permitted:
        yield "a peer's CA has to be held to the peer's names"
        return
    original = x509.load_der_x509_certificate(of)
    own = permitted_by(original) or []
    shown = printable(" ".join(own), 200)
    for name in permitted if own else ():
        if not any(within(name, one) for one in own):
            yield f"{name} is not within what the original is held to: {shown}"
    for name in _excluded(original):
        yield f"the original may not sign for {name}: that would be lost"
    try:
        usage = original.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*usage}:
        yield "the original may not sign for servers (its extended key usage)"


def _excluded(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return []
    subtrees = found.excluded_subtrees or []
    return [printable(one.value, 80) for one in subtrees if isinstance(one, x509.DNSName)]
