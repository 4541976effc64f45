"""Files that are carried by hand between a CA and its offline root: what all of them share.

They are small JSON files that say which version of this they are. Whatever stands in them is
hostile until it was looked at: each reader refuses all but exactly what its writer writes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, cast

from trustctl.errors import InputError, UsageError
from trustctl.facts.names import parse_domain

VERSION = 1
LIMIT_BYTES = 1 << 16
MOST_DOMAINS = 1000
REQUEST, ANSWER = "trustctl ca request", "trustctl ca answer"
CROSS_REQUEST, CROSS_ANSWER = "trustctl ca cross request", "trustctl ca cross answer"
_KINDS = {
    REQUEST: ("a request", "sign-request"),
    ANSWER: ("an answer", "accept"),
    CROSS_REQUEST: ("a request about a peer's CA", "sign-request"),
    CROSS_ANSWER: ("an answer about a peer's CA", "accept"),
}
"""What each is for people, and the command that takes it."""
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def write(kind: str, fields: dict[str, object]) -> bytes:
    """A file of this kind.

    Raises:
        UsageError: it would be larger than any that is read.
    """
    text = json.dumps({"kind": kind, "version": VERSION, **fields}, ensure_ascii=True, indent=2)
    if len(text) >= LIMIT_BYTES:
        raise UsageError(
            f"the file would have {len(text)} bytes: {LIMIT_BYTES} are the most", "name fewer names"
        )
    return (text + "\n").encode()


def kind_of_file(data: bytes, where: str) -> str:
    """Which kind of these files it is.

    Raises:
        InputError: none. Nothing else, whatever the bytes.
    """
    return cast(str, _load(data, where)["kind"])


def read(data: bytes, where: str, kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a file of this kind; what they hold is not looked at.

    Args:
        names: the fields that it has to have, beside kind and version.

    Raises:
        InputError: it is none, or of another version. Nothing else, whatever the bytes.
    """
    fields = _load(data, where)
    if fields["kind"] != kind:
        what, command = _KINDS[fields["kind"]]
        raise InputError(f"{where} is {what}", f"trustctl ca {command} {where}")
    version = fields.get("version")
    if type(version) is not int or version != VERSION:
        raise InputError(
            f"{where} is of a version that this trustctl does not know",
            "use the same trustctl on both machines",
        )
    if sorted(fields) != sorted(("kind", "version", *names)):
        raise InputError(f"{where} does not have the fields that it has to have", "copy it anew")
    return fields


def _load(data: bytes, where: str) -> dict[str, Any]:
    """What the file holds; its kind is one of ours."""
    if len(data) > LIMIT_BYTES:
        raise InputError(f"{where} has {len(data)} bytes: it is none of trustctl's", "name another")
    try:
        fields = json.loads(data, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InputError(
            f"{where} is damaged or no file of trustctl ca", "copy it anew, all of it"
        ) from None
    kind = fields.get("kind") if isinstance(fields, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError(
            f"{where} is neither a request nor an answer",
            "trustctl ca request, ca cross and ca sign-request write them",
        )
    return cast(dict[str, Any], fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def _refuse(text: str) -> None:
    raise ValueError(text)


def base64_of(der: bytes) -> str:
    """DER as a field holds it."""
    return base64.b64encode(der).decode()


def der(value: object, where: str, field: str) -> bytes:
    """The bytes of a field in base64."""
    if not isinstance(value, str):
        raise damaged(where, field)
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise damaged(where, field) from None


def sha256(value: object, where: str, field: str) -> str:
    """A field that is a SHA-256: 64 lower-case hex digits."""
    if not isinstance(value, str) or not _HEX64.fullmatch(value):
        raise damaged(where, field)
    return value


def domains(value: object, where: str) -> tuple[str, ...]:
    """The field ``permit``: names, each as it is written canonically, and once."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_DOMAINS:
        raise damaged(where, "permit")
    found = tuple(canonical(one, parse_domain, where, "permit") for one in value)
    if len(set(found)) != len(found):
        raise damaged(where, "permit")
    return found


def canonical(value: object, parse: Callable[[str], str], where: str, field: str) -> str:
    """A text that is already as ``parse`` would make it."""
    try:
        if isinstance(value, str) and parse(value) == value:
            return value
    except UsageError:
        pass
    raise damaged(where, field)


def damaged(where: str, field: str) -> InputError:
    """The error about a field that no writer of ours has written."""
    return InputError(f"{where}: {field} is not as it has to be", "copy it anew, all of it")
