"""Profiles as data: what kinds of certificates the CA makes (share/profiles/*.toml)."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from trustctl.errors import InputError, UsageError
from trustctl.facts.issuance import FOREIGN_KINDS, KEY_KINDS, Profile
from trustctl.resources import resource

KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign",
)  # fmt: skip
EXTENDED_KEY_USAGES = ("server_auth", "client_auth", "email_protection", "ocsp_signing")
_FIELDS = {
    "description": str, "ca": bool, "path_length": int, "days": int, "maximum_days": int,
    "key_kinds": list, "key_usage": list, "extended_key_usage": list, "names_from_request": bool,
}  # fmt: skip


_OPTIONAL = ("path_length", "names_from_request")


def names() -> list[str]:
    """The names of all profiles."""
    return sorted(one.stem for one in (resource("share") / "profiles").glob("*.toml"))


@cache
def load(name: str) -> Profile:
    """The profile ``name``.

    Raises:
        UsageError: there is none. InputError: its file is not as a profile has to be.
    """
    if name not in names():
        raise UsageError(f"there is no profile {name}", f"the profiles are: {', '.join(names())}")
    path = resource("share") / "profiles" / f"{name}.toml"
    try:
        return parse(name, tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}", "reinstall trustctl") from error


def parse(name: str, data: dict[str, Any]) -> Profile:
    """A profile from what its file says.

    Raises:
        ValueError: a field is missing, unknown, of another type or out of range.
    """
    for key, value in data.items():
        if key not in _FIELDS:
            raise ValueError(f"unknown field {key}")
        if type(value) is not _FIELDS[key]:
            raise ValueError(f"{key} is not of type {_FIELDS[key].__name__}")
    missing = [one for one in _FIELDS if one not in data and one not in _OPTIONAL]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    for key, known in (
        ("key_kinds", (*KEY_KINDS, *FOREIGN_KINDS)),
        ("key_usage", KEY_USAGES),
        ("extended_key_usage", EXTENDED_KEY_USAGES),
    ):
        unknown = [one for one in data[key] if one not in known]
        if unknown:
            raise ValueError(f"{key}: unknown {unknown[0]!r}")
    if not 1 <= data["days"] <= data["maximum_days"]:
        raise ValueError("days is not between 1 and maximum_days")
    if data["ca"] != ("key_cert_sign" in data["key_usage"]):
        raise ValueError("ca and key_cert_sign go together (RFC 5280, 4.2.1.9)")
    return Profile(
        name=name,
        description=data["description"],
        ca=data["ca"],
        path_length=data.get("path_length"),
        days=data["days"],
        maximum_days=data["maximum_days"],
        key_kinds=tuple(data["key_kinds"]),
        key_usage=tuple(data["key_usage"]),
        extended_key_usage=tuple(data["extended_key_usage"]),
        names_from_request=data.get("names_from_request", False),
    )
