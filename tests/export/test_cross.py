"""What is compiled of a CA that is held to names: for Exim, and for bundles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests import certs
from tests.certs import Made
from tests.trusts import EXPIRES, trust, trusted
from trustctl.errors import DatabaseError
from trustctl.export import bundle, exim
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.fingerprint import colons
from trustctl.facts.moment import format_moment
from trustctl.facts.records import Held, PeerTrust, TrustedCertificate

FOO, CROSS, ROOT = (certs.authority(name) for name in ("Foo CA", "Foo CA", "Our root"))
HELD = Held(CROSS.fingerprint, CROSS.der, EXPIRES - 9, ROOT.fingerprint, ROOT.der, EXPIRES + 9)


def crossed(held: Held = HELD) -> TrustedCertificate:
    """Foo's CA, held to names."""
    return replace(trusted(FOO, "authority", may_sign=True), held=held)


def members(*certificates: TrustedCertificate) -> bytes:
    """The trust set."""
    (_name, content), *_more = exim.compile_peer(trust("foo", *certificates)).sets
    return content


def test_the_cross_certificate_stands_alone_in_the_trust_set() -> None:
    """Our root would let in whatever else is below it."""
    assert members(crossed()) == CROSS.pem
    beside = certs.self_signed("mx.foo.test", ca=False)
    assert members(crossed(), trusted(beside)) == b"".join(sorted((CROSS.pem, beside.pem)))


def test_where_a_path_goes_on_to_a_root_it_has_to_lead_through_the_cross_certificate() -> None:
    """Our root is in a set of its own, for whom ``via`` is asked; the CA's own is in none."""
    one = exim.compile_peer(trust("foo", crossed()))
    (_narrow, its), (wide, more) = one.sets
    assert (its, more) == (CROSS.pem, b"".join(sorted((CROSS.pem, ROOT.pem))))
    ((_domain, value),) = one.entries
    assert f" pathset={wide} " in value
    assert value.endswith(f" via={CROSS.fingerprint.upper()}")


def test_what_stands_twice_is_there_once() -> None:
    """Two certificates of one CA with one key are held by one cross-certificate."""
    again = certs.authority("Foo CA", key=FOO.key)
    both = (crossed(), replace(trusted(again, "authority", may_sign=True), held=HELD))
    assert members(*both) == CROSS.pem
    assert len(bundle.compile_peer(trust("foo", *both)).blocks) == 2


@pytest.mark.parametrize("compile_peer", [bundle.compile_peer, exim.compile_peer])
def test_a_bundle_has_our_root_above_and_never_the_ca_itself(
    compile_peer: Callable[[PeerTrust], CompiledPeer],
) -> None:
    """Each under its own fingerprint and end."""
    blocks = compile_peer(trust("foo", crossed())).blocks
    text = b"".join(blocks)
    assert (CROSS.pem in text, ROOT.pem in text, FOO.pem in text) == (True, True, False)
    for made, end in ((CROSS, EXPIRES - 9), (ROOT, EXPIRES + 9)):
        line = f"sha256={colons(made.fingerprint)} expires={format_moment(end)}\n"
        assert line.encode() in text


@pytest.mark.parametrize("part", ["der", "root"])
def test_a_certificate_under_another_s_fingerprint_is_refused(part: str) -> None:
    """Whoever can write to the database cannot put another CA in its place."""
    evil: Made = certs.authority("Evil CA")
    held = replace(HELD, der=evil.der) if part == "der" else replace(HELD, root=evil.der)
    with pytest.raises(DatabaseError):
        bundle.compile_peer(trust("foo", crossed(held)))
    with pytest.raises(DatabaseError):
        exim.compile_peer(trust("foo", crossed(held)))
