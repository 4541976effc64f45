"""PKCS #11 URIs (RFC 7512): they name a token, or a key in it, and never the PIN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from trustctl.errors import UsageError

SCHEME = "pkcs11:"
TOKEN = ("token", "serial", "manufacturer", "model")
KEY = ("id", "object", "type")
EXAMPLE = "pkcs11:token=NAME; p11tool --list-token-urls shows them"


def parse_uri(text: str) -> dict[str, bytes]:
    """The attributes of a PKCS #11 URI that names a token, or a key in it.

    Raises:
        UsageError: it is none, or holds what has no place in it (a PIN, a module's path).
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() != "pkcs11":
        raise UsageError(f"{text} is no PKCS #11 URI (RFC 7512)", EXAMPLE)
    path, _mark, query = rest.partition("?")
    for one in query.split("&") if query else ():
        name = one.partition("=")[0]
        if name in ("pin-value", "pin-source"):
            # the value is not shown again
            raise UsageError(
                f"{name} does not belong in the token's URI",
                "the PIN comes from --pin-file, the credential trustctl-ca-pin, or a prompt",
            )
        raise UsageError(f"{name} does not belong in the token's URI", "the module: --module FILE")
    found: dict[str, bytes] = {}
    for one in path.split(";"):
        name, equals, value = one.partition("=")
        if name not in TOKEN + KEY or not equals:
            raise UsageError(f"{name!r} is nothing that trustctl looks for in a token", EXAMPLE)
        if name in found:
            raise UsageError(f"{name} stands twice in the token's URI", EXAMPLE)
        if not value.isascii() or re.search(r"%(?![0-9A-Fa-f]{2})", value):
            raise UsageError(f"{name} in the token's URI is not percent-encoded", EXAMPLE)
        found[name] = unquote_to_bytes(value)
    if "token" not in found and "serial" not in found:
        raise UsageError("the URI names no token", EXAMPLE)
    return found


def uri(attributes: Mapping[str, bytes]) -> str:
    """The URI of these attributes, in the order that RFC 7512 has them in its examples."""
    order = (*TOKEN, *KEY)
    parts = [f"{one}={quote(attributes[one], safe='')}" for one in order if one in attributes]
    return SCHEME + ";".join(parts)


def token_of(text: str) -> str:
    """The URI of the token that a key's URI names."""
    return uri({name: value for name, value in parse_uri(text).items() if name in TOKEN})
