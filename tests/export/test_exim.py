"""What is compiled for Exim: shapes, and that only fixed alphabets leave."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs
from tests.certs import Made
from tests.trusts import HOSTILE, hostile, trust, trusted
from trustctl.errors import DatabaseError, UsageError
from trustctl.export import bundle
from trustctl.export.exim import (
    CLOSED,
    GUARD,
    NOBODY,
    NOBODY_TEXT,
    compile_peer,
    configuration,
)
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.pem import pem
from trustctl.resources import resource

_VALUE = re.compile(
    r"closed=yes|set=[0-9a-f]{64}\.pem (?:pathset=[0-9a-f]{64}\.pem )?(?:"
    r"(?:turns=[0-9a-f]{64}(?::[0-9a-f]{64})+ )?pins=[0-9A-F]{64}(?::[0-9A-F]{64})* names=off|"
    r"authority=yes names=on via=[0-9A-F]{64}(?::[0-9A-F]{64})*"
    r"(?: pins=[0-9A-F]{64}(?::[0-9A-F]{64})*)?"
    r"(?: deny=[0-9A-F]{64}(?::[0-9A-F]{64})*)?)"
)
_SET = re.compile(
    rb"(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n)+"
)


@pytest.fixture(scope="module")
def ca() -> Made:
    """A peer's own authority."""
    return certs.authority("Foo CA")


def _value_of(one: CompiledPeer) -> str:
    (value,) = {value for _domain, value in one.entries}
    return value


def _value(one: CompiledPeer) -> str:
    """The peer's only value; the set that it names is the one that comes with it."""
    value = _value_of(one)
    for name, content in one.sets:
        assert name == f"{hashlib.sha256(content).hexdigest()}.pem"
        assert value.startswith(f"set={name} ")
    return value.partition(" ")[2] if one.sets else value


def _members(one: CompiledPeer) -> set[bytes]:
    ((_name, content),) = one.sets
    assert _SET.fullmatch(content)
    return set(re.findall(rb"-----BEGIN.*?END CERTIFICATE-----\n", content, re.S))


def test_a_host_is_pinned_exactly(foo: Made) -> None:
    """One certificate: a set of it, its fingerprint, and the host's name does not matter."""
    one = compile_peer(trust("foo", trusted(foo)))
    assert _value(one) == f"pins={foo.fingerprint.upper()} names=off"
    assert _members(one) == {foo.pem}
    assert [domain for domain, _value in one.entries] == ["foo.test"]


def test_every_domain_has_an_entry(foo: Made) -> None:
    """A peer's domains share one set."""
    one = compile_peer(trust("foo", trusted(foo), domains=("a.test", "b.test")))
    assert [domain for domain, _value in one.entries] == ["a.test", "b.test"]
    assert len(one.sets) == 1


def test_a_rollover_has_both_pins(foo: Made, bar: Made) -> None:
    """Both certificates, in order of fingerprint, in whatever order they come."""
    one = compile_peer(trust("foo", trusted(foo), trusted(bar)))
    prints = sorted([foo.fingerprint.upper(), bar.fingerprint.upper()])
    assert _value(one) == f"pins={':'.join(prints)} names=off"
    assert _members(one) == {foo.pem, bar.pem}
    assert compile_peer(trust("foo", trusted(bar), trusted(foo))) == one


def test_a_hosts_issuers_help_to_find_a_path(ca: Made) -> None:
    """They are in the set, and never among the pins."""
    leaf = certs.issue(ca, "mx.foo.test")
    one = compile_peer(trust("foo", trusted(leaf, issuers=(ca,))))
    assert _members(one) == {leaf.pem, ca.pem}
    assert _value(one) == f"pins={leaf.fingerprint.upper()} names=off"
    assert ca.fingerprint.upper() not in _value(one)
    assert b"".join(one.blocks).count(b"BEGIN") == 1, "the bundle trusts nobody for his issuer"


def test_an_issuer_that_is_no_root_is_marked_for_openssl_too(ca: Made) -> None:
    """It goes on to a root otherwise, which few hosts send; the same certificate, twice."""
    inter = certs.issue(ca, (), ca=True, subject="Inter")
    one = compile_peer(trust("foo", trusted(certs.issue(inter, "mx.foo.test"), issuers=(inter,))))
    ((_name, content),) = one.sets
    marked = re.search(rb"-----BEGIN TRUSTED.*?END TRUSTED CERTIFICATE-----\n", content, re.S)
    assert marked is not None
    assert inter.pem in content
    told = certs.openssl("x509", "-text", "-noout", stdin=marked[0])
    assert b"Trusted Uses:\n  TLS Web Server Authentication" in told
    assert certs.openssl("x509", stdin=marked[0]) == inter.pem


