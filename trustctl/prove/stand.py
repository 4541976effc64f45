"""What stands in for a peer: certificates like the pinned ones, with keys that are ours to play."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

from trustctl.errors import UsageError
from trustctl.facts.certificate import CertificateFacts, parse_certificate
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.names import covers, parse_host
from trustctl.facts.proof import CompiledText, PlayedHost
from trustctl.facts.records import PeerTrust, TrustedCertificate
from trustctl.prove.throwaway import Made, authority, issuer_of, leaf, like, revocation_list

OTHER_PEER, OTHER_DOMAIN = "prove-other", "prove-other.test"
OTHER_HOST = f"mx.{OTHER_DOMAIN}"
Compile = Callable[[PeerTrust, Sequence[str]], CompiledPeer]


@dataclass(frozen=True, slots=True)
class Genuine:
    """The certificate that the played partner presents, and those above it."""

    made: Made
    above: tuple[Made, ...] = ()

    @property
    def host(self) -> PlayedHost:
        """The partner's host."""
        return PlayedHost("".join(one.pem for one in (self.made, *self.above)), self.made.key_pem)


class World:
    """What all stands share: the time, another trusted peer, and what everybody takes for a public
    authority. ``facts``: of every pinned certificate, by fingerprint."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.facts: dict[str, CertificateFacts] = {}
        self.public_ca = authority("Throwaway Public CA", now)
        self.other = leaf((OTHER_HOST,), now, ca=True)
        self._authorities: dict[str, Made] = {}
        self._revoked: dict[tuple[str, str], tuple[Made, list[Made]]] = {}

    def authority_like(self, der: bytes, facts: CertificateFacts) -> Made:
        """The throwaway authority in the place of this one, the same for every peer who has it."""
        if facts.fingerprint not in self._authorities:
            self._authorities[facts.fingerprint] = like(der, facts, self.now)
        return self._authorities[facts.fingerprint]

    def revoke(self, path: str, issuer: Made, revoked: Made) -> None:
        """Put a certificate on its issuer's list, which lies there."""
        self._revoked.setdefault((path, issuer.fingerprint), (issuer, []))[1].append(revoked)

    def lists(self) -> dict[str, str]:
        """The revocation lists in PEM, by path."""
        found: dict[str, str] = {}
        for (path, _issuer), (issuer, revoked) in self._revoked.items():
            found[path] = found.get(path, "") + revocation_list(issuer, revoked, self.now)
        return found

    @property
    def other_trust(self) -> PeerTrust:
        """The other peer: its own certificate, which can sign, as what ``exim-gencert`` makes."""
        one = self.other
        held = TrustedCertificate(one.fingerprint, "host", one.der, 0, True)
        return PeerTrust(OTHER_PEER, (OTHER_DOMAIN,), (held,))


