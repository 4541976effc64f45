"""What a format of target is: pure functions that make files of the peers that are trusted.

A format of the others that trustctl exports in: a folder of files, DIR/current/FILE. One module has
one ``FORMAT``; export/formats.py lists the modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trustctl.errors import UsageError
from trustctl.export.bundle import line, refuse_strange
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Held, PeerTrust, TrustedCertificate

Authorities = Literal["out", "held", "kept"]
"""What a format does with whoever could sign for any name: peers' authorities, and hosts whose own
certificate may sign.

- ``out``: they are left out, and the user is told. What a format has that says nothing.
- ``held``: as ``out``, but where our own cross-certificate holds one to names, that stands in its
  place with our root above it: for readers that go by name constraints on the path to a root.
- ``kept``: the format binds them itself: to their peer's domains, or to nothing but their own pin.
"""


Carries = Literal["none", "alone", "always"]
"""Whether our own CA's revocation lists are among a format's files.

- ``none``: its reader has no use for them.
- ``alone``: where nothing but our CA's is in it: its reader wants a list of each certificate's
  issuer then, and who signed itself has none.
- ``always``: its reader asks for a list only where there is one.
"""

_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Options:
    """What a format may need to know beside the peers.

    Attributes:
        directory: the folder that ``current`` is in, an absolute path.
        password: for formats that need one; None where it is not at hand.
        only_peers: of the system's store, whether the public CAs are to go out of it.
        lists: an authority's certificate and its CRL, in DER, as ``carries`` of the format says.
    """

    directory: str
    password: bytes | None = None
    only_peers: bool = False
    lists: tuple[tuple[bytes, bytes], ...] = ()

    def path(self, file: str) -> str:
        """Where a consumer reads this file."""
        return f"{self.directory}/current/{file}"


@dataclass(frozen=True, slots=True)
class Format:
    """A format of target.

    Attributes:
        name: as in ``--format NAME``.
        help: one sentence.
        files: every peer, in order of name -> the content of each file, by its path below
            DIR/current (letters, digits, ``.``, ``_``, ``-`` and ``/``; no part begins with a dot).
            The same peers make the same files.
        use: one line on how to use them, with ``{current}`` for the folder that they are read from.
        authorities: what becomes of those who could sign for any name.
        password: whether ``files`` needs one.
        mode: of the files.
        nested: all lies in DIR/trustctl, because DIR is the consumer's own folder.
        keeps: for files that are new each time they are made (a salt is in them): whether these,
            made of the same peers, can stay.
        carries: whether our CA's revocation lists are among the files.
        fits: whether the consumer reads a certificate at all; the others are left out.
        closed: of its files, the protected domains that nobody is trusted for now: a user is asked
            before a domain gets there.
    """

    name: str
    help: str
    files: Callable[[Sequence[PeerTrust], Options], Mapping[str, bytes]]
    use: str
    authorities: Authorities = "out"
    password: bool = False
    mode: int = 0o644
    nested: bool = False
    carries: Carries = "none"
    keeps: Callable[[Mapping[str, bytes], Options], bool] | None = None
    fits: Callable[[TrustedCertificate], bool] | None = None
    closed: Callable[[Mapping[str, bytes]], frozenset[str]] | None = None


def bounded(trust: PeerTrust, chosen: Format) -> tuple[PeerTrust, tuple[str, ...]]:
    """The peer as a format may have it, and a sentence on each certificate that it may not have.

    Our own CA's certificate, pinned for a peer, stays: it is our own to sign with.
    """
    how, fits = chosen.authorities, chosen.fits
    stay: list[TrustedCertificate] = []
    out: list[str] = []
    for one in trust.certificates:
        signs = one.role == "authority" or one.may_sign
        if how != "kept" and signs and one.crl is None:
            if one.held is not None and how == "held":
                stay += _crossed(one.held)
            else:
                out.append(_left_out(trust.peer, one, "it could sign for any name"))
        elif fits is not None and not fits(one):
            out.append(_left_out(trust.peer, one, "the format cannot have it"))
        else:
            stay.append(one)
    return replace(trust, certificates=tuple(stay)), tuple(out)


def _crossed(held: Held) -> list[TrustedCertificate]:
    return [
        TrustedCertificate(held.fingerprint, "authority", held.der, held.not_after, True),
        TrustedCertificate(
            held.root_fingerprint, "authority", held.root, held.root_not_after, True
        ),
    ]


def compile_peer(trust: PeerTrust) -> CompiledPeer:
    """The peer's lines in the list of whom a target holds.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    domains = ",".join(trust.domains) or "-"
    found = {one.fingerprint: one.not_after for one in trust.certificates}
    lines = [line(trust.peer, domains, one, found[one]) for one in sorted(found)]
    return CompiledPeer(trust.peer, blocks=tuple(lines))


def _left_out(peer: str, certificate: TrustedCertificate, why: str) -> str:
    what = "authority" if certificate.role == "authority" else "certificate"
    return f"{peer}: the {what} {short(certificate.fingerprint)} was left out: {why}"


def certificates(trusts: Sequence[PeerTrust]) -> list[tuple[str, TrustedCertificate]]:
    """Every certificate once, in order of fingerprint, with the first peer that it is of."""
    found: dict[str, tuple[str, TrustedCertificate]] = {}
    for trust in trusts:
        for one in trust.certificates:
            found.setdefault(one.fingerprint, (trust.peer, one))
    return [found[one] for one in sorted(found)]


def alias(peer: str, certificate: TrustedCertificate) -> str:
    """A name for a certificate in a store: its peer's, and the beginning of its fingerprint."""
    return f"{peer}-{certificate.fingerprint[:16]}"


def password(options: Options) -> str:
    """The password of a store.

    Raises:
        UsageError: there is none, it is no text, or Java's tools would refuse it as too short.
    """
    try:
        found = (options.password or b"").decode()
    except UnicodeDecodeError:
        raise UsageError("the store's password is not UTF-8", "choose another one") from None
    if len(found) < _SHORTEST:
        raise UsageError(f"the store's password has less than {_SHORTEST} letters", "a longer one")
    return found
