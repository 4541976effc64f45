"""The CA's keys for one call: where they lie, the secrets that open them, what signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.ca.secret import PASSPHRASE, PIN
from trustctl.commands.invocation import Invocation
from trustctl.errors import InputError, UsageError

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.ca.signer import Signer
    from trustctl.ca.token import Token
    from trustctl.facts.issuance import Authority, KeyKind

_PIN_FILE, _MODULE = "trustctl.pin-file", "trustctl.module"
FILE = "file"
"""What ``--token`` holds where a key file is wanted in place of a token."""


def passphrase_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--passphrase-file``; for keys in tokens ``--pin-file`` and ``--module``.

    The last two go to :class:`Keys` by way of click's context: no command has to pass them on.
    """
    for option in (
        click.option(
            "--module",
            envvar="TRUSTCTL_PKCS11_MODULE",
            metavar="FILE",
            expose_value=False,
            callback=_kept(_MODULE),
            help="The PKCS #11 module, for keys in a token. [env: TRUSTCTL_PKCS11_MODULE; "
            "default: p11-kit's proxy]",
        ),
        click.option(
            "--pin-file",
            envvar="TRUSTCTL_PKCS11_PIN_FILE",
            metavar="FILE",
            expose_value=False,
            callback=_kept(_PIN_FILE),
            help="Holds the token's PIN. [env: TRUSTCTL_PKCS11_PIN_FILE; default: the systemd "
            "credential trustctl-ca-pin, else asks]",
        ),
        click.option(
            "--passphrase-file",
            envvar="TRUSTCTL_CA_PASSPHRASE_FILE",
            metavar="FILE",
            help="Holds the passphrase of the CA's keys. [env: TRUSTCTL_CA_PASSPHRASE_FILE; "
            "default: the systemd credential trustctl-ca-passphrase, else asks]",
        ),
    ):
        function = option(function)
    return function


