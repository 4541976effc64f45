"""Tests of trustctl.ca.offline: files carried by hand, and whatever else comes that way."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ca.damage import changed, damaged, strangers
from tests.ca.own import DAY, NOW, Own, own, template
from trustctl.ca.draft import draft
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.offline import (
    Answer,
    Request,
    read_answer,
    read_request,
    write_answer,
    write_request,
)
from trustctl.ca.redraft import check_answer
from trustctl.ca.signer import KeySigner
from trustctl.errors import InputError
from trustctl.facts.issuance import KEY_KINDS, KeyKind

KEY = KeySigner(generate("ecdsa-p256"))
REQUEST = Request("main", 1, spki_of(KEY.public_key), ("bar.test", "foo.test"))
TEXT = write_request(REQUEST, KEY)


def answer(ours: Own, request: Request = REQUEST, **changed: Any) -> Answer:
    """What the root makes of a request, changed in what is said."""
    wanted = template(
        "issuing", subject=request.subject, public_key=request.public_key,
        permitted=request.permitted, not_after=NOW + 1800 * DAY,
    )  # fmt: skip
    made = draft(replace(wanted, **changed), ours.root.certificate, ours.kind)
    der = finish(made, KeySigner(ours.root.key))  # type: ignore[arg-type]
    return Answer(request.spki, der, ours.root.der, None)


@pytest.mark.parametrize("kind", KEY_KINDS)
@pytest.mark.parametrize("permitted", [None, ("bar.test",)])
def test_a_request_there_and_back(kind: KeyKind, permitted: tuple[str, ...] | None) -> None:
    """What was asked for arrives, whatever kind of key asks."""
    key = KeySigner(generate(kind))
    wanted = Request("main", 3, spki_of(key.public_key), permitted)
    assert read_request(write_request(wanted, key), "f") == wanted


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_an_answer_there_and_back(kind: KeyKind) -> None:
    """The drafts that it holds are found again to the byte; a list comes with it or does not."""
    ours = own(kind)
    made = answer(ours)
    assert read_answer(write_answer(made), "f") == made
    assert read_answer(write_answer(replace(made, crl=b"list")), "f").crl == b"list"
    root, issuing = check_answer(made, REQUEST, "f")
    assert root.tbs in ours.root.der
    assert issuing.tbs in made.certificate


_GOOD = answer(own())


def test_a_name_that_the_key_did_not_sign() -> None:
    """Whoever alters the CA's name or number on the way is caught by the proof."""
    assert read_request(changed(TEXT), "f") == REQUEST
    for other in ({"ca": "evil"}, {"number": 2}):
        with pytest.raises(InputError, match="another name"):
            read_request(changed(TEXT, **other), "f")


def test_a_key_that_its_sender_does_not_hold() -> None:
    """A request for somebody else's key, with any signature but that key's, is refused."""
    proof = bytearray(base64.b64decode(json.loads(TEXT)["proof"]))
    proof[-1] ^= 1
    with pytest.raises(InputError):
        read_request(changed(TEXT, proof=base64.b64encode(proof).decode()), "f")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "trustctl ca answer"}, {"kind": "x"}, {"kind": []}, {"version": 2},
        {"version": True}, {"version": "1"}, {"version": None}, {"ca": "Main"}, {"ca": "a b"},
        {"ca": ""}, {"ca": 7}, {"ca": "\ud800"}, {"number": 0}, {"number": -1}, {"number": 1.0},
        {"number": True}, {"number": 10**30}, {"profile": "root"}, {"profile": "mta"},
        {"permit": []}, {"permit": "bar.test"}, {"permit": ["Bar.test"]}, {"permit": ["test"]},
        {"permit": ["bar.test"] * 2}, {"permit": [None]}, {"permit": ["*.bar.test"]},
        {"permit": ["bar.test\n"]}, {"permit": {}}, {"permit": [f"a{n}.test" for n in range(1001)]},
        {"proof": ""}, {"proof": "AA=="}, {"proof": "!"}, {"proof": None}, {"proof": "é"},
        {"more": 1},
    ],
    ids=lambda one: str(one)[:40],
)  # fmt: skip
def test_a_field_that_is_wrong(fields: dict[str, object]) -> None:
    """Every field is exactly what a writer writes, or the file is refused."""
    with pytest.raises(InputError) as caught:
        read_request(changed(TEXT, **fields), "f")
    assert "f" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("data", strangers(TEXT))
