"""The map of who may send as which domain: pure, exact, and inert whatever a certificate says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests import certs
from tests.trusts import HOSTILE, hostile, trust, trusted
from trustctl.errors import DatabaseError
from trustctl.export import cdb
from trustctl.export.exim import GUARD, configuration
from trustctl.export.exim_server import ANCHORS, SENDERS, TEXT, compile_senders, value
from trustctl.facts.records import Inbound

FOO, NEXT = certs.self_signed("mx.foo.test"), certs.self_signed("mx.foo.test")
ROOT = certs.authority("Foo root")
REQUIRE = Inbound("require")
_SHAPE = re.compile(
    r"peer=[a-z0-9._-]+ mode=(require|offer)( pins=[0-9A-F]{64}(:[0-9A-F]{64})*)?"
    r"( hosts=[0-9a-f.:/]+(;[0-9a-f.:/]+)*)?( relay=yes)?"
)


def _pins(*made: certs.Made) -> str:
    return ":".join(sorted(one.fingerprint.upper() for one in made))


def test_each_part_is_there_or_left_out() -> None:
    """Nothing is ever empty: Exim would take the next part for its value."""
    whole = Inbound("offer", True, ("192.0.2.0/24", "2001:db8::/32"))
    both = trust("foo", trusted(FOO), trusted(NEXT))
    assert value(both, whole) == (
        f"peer=foo mode=offer pins={_pins(FOO, NEXT)} hosts=192.0.2.0/24;2001:db8::/32 relay=yes"
    )
    assert value(trust("foo"), REQUIRE) == "peer=foo mode=require"


def test_an_authority_binds_nobody() -> None:
    """A server cannot tell which authority a client's certificate leads to: its pin is no pin
    here."""
    authority = trusted(ROOT, "authority", may_sign=True)
    assert value(trust("foo", authority), REQUIRE) == "peer=foo mode=require"
    assert value(trust("foo", authority, trusted(FOO)), REQUIRE) == (
        f"peer=foo mode=require pins={_pins(FOO)}"
    )


def test_the_map_says_it_of_each_domain() -> None:
    """As Exim reads it and as people do; with the mark of a whole map, and a folder of nothing."""
    files = compile_senders([(trust("foo", trusted(FOO), domains=("foo.test", "a.test")), REQUIRE)])
    said = f"peer=foo mode=require pins={_pins(FOO)}"
    assert dict(cdb.items(files[SENDERS])) == {
        GUARD[0]: GUARD[1], b"foo.test": said.encode(), b"a.test": said.encode()
    }  # fmt: skip
    assert files[TEXT].decode() == f"a.test\t{said}\nfoo.test\t{said}\n"
    assert b"-----BEGIN" not in files[ANCHORS]
    assert set(files) == {SENDERS, TEXT, ANCHORS}


def test_nobody_is_a_whole_map_too() -> None:
    """Where nobody is asked anything the map is there, says so, and its text is empty."""
    files = compile_senders([])
    assert dict(cdb.items(files[SENDERS])) == {GUARD[0]: GUARD[1]}
    assert files[TEXT] == b""


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_certificate_says_is_inert(text: str) -> None:
    """Nothing of it reaches the map."""
    said = value(trust("foo", trusted(hostile(text))), REQUIRE)
    assert _SHAPE.fullmatch(said)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["peer", "domain", "network", "mode"])
def test_what_trustctl_never_stores_is_refused(text: str, where: str) -> None:
    """Whoever writes the database's file cannot write Exim's language."""
    one, asked = trust("foo", trusted(FOO)), Inbound("require", networks=("192.0.2.0/24",))
    if where == "peer":
        one = replace(one, peer=text)
    elif where == "domain":
        one = replace(one, domains=(text,))
    elif where == "network":
        asked = replace(asked, networks=(text,))
    else:
        asked = replace(asked, mode=text)  # type: ignore[arg-type]
    with pytest.raises(DatabaseError):
        compile_senders([(one, asked)])


def test_the_server_s_texts_come_where_they_are_asked_for() -> None:
    """Without them the others are what they are with them."""
    without, whole = configuration("/etc/exim4"), configuration("/etc/exim4", receives=True)
    assert set(whole) - set(without) == {"acl", "main"}
    assert {name: whole[name] for name in without} == without
    assert not re.search(r"@[A-Z]+@", "".join(whole.values()))
    assert "/etc/exim4/trustctl/current/inbound/senders.cdb" in whole["acl"]


def test_no_path_of_the_lists_is_made_of_what_a_client_says() -> None:
    """What a client says is looked up, never part of a file's name."""
    texts = configuration("/etc/exim4", receives=True)
    text = texts["acl"] + texts["main"]
    for path in re.findall(r"/etc/exim4[^\s}]*", text):
        assert "$" not in path
