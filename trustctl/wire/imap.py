"""IMAP up to the handshake (RFC 9051, 6.2.1)."""

from __future__ import annotations

import re

from trustctl.wire.lines import Bounded, DialogueError, quoted

_LINE = re.compile(rb"(\*|a1|a2) +([A-Za-z0-9]+)\b([^\r\n]*)\r?\n", re.DOTALL)
_CODE = re.compile(rb" +\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)
_TAGS = {"CAPABILITY": b"a1", "STARTTLS": b"a2"}


class Imap(Bounded):
    """Its greeting, CAPABILITY where the greeting does not offer STARTTLS, STARTTLS."""

    farewell = b"a3 LOGOUT\r\n"

    def __init__(self) -> None:
        super().__init__()
        self._offered = False

    def take(self, piece: bytes) -> bytes:
        """One line: what is untagged may come at any time, what is tagged answers."""
        found = _LINE.fullmatch(piece)
        if found is None:
            raise DialogueError("garbled", f"it speaks no IMAP: {quoted(piece)}")
        tag, word, rest = found[1], found[2].upper(), found[3]
        if tag == b"*":
            return self._untagged(word, rest, piece)
        if tag != _TAGS.get(self.asked):
            raise DialogueError("injected", f"it answers what it was not asked: {quoted(piece)}")
        if word != b"OK":
            raise DialogueError(
                "declined", f"it refuses {self.asked}: {quoted(piece)}", polite=True
            )
        if self.asked == "STARTTLS":
            self.ready = True
            return b""
        self._note(_CODE.match(rest))
        if not self._offered:
            raise DialogueError("not-offered", "it offers no STARTTLS", polite=True)
        return self._ask("STARTTLS")

    def _untagged(self, word: bytes, rest: bytes, piece: bytes) -> bytes:
        if word == b"BYE":
            transient = b"[UNAVAILABLE]" in rest.upper()
            raise DialogueError(
                "declined", f"it ends the session: {quoted(piece)}", transient=transient
            )
        if word == b"CAPABILITY" and self.asked == "CAPABILITY":
            self._offered = self._offered or b"STARTTLS" in rest.upper().split()
        if self.asked:
            return b""
        if word == b"PREAUTH":  # a way to keep clients from STARTTLS (RFC 9051, 11.1)
            said = "it takes us for logged in, where there is no STARTTLS"
            raise DialogueError("not-offered", said, polite=True)
        if word != b"OK":
            raise DialogueError("garbled", f"it speaks no IMAP: {quoted(piece)}")
        self._note(_CODE.match(rest))
        return self._ask("STARTTLS" if self._offered else "CAPABILITY")

    def _note(self, code: re.Match[bytes] | None) -> None:
        if code is not None:
            self._offered = self._offered or b"STARTTLS" in code[1].upper().split()

    def _ask(self, what: str) -> bytes:
        self.asked = what
        return _TAGS[what] + f" {what}\r\n".encode("ascii")