def test_certificates_of_one_name_take_turns(foo: Made, ca: Made) -> None:
    """Each set has one of them, and all others; the first one still has all. Those that another
    name, or somebody else, signed need none; four turns are the most."""
    again, other = certs.self_signed("mx.foo.test", ca=False), certs.self_signed("mx2.foo.test")
    issued = trusted(certs.issue(ca, "mx.foo.test"), issuers=(ca,))
    first, second = sorted((foo, again), key=lambda one: one.fingerprint)
    one = compile_peer(trust("foo", trusted(foo), trusted(again), trusted(other), issued))
    (whole, everything), *turns = one.sets
    told = ":".join(name.removesuffix(".pem") for name, _content in turns)
    assert _value_of(one).startswith(f"set={whole} turns={told} pins=")
    assert everything.count(b"BEGIN") == 5
    assert [(first.pem in text, second.pem in text) for _name, text in turns] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert all(ca.pem in text for _name, text in turns)
    assert "turns=" not in _value_of(compile_peer(trust("foo", trusted(foo), trusted(other))))
    many = [trusted(certs.self_signed("mx.foo.test")) for _each in range(6)]
    assert len(compile_peer(trust("foo", *many)).sets) == 1 + 4


def test_what_is_above_an_authority_is_in_a_set_of_its_own(ca: Made, foo: Made) -> None:
    """Only who looks at ``via`` is given that one: in the other nothing but the peer's own is
    trusted. What a host's issuer is, is not the authority's matter either."""
    inter, other = certs.issue(ca, (), ca=True, subject="Inter"), certs.authority("Other")
    host = trusted(certs.issue(other, "mx.foo.test"), issuers=(other,))
    pinned = trusted(inter, "authority", may_sign=True, issuers=(ca,))
    one = compile_peer(trust("foo", pinned, host))
    (narrow, its), (wide, more) = one.sets
    assert _value_of(one).startswith(f"set={narrow} pathset={wide} authority=yes ")
    assert f" via={inter.fingerprint.upper()} " in _value_of(one)
    assert its == b"".join(sorted((inter.pem, pem(host.der))))
    assert more == b"".join(sorted((inter.pem, pem(host.der), ca.pem, other.pem)))


def test_an_authority_is_held_to_host_names(ca: Made) -> None:
    """The set is the authority, through which every path has to lead; there is no pin, and the
    host's name is checked."""
    one = compile_peer(trust("foo", trusted(ca, "authority", may_sign=True)))
    assert _value(one) == f"authority=yes names=on via={ca.fingerprint.upper()}"
    assert _members(one) == {ca.pem}


def test_an_authority_denies_what_is_distrusted(ca: Made, foo: Made, bar: Made) -> None:
    """What it signed and people distrust stays out; a host's pins need no such list."""
    denied = sorted([foo.fingerprint, bar.fingerprint])
    one = compile_peer(trust("foo", trusted(ca, "authority", may_sign=True)), denied)
    assert _value(one).endswith(f" via={ca.fingerprint.upper()} deny={':'.join(denied).upper()}")
    assert "deny=" not in _value(compile_peer(trust("foo", trusted(foo)), denied))


def test_a_host_beside_an_authority_is_taken_too(ca: Made, foo: Made) -> None:
    """If it cannot sign, it is in the set and among the pins."""
    one = compile_peer(trust("foo", trusted(foo), trusted(ca, "authority", may_sign=True)))
    assert _value(one).endswith(f" via={ca.fingerprint.upper()} pins={foo.fingerprint.upper()}")
    assert _members(one) == {foo.pem, ca.pem}


def test_a_host_that_may_sign_is_left_out_beside_an_authority(ca: Made, foo: Made) -> None:
    """It would be a second authority: certificates that it signs would pass."""
    authority = trusted(ca, "authority", may_sign=True)
    one = compile_peer(trust("foo", trusted(foo, may_sign=True), authority))
    assert _members(one) == {ca.pem}
    assert "pins=" not in _value(one)
    assert foo.pem in _members(compile_peer(trust("foo", trusted(foo, may_sign=True)))), "alone"


def test_nobody_trusted_closes_every_domain() -> None:
    """A protected domain without a pin keeps an entry, and no set."""
    one = compile_peer(trust("foo", domains=("a.test", "b.test")))
    assert one.entries == (("a.test", CLOSED), ("b.test", CLOSED))
    assert one.sets == ()


