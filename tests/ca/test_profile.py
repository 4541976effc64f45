"""Tests of trustctl.ca.profile: profiles as data."""

from __future__ import annotations

from typing import Any

import pytest

from trustctl.ca.profile import load, names, parse
from trustctl.errors import UsageError

GOOD: dict[str, Any] = {
    "description": "a host",
    "ca": False,
    "days": 365,
    "maximum_days": 825,
    "key_kinds": ["ecdsa-p256"],
    "key_usage": ["digital_signature"],
    "extended_key_usage": ["server_auth"],
}


def test_all_that_are_shipped_can_be_read() -> None:
    """Each file in share/profiles is a profile, and those are the documented ones."""
    assert names() == [
        "issuing", "mta", "mta-client", "mta-server", "peer-cross", "root", "root-cross",
    ]  # fmt: skip
    for name in names():
        assert load(name).name == name


def test_what_they_promise() -> None:
    """A host's certificate cannot sign; a CA's is for nothing else; an issuing CA has no CA
    below it; a client's is for no server."""
    for name in names():
        one = load(name)
        assert one.ca == ("key_cert_sign" in one.key_usage)
        assert one.ca or not {"key_cert_sign", "crl_sign"} & set(one.key_usage)
        assert one.ca or one.maximum_days <= 825
        assert not (one.ca and one.names_from_request)
    assert load("issuing").path_length == 0
    assert load("mta-client").extended_key_usage == ("client_auth",)
    assert load("mta-server").extended_key_usage == ("server_auth",)


def test_a_name_that_is_none() -> None:
    """It is refused with those that there are; a path is no name."""
    for name in ("nope", "../profiles/mta", ""):
        with pytest.raises(UsageError) as caught:
            load(name)
        assert "mta-client" in str(caught.value.hint)


def test_a_good_one_is_read() -> None:
    """The control of what follows."""
    found = parse("x", GOOD)
    assert (found.days, found.key_kinds, found.path_length) == (365, ("ecdsa-p256",), None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wat": 1}, "unknown field wat"),
        ({"ca": 1}, "ca is not of type bool"),
        ({"days": True}, "days is not of type int"),
        ({"days": "365"}, "days is not of type int"),
        ({"days": 0}, "days is not between"),
        ({"days": 826}, "days is not between"),
        ({"key_kinds": ["rsa-1024"]}, "unknown 'rsa-1024'"),
        ({"key_kinds": [1]}, "unknown 1"),
        ({"key_usage": ["sign_everything"]}, "unknown 'sign_everything'"),
        ({"extended_key_usage": ["any"]}, "unknown 'any'"),
        ({"key_usage": ["key_cert_sign"]}, "go together"),
        ({"ca": True}, "go together"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str) -> None:
    """A field that is unknown, of another type or out of range is refused by name."""
    with pytest.raises(ValueError, match=said):
        parse("x", GOOD | change)


@pytest.mark.parametrize("field", sorted(GOOD))
def test_what_is_missing_is_named(field: str) -> None:
    """No field has a silent default."""
    with pytest.raises(ValueError, match=f"{field} is missing"):
        parse("x", {key: value for key, value in GOOD.items() if key != field})