def _kept(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        context.meta[name] = value

    return keep


def token_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--token``."""
    return click.option("--token", metavar="URI", help=help_text)


def ca_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--ca``."""
    return click.option(
        "--ca", "hierarchy", metavar="NAME", help="Which CA, where there are several."
    )(function)


class NewKey:
    """A key that was made just now. ``place`` is known once the block that made it has ended."""

    def __init__(self, signer: Signer, private: PrivateKey | None, place: str) -> None:
        self.signer, self.private, self.place = signer, private, place


class Keys:
    """The folder of key files beside the inventory, tokens, and their secrets, asked for once."""

    def __init__(self, call: Invocation, passphrase_file: str | None) -> None:
        context = click.get_current_context(silent=True)
        meta = {} if context is None else context.meta
        self.folder = call.path.parent / "ca"
        self._passphrase_file = passphrase_file
        self._pin_file: str | None = meta.get(_PIN_FILE)
        self._module: str | None = meta.get(_MODULE)
        self._known: bytes | None = None
        self._tokens: dict[str, Token] = {}

    def _passphrase(self, *, new: bool) -> bytes:
        if self._known is None:
            question = "New passphrase for the CA's keys" if new else "Passphrase of the CA's keys"
            self._known = PASSPHRASE.get(self._passphrase_file, question, again=new)
        return self._known

    @contextmanager
    def making(self, token: str | None) -> Iterator[Callable[[KeyKind, str], NewKey]]:
        """Make keys: in files, or in the token that a URI names.

        What is yielded makes one, of a kind and with a label. They are kept when the block ends;
        where it fails, none of them stays. Nothing may be signed with them inside of it.

        Raises:
            UsageError: the passphrase is too short, the PIN wrong, the URI none. InputError,
                TargetError: the token, or the folder, cannot be used.
        """
        from trustctl.ca import keyfile, kinds
        from trustctl.ca.signer import KeySigner
        from trustctl.ca.token_uri import KEY, parse_uri

        made: list[NewKey] = []
        opened = None
        if token is None:
            keyfile.demand_strong(self._passphrase(new=True))
        else:
            if not parse_uri(token).keys().isdisjoint(KEY):
                raise UsageError(
                    "--token names a token, not a key in it: a new key is made", "leave id= out"
                )
            opened = self._token(token)

        def make(kind: KeyKind, label: str) -> NewKey:
            if opened is not None:
                signer = opened.generate(kind, label)
                made.append(NewKey(signer, None, signer.place))
            else:
                private = kinds.generate(kind)
                made.append(NewKey(KeySigner(private), private, ""))
            return made[-1]

        try:
            yield make
            for one in made:
                if one.private is not None:
                    one.place = self._keep(one.private)
        except Exception:  # ^C leaves at worst a key that no authority has
            for one in made:
                self._discard(one)
            raise

    def _keep(self, key: PrivateKey) -> str:
        """Write a new key file, named after the key; where it is, as an authority records it."""
        import hashlib

        from trustctl import files
        from trustctl.ca import keyfile
        from trustctl.ca.kinds import spki_of

        with files.explained(self.folder):
            files.make_folder(self.folder, mode=0o700, group=None)
        files.refuse_unsafe(self.folder)
        name = hashlib.sha256(spki_of(key.public_key())).hexdigest()[:32] + ".key"
        keyfile.create(self.folder / name, key, self._passphrase(new=True))
        return f"file:{name}"

    def _discard(self, one: NewKey) -> None:
        from trustctl.ca.token import TokenSigner

        if isinstance(one.signer, TokenSigner):
            with suppress(InputError):  # the first error is the one to tell
                one.signer.destroy()
        elif one.place:
            with suppress(OSError):
                (self.folder / one.place.partition(":")[2]).unlink()

    def _pin(self, label: str) -> str:
        try:
            return PIN.get(self._pin_file, f"PIN of the token {label}").decode()
        except UnicodeDecodeError:
            raise UsageError("the PIN is not UTF-8", PIN.hint) from None

    def _token(self, where: str) -> Token:
        from trustctl.ca.token_module import open_token
        from trustctl.ca.token_uri import token_of

        name = token_of(where)
        if name not in self._tokens:
            opened = open_token(name, self._module, self._pin)
            # by whichever of its names it is asked for next
            self._tokens[name] = self._tokens.setdefault(opened.name, opened)
        return self._tokens[name]

    def signer(self, authority: Authority) -> Signer:
        """What signs for an authority.

        Raises:
            UsageError: the passphrase or the PIN is wrong, or the key is elsewhere.
            InputError: it is not there, or is another authority's.
        """
        from trustctl.facts.der import subject_public_key_info

        public = subject_public_key_info(authority.der)
        return self.signer_at(authority.key, public, authority.name)

    def signer_at(self, place: str, public_key: bytes, owner: str) -> Signer:
        """The key at a place, which has to be the one that belongs to ``public_key``.

        Raises:
            UsageError, InputError: as :meth:`signer`.
        """
        from trustctl.ca import keyfile
        from trustctl.ca.kinds import load_public_key, spki_of
        from trustctl.ca.signer import KeySigner

        kind, _colon, name = place.partition(":")
        if kind == "pkcs11":
            return self._token(place).signer(place, load_public_key(public_key))
        if kind != "file":
            raise UsageError(
                f"the key of {owner} is not on this machine",
                "trustctl ca request makes a file to be carried to where it is",
            )
        found = KeySigner(keyfile.load(self.folder / name, self._passphrase(new=False)))
        if spki_of(found.public_key) != public_key:
            raise InputError(
                f"{self.folder / name} is not the key of {owner}",
                "restore the folder ca/ from a backup",
            )
        return found

    def describe(self, keys: list[NewKey]) -> list[str]:
        """What a person has to know about where new keys are."""
        if all(one.private is None for one in keys):
            return ["note: the keys are in the token; back it up as its maker says, or they die",
                    "      with it"]  # fmt: skip
        return [
            f"note: the keys are in {self.folder}, encrypted; back them up with the inventory,",
            "      and keep the passphrase apart from both",
        ]


def same_place(wanted: str | None, before: Authority | None) -> str | None:
    """Where the next key goes: as ``--token`` says, else where the one before it is; None for a
    file."""
    if wanted == FILE:
        return None
    if wanted is None and before is not None and before.key.startswith("pkcs11:"):
        from trustctl.ca.token_uri import token_of

        return token_of(before.key)
    return wanted