def test_without_domains_it_is_in_the_bundle_alone(foo: Made) -> None:
    """No entry, no set."""
    one = compile_peer(trust("foo", trusted(foo), domains=()))
    assert (one.entries, one.sets) == ((), ())
    assert one.blocks == bundle.compile_peer(trust("foo", trusted(foo), domains=())).blocks


@given(
    st.lists(
        st.tuples(st.sampled_from(HOSTILE), st.sampled_from(["host", "authority"]), st.booleans()),
        max_size=4,
        unique_by=lambda one: one[0],
    ),
    st.lists(st.sampled_from(["a.test", "b.test", "xn--bcher-kva.example"]), unique=True),
    st.booleans(),
)
def test_only_fixed_words_hex_and_base64_leave(
    chosen: list[tuple[str, str, bool]], domains: list[str], denying: bool
) -> None:
    """Whatever certificates hold, values and sets are of fixed alphabets."""
    pinned = [
        trusted(_HOSTILE[text], "authority" if role == "authority" else "host", may_sign=signs)
        for text, role, signs in chosen
    ]
    denied = [one.fingerprint for one in _HOSTILE.values()] if denying else []
    one = compile_peer(trust("foo", *pinned, domains=tuple(domains)), denied)
    assert [domain for domain, _value in one.entries] == domains
    assert all(_VALUE.fullmatch(value) for _domain, value in one.entries)
    assert all(_SET.fullmatch(content) for _name, content in one.sets)


_HOSTILE = {text: hostile(text) for text in HOSTILE}


@given(st.text(max_size=20))
def test_no_name_leaves_that_means_something(text: str) -> None:
    """Any text as a domain or a peer's name is refused, or holds letters, digits and ``._-``."""
    for bad in (trust("p", domains=(text,)), trust(text, domains=("a.test",))):
        try:
            compile_peer(bad)
        except DatabaseError:
            continue
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text)


def test_the_guard_is_under_no_domain() -> None:
    """Its key can be no domain's, so no peer can be named over it."""
    with pytest.raises(DatabaseError):
        compile_peer(trust("p", domains=(GUARD[0].decode(),)))


def test_nobody_has_no_certificate() -> None:
    """OpenSSL finds none in it; the control finds one in a trust set."""
    assert b"BEGIN" not in NOBODY_TEXT
    with pytest.raises(AssertionError, match=r"(?i)unable|no certificate|could not"):
        certs.openssl("x509", "-noout", stdin=NOBODY_TEXT)
    certs.openssl("x509", "-noout", stdin=certs.self_signed().pem)
    assert NOBODY.endswith(".pem")


@pytest.mark.parametrize("name", ["router", "transport", "acl", "main"])
def test_the_configuration_is_the_text_that_ships(name: str) -> None:
    """What is emitted is share/exim, with the folder put in and nothing else."""
    shipped = Path(str(resource("share") / "exim" / f"{name}.conf")).read_text("ascii")
    emitted = configuration("/etc/exim4", receives=True)[name]
    own = shipped.replace("@OWN@", "/etc/exim4/trustctl-host/current")
    assert emitted == own.replace("@DIR@", "/etc/exim4/trustctl")
    assert "@DIR@" not in emitted
    elsewhere = configuration("/srv/mail/exim4", receives=True)[name]
    assert emitted.replace("/etc/exim4/", "/srv/mail/exim4/") == elsewhere


@pytest.mark.parametrize("directory", ["/etc/exim4", "/srv/a.b/c_d-e", "/x"])
def test_plain_folders_are_taken(directory: str) -> None:
    """A folder of letters, digits, dots, hyphens and underscores."""
    assert f"{directory}/trustctl/sets" in configuration(directory)["transport"]


@pytest.mark.parametrize(
    "directory",
    [
        "", "/", "etc/exim4", "/etc/exim4/", "/etc//exim4", "/etc/../tmp", "/etc/..", "/etc/.a",
        "/etc/-x", "/a b", "/a\n", "/a\nb", "/a\\", "/a:b", "/a;b", "/a{b", "/a}b", "/a$b", "/ä",
        *[f"/{text}" for text in HOSTILE], *[f"/etc/exim4/{text}" for text in HOSTILE],
    ],
)  # fmt: skip
def test_a_folder_that_means_something_to_exim_is_refused(directory: str) -> None:
    """It would be expanded, split as a list, or end the line."""
    with pytest.raises(UsageError, match="Exim's folder"):
        configuration(directory)
