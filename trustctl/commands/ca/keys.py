"""The CA's keys for one call: where they lie, the passphrase that opens them, what signs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.invocation import Invocation, on_terminal
from trustctl.errors import InputError, UsageError

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.ca.signer import Signer
    from trustctl.facts.issuance import Authority

CREDENTIAL = "trustctl-ca-passphrase"
"""The systemd credential that holds the passphrase (LoadCredential=, systemd.exec(5))."""

_HINT = (
    "give it with --passphrase-file or TRUSTCTL_CA_PASSPHRASE_FILE, or as the systemd credential "
    + CREDENTIAL
)


def passphrase_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--passphrase-file``."""
    return click.option(
        "--passphrase-file",
        envvar="TRUSTCTL_CA_PASSPHRASE_FILE",
        metavar="FILE",
        help="Holds the passphrase of the CA's keys. [env: TRUSTCTL_CA_PASSPHRASE_FILE; default: "
        "the systemd credential trustctl-ca-passphrase, else asks]",
    )(function)


def ca_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--ca``."""
    return click.option(
        "--ca", "hierarchy", metavar="NAME", help="Which CA, where there are several."
    )(function)


class Keys:
    """The folder of key files beside the inventory, and the passphrase, asked for once."""

    def __init__(self, call: Invocation, passphrase_file: str | None) -> None:
        self.folder = call.path.parent / "ca"
        self._file = passphrase_file
        self._known: bytes | None = None

    def _passphrase(self, *, new: bool) -> bytes:
        if self._known is None:
            self._known = self._read() or self._ask(new=new)
        return self._known

    def _read(self) -> bytes | None:
        if self._file is not None:
            return _content(Path(self._file))
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder and (Path(folder) / CREDENTIAL).is_file():
            return _content(Path(folder) / CREDENTIAL)
        return None

    @staticmethod
    def _ask(*, new: bool) -> bytes:
        if not on_terminal():
            raise UsageError("the passphrase of the CA's keys is needed", _HINT)
        text = click.prompt(
            "New passphrase for the CA's keys" if new else "Passphrase of the CA's keys",
            hide_input=True,
            confirmation_prompt="Again" if new else False,
            err=True,
        )
        answer: str = text
        return answer.encode()

    def keep(self, key: PrivateKey) -> str:
        """Write a new key file, named after the key; where it is, as an authority records it.

        Raises:
            UsageError, TargetError: the passphrase is too short; the file cannot be written.
        """
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

    def signer(self, authority: Authority) -> Signer:
        """What signs for an authority.

        Raises:
            UsageError: the passphrase is wrong, or the key is elsewhere. InputError: it is not
                there, or is another authority's.
        """
        import hashlib

        from trustctl.ca import keyfile
        from trustctl.ca.kinds import spki_of
        from trustctl.ca.signer import KeySigner

        kind, _colon, name = authority.key.partition(":")
        if kind != "file":
            raise UsageError(
                f"the key of {authority.name} is not on this machine",
                "trustctl ca request makes a file to be carried to where it is",
            )
        key = keyfile.load(self.folder / name, self._passphrase(new=False))
        found = KeySigner(key)
        if hashlib.sha256(spki_of(found.public_key)).hexdigest() != authority.spki:
            raise InputError(
                f"{self.folder / name} is not the key of {authority.name}",
                "restore the folder ca/ from a backup",
            )
        return found


def _content(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}", _HINT) from error
    if mode & 0o077 and str(path.parent) != os.environ.get("CREDENTIALS_DIRECTORY"):
        raise InputError(f"{path}: others may read this passphrase", f"chmod 600 {path}")
    first = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not first:
        raise InputError(f"{path} is empty", "its first line is the passphrase")
    return first