def test_what_is_no_file_of_ours(data: bytes) -> None:
    """Truncated, nested without end, doubled, too large: one error of ours, at once."""
    for read in (read_request, read_answer):
        with pytest.raises(InputError):
            read(data, "f")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    """A file with bytes changed, cut or put in is read as the same or refused."""
    try:
        found = read_request(damaged(data, TEXT), "f")
    except InputError:
        return
    assert (found.ca, found.number, found.public_key) == (
        REQUEST.ca, REQUEST.number, REQUEST.public_key,
    )  # fmt: skip


def test_one_for_the_other() -> None:
    """A request is no answer, and the error says where it belongs."""
    with pytest.raises(InputError) as caught:
        read_answer(TEXT, "f")
    assert "sign-request" in str(caught.value.hint)
    made = write_answer(Answer(REQUEST.spki, b"", b"", None))
    with pytest.raises(InputError) as caught:
        read_request(made, "f")
    assert "ca accept" in str(caught.value.hint)


@pytest.mark.parametrize(
    "change",
    [
        {"permitted": None},
        {"permitted": ("bar.test",)},
        {"permitted": ("foo.test", "bar.test")},
        {"permitted": ("bar.test", "foo.test", "evil.test")},
        {"subject": "main issuing 2 00000000"},
        {"public_key": spki_of(generate("ecdsa-p256").public_key())},
    ],
    ids=["wider", "narrower", "one more", "two more", "another name", "another key"],
)
def test_another_certificate_than_was_asked_for(ours: Own, change: dict[str, Any]) -> None:
    """Wider, narrower, of another name or for another key: refused, though the root signed it."""
    with pytest.raises(InputError):
        check_answer(answer(ours, **change), REQUEST, "f")
    check_answer(answer(ours), REQUEST, "f")


def test_another_profile_than_was_asked_for(ours: Own) -> None:
    """A CA that may have CAs below it, or a host's certificate, is not an issuing CA."""
    for profile in ("peer-cross", "root-cross", "mta"):
        other = template(profile).profile
        with pytest.raises(InputError):
            check_answer(answer(ours, profile=other), REQUEST, "f")


def test_a_signature_that_is_not_the_roots(ours: Own) -> None:
    """Signed by another root, altered in one bit, cut off, or put in another one's place."""
    good = answer(ours)
    other = own()
    for bad in (
        replace(good, certificate=good.certificate[:-1] + bytes((good.certificate[-1] ^ 1,))),
        replace(good, root=good.root[:-1] + bytes((good.root[-1] ^ 1,))),
        replace(good, root=other.root.der),
        replace(answer(other), root=ours.root.der),
        replace(good, certificate=good.certificate + b"\0"),
        replace(good, certificate=good.certificate[:-9]),
        replace(good, certificate=ours.issuing.der),
        replace(good, certificate=good.root),
        replace(good, root=ours.issuing.der),
        replace(good, root=b""),
        replace(good, spki="0" * 64),
    ):
        with pytest.raises(InputError):
            check_answer(bad, REQUEST, "f")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_of_an_answer(data: st.DataObject) -> None:
    """No byte of certificate or root can be changed, cut or put in unnoticed."""
    good = _GOOD
    field = data.draw(st.sampled_from(["certificate", "root"]))
    before: bytes = getattr(good, field)
    text = damaged(data, before, 2)
    if text == before:
        return
    with pytest.raises(InputError):
        check_answer(replace(good, **{field: text}), REQUEST, "f")  # type: ignore[arg-type]
