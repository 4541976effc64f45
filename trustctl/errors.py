"""Every error that trustctl raises on purpose: a message, a hint at what to type, an exit code.

The exit codes are part of the interface (share/doc/exit-codes.md lists them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class TrustctlError(Exception):
    """What went wrong, and where, in one sentence without a full stop.

    ``message``, ``hint`` and ``details`` may quote hostile text: the error boundary escapes them.
    ``hint`` says what to type instead; each of ``details`` is a line under the message.
    ``exit_code`` is the process's exit status.
    """

    exit_code: ClassVar[int] = 70

    def __init__(
        self, message: str, hint: str | None = None, *, details: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)


class UsageError(TrustctlError):
    """An option or a value that cannot be meant (a bad domain, a SHA-1 fingerprint)."""

    exit_code = 2


class MismatchError(TrustctlError):
    """The fingerprint that a person gave is not the certificate's."""

    exit_code = 3


class InputError(TrustctlError):
    """Bytes that are not what they should be (no certificate, a private key, too large)."""

    exit_code = 4


class ConflictError(TrustctlError):
    """The inventory says otherwise (another peer's domain, no such peer, a distrusted key)."""

    exit_code = 5


class DatabaseError(TrustctlError):
    """The inventory cannot be used (older, newer, corrupt, locked, no permission)."""

    exit_code = 6


class TargetError(TrustctlError):
    """A place that is to be written cannot be (disk full, a symlink, edited by hand)."""

    exit_code = 7


class NotEnforcedError(TrustctlError):
    """Everything was written, but the MTA does not act on it, or the system's store holds something
    else."""

    exit_code = 8


class ConfirmationError(TrustctlError):
    """A person has to agree first, and did not, or there was no terminal to ask on."""

    exit_code = 9
