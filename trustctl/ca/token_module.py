"""PKCS #11 modules, and the tokens that they know."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trustctl.ca.token import Token, words
from trustctl.ca.token_uri import EXAMPLE, TOKEN, parse_uri
from trustctl.errors import InputError, UsageError


def default_module() -> str | None:
    """p11-kit's proxy, which knows every module that the system has; None where it is not there."""
    places = [*Path("/usr/lib").glob("*/p11-kit-proxy.so")]
    places += [Path(one) / "p11-kit-proxy.so" for one in ("/usr/lib64", "/usr/lib")]
    return next((str(one) for one in places if one.exists()), None)


def open_token(where: str, module: str | None, pin: Callable[[str], str]) -> Token:
    """The token that a URI names, opened.

    Args:
        module: the PKCS #11 module's file; None for p11-kit's proxy. pin: asked with the token's
            label, once the token was found.

    Raises:
        UsageError: the URI is none, the extra is not installed, or the PIN is wrong.
        InputError: the module or the token is not there, or fails.
    """
    wanted = parse_uri(where)
    try:
        import pkcs11
    except ImportError:
        raise UsageError(
            "keys in tokens need the extra pkcs11", "pip install 'trustctl[pkcs11]'"
        ) from None
    from pkcs11 import exceptions as errors

    file = module or default_module()
    if file is None:
        raise InputError("p11-kit's proxy is not installed", "--module names a PKCS #11 module")
    if not os.path.isfile(file):
        raise InputError(f"{file}: there is no such PKCS #11 module", "--module names another")
    try:
        library = pkcs11.lib(file)
        known = [
            one
            for one in (slot.get_token() for slot in library.get_slots(token_present=True))
            if pkcs11.TokenFlag.TOKEN_INITIALIZED in one.flags
        ]
    except (pkcs11.PKCS11Error, OSError, RuntimeError) as error:
        raise InputError(
            f"{file}: the PKCS #11 module cannot be used ({words(error)})",
            "--module names another; p11-kit list-modules shows them",
        ) from error
    found = [one for one in known if _fits(one, wanted)]
    if len(found) != 1:
        labels = [f"pkcs11:token={quote(o.label)};serial={quote(o.serial)}" for o in known]
        raise InputError(
            f"{len(found) or 'no'} tokens fit {where}",
            "name one by its token= and serial=",
            details=[f"there is {one}" for one in labels],
        )
    (token,) = found
    if pkcs11.TokenFlag.USER_PIN_INITIALIZED not in token.flags:
        raise InputError(
            f"the token {token.label} has no user PIN yet", "p11tool --initialize-pin sets one"
        )
    try:
        session = token.open(rw=True, user_pin=pin(token.label))
    except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange) as error:
        raise UsageError(
            f"the PIN is not the token's ({token.label})",
            "tokens lock after a few wrong ones: look before you try again",
        ) from error
    except errors.PinLocked as error:
        raise InputError(
            f"the token {token.label} is locked: too many wrong PINs",
            "its security officer can set a new one",
        ) from error
    except pkcs11.PKCS11Error as error:
        raise InputError(
            f"the token {token.label} cannot be opened ({words(error)})", EXAMPLE
        ) from error
    return Token(session, token.label, token.serial)


def _fits(token: Any, wanted: Mapping[str, bytes]) -> bool:
    names = ("label", "serial", "manufacturer_id", "model")
    for attribute, name in zip(TOKEN, names, strict=True):
        has = getattr(token, name)
        text = has.encode() if isinstance(has, str) else bytes(has)
        if attribute in wanted and text.strip() != wanted[attribute].strip():
            return False
    return True
