"""Passphrases and PINs: from a file, a systemd credential, or a person; never from the command
line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from trustctl.commands.invocation import on_terminal
from trustctl.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class Secret:
    """One kind of secret, and where it may come from.

    Attributes:
        what: how people call it. credential: the systemd credential that holds it
            (LoadCredential=, systemd.exec(5)). hint: how to give it.
    """

    what: str
    credential: str
    hint: str

    def get(self, file: str | None, question: str, *, again: bool = False) -> bytes:
        """The secret.

        Args:
            file: holds it, in its first line. question: asked where nothing else has it.
            again: it is a new one: asked for twice.

        Raises:
            InputError: a file cannot be read, or others may read it. UsageError: nobody is there
                who could be asked.
        """
        if file is not None:
            return self._content(Path(file))
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder and (Path(folder) / self.credential).is_file():
            return self._content(Path(folder) / self.credential)
        if not on_terminal():
            raise UsageError(f"the {self.what} is needed", self.hint)
        answer: str = click.prompt(
            question, hide_input=True, confirmation_prompt="Again" if again else False, err=True
        )
        return answer.encode()

    def _content(self, path: Path) -> bytes:
        try:
            mode = path.stat().st_mode
            data = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"{path}: {reason}", self.hint) from error
        if mode & 0o077 and str(path.parent) != os.environ.get("CREDENTIALS_DIRECTORY"):
            word = self.what.partition(" ")[0]
            raise InputError(f"{path}: others may read this {word}", f"chmod 600 {path}")
        first = data.split(b"\n", 1)[0].rstrip(b"\r")
        if not first:
            raise InputError(f"{path} is empty", f"its first line is the {self.what}")
        return first


PASSPHRASE = Secret(
    "passphrase of the CA's keys",
    "trustctl-ca-passphrase",
    "give it with --passphrase-file or TRUSTCTL_CA_PASSPHRASE_FILE, or as the systemd credential "
    "trustctl-ca-passphrase",
)
PIN = Secret(
    "PIN of the token",
    "trustctl-ca-pin",
    "give it with --pin-file or TRUSTCTL_PKCS11_PIN_FILE, or as the systemd credential "
    "trustctl-ca-pin",
)
