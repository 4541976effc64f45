"""Tests of trustctl.ca.crossfile: files about a peer's CA, and whatever else comes that way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import certs, odd
from tests.ca.damage import changed, damaged, strangers
from tests.ca.own import DAY, NOW, Own, own, template
from tests.certs import Made
from trustctl.ca import offline
from trustctl.ca.crossfile import (
    CrossAnswer,
    CrossRequest,
    read_answer,
    read_request,
    write_answer,
    write_request,
)
from trustctl.ca.draft import draft
from trustctl.ca.finish import finish
from trustctl.ca.redraft import check_cross
from trustctl.ca.signer import KeySigner
from trustctl.errors import InputError, UsageError
from trustctl.facts.der import subject_public_key_info

FOO, OTHER = certs.authority("Foo CA"), certs.authority("Other CA")
REQUEST = CrossRequest("peers", "foo", ("foo.test", "mx.isp.test"), None, None, FOO.der)
TEXT = write_request(REQUEST)


def answer(ours: Own, of: Made = FOO, **changed: Any) -> CrossAnswer:
    """What the root makes of the request, changed in what is said."""
    wanted = template(
        "peer-cross", subject="foo", public_key=subject_public_key_info(of.der),
        permitted=REQUEST.permitted, cross_of=of.der,
    )  # fmt: skip
    made = draft(replace(wanted, **changed), ours.root.certificate, ours.kind)
    der = finish(made, KeySigner(ours.root.key))  # type: ignore[arg-type]
    return CrossAnswer("peers", "foo", REQUEST.spki, REQUEST.permitted, der, ours.root.der, b"list")


_OURS = own()
_GOOD = answer(_OURS)
ANSWER = write_answer(_GOOD)


@pytest.mark.parametrize("days", [None, 30])
@pytest.mark.parametrize("before", [None, "0f" * 32])
def test_a_request_there_and_back(days: int | None, before: str | None) -> None:
    """What was asked for arrives."""
    wanted = replace(REQUEST, days=days, before=before)
    assert read_request(write_request(wanted), "f") == wanted
    assert wanted.spki == FOO.spki


@pytest.mark.parametrize("of", [FOO, certs.authority("Foo CA", key="rsa2048")], ids=["ec", "rsa"])
def test_an_answer_there_and_back(of: Made) -> None:
    """The drafts that it holds are found again to the byte, whatever key the peer's CA has."""
    made = answer(_OURS, of)
    assert read_answer(write_answer(made), "f") == made
    root, cross = check_cross(made, of.der, "f")
    assert root.tbs in _OURS.root.der
    assert cross.tbs in made.certificate


_NAMES = [
    {"kind": "x"}, {"kind": []}, {"version": 2}, {"version": True}, {"ca": "A"}, {"ca": ""},
    {"ca": None}, {"peer": "a b"}, {"peer": "\ud800"}, {"peer": 7}, {"permit": []},
    {"permit": None}, {"permit": "foo.test"}, {"permit": ["Foo.test"]}, {"permit": ["test"]},
    {"permit": ["foo.test"] * 2}, {"permit": ["foo.test\n"]}, {"permit": ["*.foo.test"]},
    {"permit": ["z.test", "foo.test"]}, {"permit": ["foo.test", "mx.foo.test"]},
    {"permit": ["192.0.2.1"]}, {"permit": {}}, {"permit": [f"a{n}.test" for n in range(1001)]},
    {"certificate": ""}, {"certificate": "!"}, {"certificate": None}, {"certificate": "é"},
    {"more": 1},
]  # fmt: skip


def _shown(one: object) -> str:
    return str(one)[:40]


@pytest.mark.parametrize(
    "fields",
    [
        *_NAMES, {"kind": "trustctl ca request"}, {"days": 0}, {"days": -1}, {"days": 10**6},
        {"days": True}, {"days": 1.0}, {"days": "30"}, {"before": ""}, {"before": "0" * 63},
        {"before": "F" * 64}, {"before": 1}, {"certificate": "AAAA"}, {"certificate": "MAA="},
    ],
    ids=_shown,
)  # fmt: skip
def test_a_field_of_a_request_that_is_wrong(fields: dict[str, object]) -> None:
    """Every field is exactly what a writer writes, or the file is refused."""
    assert read_request(changed(TEXT), "f") == REQUEST
    with pytest.raises(InputError) as caught:
        read_request(changed(TEXT, **fields), "f")
    assert "f" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "trustctl ca answer"}, {"request": "0" * 63}, {"request": None}, {"root": "!"},
        {"crl": None}, {"crl": 1}, *(one for one in _NAMES if one != {"certificate": ""}),
    ],
    ids=_shown,
)  # fmt: skip
def test_a_field_of_an_answer_that_is_wrong(fields: dict[str, object]) -> None:
    """The same of an answer; that comes with a list always."""
    assert read_answer(changed(ANSWER), "f") == _GOOD
    with pytest.raises(InputError) as caught:
        read_answer(changed(ANSWER, **fields), "f")
    assert caught.value.hint


