"""Whether a public CA, or an authority that a record names, accepts a chain for a host's name."""

from __future__ import annotations

import functools
import ipaddress
import re
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from trustctl.facts.text import printable
from trustctl.facts.wire import Testimony, Verdict

_BLOCK = re.compile(
    rb"-----BEGIN CERTIFICATE-----[^-]{1,100000}-----END CERTIFICATE-----", re.ASCII
)
_ROOTS_BYTES = 8 << 20
_ABOVE_LIMIT = 16
"""The most certificates above the host's own that are looked at: no honest host presents more."""
_SIZE_LIMIT = 1 << 16
_SHOWN = 80


def _check_usage(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its key may not sign certificates (RFC 5280, 4.2.1.3)")


_ANY = Criticality.AGNOSTIC
_PRIVATE_CA = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.AuthorityKeyIdentifier, _ANY, None)
    .may_be_present(x509.SubjectKeyIdentifier, _ANY, None)
    .may_be_present(x509.KeyUsage, _ANY, _check_usage)
)
_PRIVATE_HOST = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.AuthorityKeyIdentifier, _ANY, None
)


def testify(chain: Sequence[bytes], host: str, roots: Path, now: int) -> Testimony:
    """What the public CAs say of a chain. It is evidence at best: any of them can be deceived.

    ``contradicts``: one of them signed it, but for other names or another time. ``absent``: none
    did, as with most certificates of peers who need none.

    Args:
        chain: as DER, the host's own certificate first.
        host: lower-case A-labels, or an address.
        roots: the public CAs' certificates in PEM.
    """

    def say(verdict: Verdict, detail: str) -> Testimony:
        return Testimony("public-ca", verdict, detail)

    if not chain:
        return say("inconclusive", "nothing was presented")
    try:
        store = _store(str(roots), *_state(roots))
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        return say(
            "inconclusive", f"{printable(str(roots), _SHOWN)}, the public CAs' certificates: {why}"
        )
    if store is None:
        return say("inconclusive", f"{printable(str(roots), _SHOWN)} holds no certificate")
    parsed = _parse(chain)
    if parsed is None:
        return say("inconclusive", "the certificate is none that this check can read")
    leaf, above = parsed
    try:
        # 13 % of real hosts' certificates have a fault (an explicit cA FALSE, most of them) that
        # this library refuses and others do not: of these it cannot tell
        _ = leaf.extensions
        top = _verify(store, leaf, above, host, now)
        if top is not None:
            return say("supports", f"accepted for {printable(host, _SHOWN)}: {_name(top)}")
        own = _own_name(leaf)
        within = _within(leaf)
        for name, moment, what in (
            (own, now, "for other names"),
            (host, within, "for another time"),
            (own, within, "for other names and another time"),
        ):
            top = _verify(store, leaf, above, name, moment)
            if top is not None:
                return say("contradicts", f"signed by a public CA, but {what}: {_name(top)}")
    except Exception as error:  # a hostile certificate may raise anything: nothing was verified
        return say("inconclusive", f"it cannot be checked ({type(error).__name__})")
    return say("absent", "no public CA vouches for it")


def is_authority(anchor: bytes, chain: Sequence[bytes], host: str, now: int) -> bool:
    """Whether a certificate that is not trusted otherwise is the authority above a chain, for the
    host's name, now: for DANE-TA (RFC 7672, 3.1.2; ``trustctl.facts.tlsa``)."""
    top = _parse((anchor,))
    parsed = _parse(chain)
    if top is None or parsed is None:
        return False
    try:
        return _verify(Store([top[0]]), *parsed, host, now, private=True) is not None
    except Exception:  # as above
        return False


def _state(roots: Path) -> tuple[int, int, int]:
    found = roots.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


@functools.lru_cache(maxsize=4)
def _store(path: str, _modified: int, _size: int, _inode: int) -> Store | None:
    """Those that can be read: one odd root does not hide the others."""
    with Path(path).open("rb") as stream:
        data = stream.read(_ROOTS_BYTES)
    found = []
    for block in _BLOCK.findall(data):
        loaded = _load(block)
        if loaded is not None:
            found.append(loaded)
    return Store(found) if found else None


def _load(data: bytes) -> x509.Certificate | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative serials and the like, which -W error would raise
        try:
            if data.startswith(b"-----"):
                return x509.load_pem_x509_certificate(data)
            return x509.load_der_x509_certificate(data)
        except Exception:  # ValueError, InvalidVersion, TypeError, ...
            return None


def _parse(chain: Sequence[bytes]) -> tuple[x509.Certificate, list[x509.Certificate]] | None:
    """The host's certificate and those above it; of these the unreadable are left out."""
    loaded = [_load(one) if len(one) <= _SIZE_LIMIT else None for one in chain[: _ABOVE_LIMIT + 1]]
    if not loaded or loaded[0] is None:
        return None
    return loaded[0], [one for one in loaded[1:] if one is not None]


def _verify(
    store: Store,
    leaf: x509.Certificate,
    above: list[x509.Certificate],
    name: str,
    moment: int,
    *,
    private: bool = False,
) -> x509.Certificate | None:
    """The authority at the end of the path (RFC 5280, 6.1; RFC 6125), None where there is no such
    path, or no such name. The library limits the depth (8), and how many signatures it checks.

    Args:
        private: the authority need not do all that the CA/Browser Forum asks for.
    """
    if not name:
        return None
    builder = PolicyBuilder().store(store)
    if private:
        builder = builder.extension_policies(ca_policy=_PRIVATE_CA, ee_policy=_PRIVATE_HOST)
    verifier = builder.time(datetime.fromtimestamp(moment, UTC)).build_server_verifier(
        _subject(name)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return verifier.verify(leaf, above)[-1]
        except VerificationError:
            return None


def _subject(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _own_name(leaf: x509.Certificate) -> str:
    """A name that the certificate is for."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # none, or one that cannot be read
        return ""
    for name in found.get_values_for_type(x509.DNSName):
        if name.isascii():
            return name.replace("*.", "any.", 1) if name.startswith("*.") else name
    for address in found.get_values_for_type(x509.IPAddress):
        return str(address)
    return ""


def _within(leaf: x509.Certificate) -> int:
    """The first moment at which the certificate was, or is to be, valid: what is above it was."""
    return int(leaf.not_valid_before_utc.timestamp())


def _name(top: x509.Certificate) -> str:
    """Who the authority says it is: it is a root of ours, but its text is not."""
    for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for one in top.subject.get_attributes_for_oid(kind):
            return printable(str(one.value), _SHOWN)
    return "a root without a name"