class Stand:
    """A peer as it is played, for its first domain or another one.

    Attributes:
        models: the pinned certificates that are trusted.
        genuine: what the true peer presents; None where nothing is trusted.
        authority: the throwaway authority, where the peer has one.
        of_same_ca, expired, revoked: hosts that must not be taken; None where there is no such
            thing.
    """

    def __init__(self, trust: PeerTrust, mx_hosts: Sequence[str], world: World) -> None:
        self.peer, self.domain = trust.peer, trust.domains[0]
        self._trust, self._world = trust, world
        for one in trust.certificates:
            world.facts.setdefault(one.fingerprint, parse_certificate(one.der))
        # an authority of the peer's decides before its host certificates do (export/exim.py)
        self.models = sorted(trust.certificates, key=lambda one: one.role == "host")
        self.host = self._host_name(mx_hosts)
        self.genuine: Genuine | None = None
        self.authority: Made | None = None
        self.of_same_ca: PlayedHost | None = None
        self.expired: PlayedHost | None = None
        self.revoked: PlayedHost | None = None
        self._variants: dict[str, tuple[PeerTrust, tuple[str, ...]]] = {}
        if not self.models:
            self._variants["throwaway"] = (trust, ())
        elif self.models[0].role == "authority":
            self._by_authority(self.models[0])
        else:
            self._by_pin(self.models[0])

    def at(self, domain: str) -> Stand:
        """The same peer with the same certificates, for another of its domains."""
        other = copy(self)
        other.domain = domain
        return other

    def variant(self, name: str) -> str:
        """The name of the data of this peer that go with an attack."""
        return f"{self.peer}/{name}" if name in self._variants else "throwaway"

    def compiled(self, compile_peer: Compile) -> dict[str, CompiledPeer]:
        """What the exporter makes of each variant, by the name of the data."""
        return {
            self.variant(name) if name != "throwaway" else name: compile_peer(trust, denied)
            for name, (trust, denied) in self._variants.items()
        }

    def _host_name(self, mx_hosts: Sequence[str]) -> str:
        """A name that the certificate has, best one that is expected."""
        for model in self.models[:1]:
            names = self._world.facts[model.fingerprint].names
            if model.role == "host":
                for one in (*mx_hosts, f"mx.{self.domain}"):
                    if covers(names, one):
                        return one
                for one in names:
                    try:
                        return parse_host(one)
                    except UsageError:
                        continue
        return mx_hosts[0] if mx_hosts else f"mx.{self.domain}"

    def _by_pin(self, model: TrustedCertificate) -> None:
        world, facts = self._world, self._world.facts[model.fingerprint]
        issuer = None if facts.self_signed else issuer_of(model.der, world.now)
        known = issuer is not None and bool(model.issuers)
        made = like(model.der, facts, world.now, issuer=issuer)
        above = (issuer,) if issuer is not None and known else ()
        self.genuine = Genuine(made, above)
        self._variants["throwaway"] = self._with(model, made, above), ()
        self._variants["distrusted"] = replace(self._trust, certificates=()), ()

        ended = like(model.der, facts, world.now, key=made.key, issuer=issuer, expired=True)
        self.expired = Genuine(ended, above).host
        self._variants["expired"] = self._with(model, ended, above), ()

        issuer = issuer if issuer is not None else authority("Throwaway CA", world.now)
        issued = like(model.der, facts, world.now, key=made.key, issuer=issuer)
        another = leaf((self.host,), world.now, issuer=issuer)
        self.of_same_ca = Genuine(another, (issuer,)).host
        self._variants["own-ca"] = self._with(model, issued, (issuer,)), ()

    def _by_authority(self, model: TrustedCertificate) -> None:
        world, facts = self._world, self._world.facts[model.fingerprint]
        self.authority = made = world.authority_like(model.der, facts)
        issued = leaf((self.host,), world.now, issuer=made)
        self.genuine = Genuine(issued, (made,))
        trust = self._with(model, made, ())
        self._variants["throwaway"] = trust, ()
        self._variants["distrusted"] = trust, (issued.fingerprint,)
        ended = leaf((self.host,), world.now, issuer=made, ends=world.now - 86400)
        self.expired = Genuine(ended, (made,)).host
        if model.crl is not None:
            stolen = leaf((self.host,), world.now, issuer=made)
            self.revoked = Genuine(stolen, (made,)).host
            world.revoke(f"crl/{model.crl}.pem", made, stolen)

    def _with(self, model: TrustedCertificate, made: Made, above: Iterable[Made]) -> PeerTrust:
        """The peer's trust with this certificate for all of its pins."""
        held = model.held
        if held is not None:
            # our root signs the peer's key, held to names (share/doc/cross.md)
            root = authority("Throwaway Root", self._world.now)
            facts = parse_certificate(held.der)
            crossed = like(held.der, facts, self._world.now, key=made.key, issuer=root)
            held = replace(
                held,
                fingerprint=crossed.fingerprint,
                der=crossed.der,
                root_fingerprint=root.fingerprint,
                root=root.der,
            )
        one = replace(
            model,
            fingerprint=made.fingerprint,
            der=made.der,
            not_after=made.not_after,
            issuers=tuple(each.der for each in above),
            held=held,
        )
        return replace(self._trust, certificates=(one,))


def all_data(
    stands: Iterable[Stand], world: World, compile_peer: Compile
) -> Mapping[str, tuple[CompiledText, ...]]:
    """What is put in force by name: ``throwaway`` is of all stands together."""
    other = as_text(compile_peer(world.other_trust, ()))
    found: dict[str, tuple[CompiledText, ...]] = {"throwaway": (other,)}
    for stand in stands:
        for name, compiled in stand.compiled(compile_peer).items():
            if name != "throwaway":
                found[name] = (other, as_text(compiled))
            else:
                found[name] += (as_text(compiled),)
    return found


def as_text(peer: CompiledPeer) -> CompiledText:
    """The same for a message: all of it is ASCII."""
    sets = tuple((name, content.decode("ascii")) for name, content in peer.sets)
    blocks = tuple(one.decode("ascii") for one in peer.blocks)
    return CompiledText(peer.peer, peer.entries, sets, blocks)


def as_compiled(peer: CompiledText) -> CompiledPeer:
    """And back."""
    sets = tuple((name, content.encode("ascii")) for name, content in peer.sets)
    blocks = tuple(one.encode("ascii") for one in peer.blocks)
    return CompiledPeer(peer.peer, peer.entries, sets, blocks)