@pytest.mark.parametrize("data", strangers(TEXT))
def test_what_is_no_file_of_ours(data: bytes) -> None:
    """Truncated, nested without end, doubled, too large: one error of ours, at once."""
    for read in (read_request, read_answer):
        with pytest.raises(InputError):
            read(data, "f")


def test_a_file_that_nobody_would_read_is_not_written() -> None:
    """Names without end are refused where they are asked for, not where the root is."""
    many = tuple(sorted(f"{n:04}.{'a' * 60}.test" for n in range(1000)))
    with pytest.raises(UsageError, match="are the most"):
        write_request(replace(REQUEST, permitted=many))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    """A file with bytes changed, cut or put in is read or refused: nothing else ever happens."""
    text = damaged(data, data.draw(st.sampled_from([TEXT, ANSWER])))
    for read in (read_request, read_answer):
        with suppress(InputError):
            read(text, "f")


def test_one_for_the_other() -> None:
    """Whichever of the four files is taken for another one, the error says where it belongs."""
    spki = REQUEST.spki
    issuing = offline.write_answer(offline.Answer(spki, b"", b"", None))
    cases: list[tuple[Callable[[bytes, str], object], bytes, str]] = [
        (read_answer, TEXT, "sign-request"),
        (offline.read_request, TEXT, "sign-request"),
        (offline.read_answer, TEXT, "sign-request"),
        (read_request, ANSWER, "accept"),
        (offline.read_answer, ANSWER, "accept"),
        (read_request, issuing, "accept"),
        (read_answer, issuing, "accept"),
    ]
    for read, text, command in cases:
        with pytest.raises(InputError) as caught:
            read(text, "f")
        assert caught.value.hint == f"trustctl ca {command} f"


@pytest.mark.parametrize(
    "change",
    [
        {"permitted": None},
        {"permitted": ("foo.test",)},
        {"permitted": ("mx.isp.test", "foo.test")},
        {"permitted": ("foo.test", "mx.isp.test", "evil.test")},
        {"cross_of": OTHER.der},
        {"cross_of": None},
        {"public_key": subject_public_key_info(OTHER.der)},
        {"profile": template("root-cross").profile},
        {"profile": template("issuing").profile},
        {"profile": template("mta").profile},
        {"not_after": NOW + 901 * DAY},
    ],
    ids=["wider", "narrower", "another order", "one more", "another name", "no name", "another key",
         "root-cross", "issuing", "host", "outlasts the CA"],
)  # fmt: skip
def test_another_certificate_than_was_asked_for(change: dict[str, Any]) -> None:
    """Other names, another CA, another profile, a longer life than the CA's: refused, though the
    root signed it."""
    with pytest.raises(InputError):
        check_cross(answer(_OURS, **change), FOO.der, "f")
    check_cross(answer(_OURS), FOO.der, "f")


def test_another_ca_than_is_known_here() -> None:
    """The CA is the one that is pinned: neither its name alone nor its key alone is enough."""
    for of in (OTHER, certs.authority("Foo CA"), certs.authority("Evil CA", key=FOO.key)):
        with pytest.raises(InputError):
            check_cross(_GOOD, of.der, "f")
    renewed = certs.authority("Foo CA", key=FOO.key, days=1000)
    check_cross(_GOOD, renewed.der, "f")


def test_a_ca_that_cannot_be_read() -> None:
    """Whatever a pinned CA's certificate makes of the library, it is our error."""
    broken = odd.altered(FOO, extensions=[odd.alternative_names(b"\xff")])
    for der in (broken.der, FOO.der[:-9], b""):
        with pytest.raises(InputError):
            check_cross(_GOOD, der, "f")


def test_a_signature_that_is_not_the_roots() -> None:
    """Signed by another root, altered in one bit, cut off, or put in another one's place."""
    good, other = _GOOD, own()
    for bad in (
        replace(good, certificate=good.certificate[:-1] + bytes((good.certificate[-1] ^ 1,))),
        replace(good, root=good.root[:-1] + bytes((good.root[-1] ^ 1,))),
        replace(good, root=other.root.der),
        replace(answer(other), root=_OURS.root.der),
        replace(good, certificate=good.certificate + b"\0"),
        replace(good, certificate=good.certificate[:-9]),
        replace(good, certificate=FOO.der),
        replace(good, certificate=good.root),
        replace(good, root=FOO.der),
        replace(good, root=_OURS.issuing.der),
        replace(good, root=b""),
        replace(good, permitted=("foo.test",)),
    ):
        with pytest.raises(InputError):
            check_cross(bad, FOO.der, "f")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_of_an_answer(data: st.DataObject) -> None:
    """No byte of certificate or root can be changed, cut or put in unnoticed."""
    field = data.draw(st.sampled_from(["certificate", "root"]))
    before: bytes = getattr(_GOOD, field)
    text = damaged(data, before, 2)
    if text == before:
        return
    with pytest.raises(InputError):
        check_cross(replace(_GOOD, **{field: text}), FOO.der, "f")  # type: ignore[arg-type]
