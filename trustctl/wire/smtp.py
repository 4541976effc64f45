"""SMTP and LMTP up to the handshake (RFC 5321, RFC 2033, RFC 3207)."""

from __future__ import annotations

import re

from trustctl.wire.lines import Bounded, DialogueError, quoted

_REPLY = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?\r?\n", re.DOTALL)
_MORE = b"-"


class Smtp(Bounded):
    """Its greeting, EHLO (LMTP: LHLO), STARTTLS."""

    farewell = b"QUIT\r\n"

    def __init__(self, ehlo: str, hello: str = "EHLO") -> None:
        super().__init__()
        self._ehlo = ehlo
        self._hello = hello
        self._code = b""
        self._first = True
        self._offered = False

    def take(self, piece: bytes) -> bytes:
        """One line of a reply (RFC 5321, 4.2.1)."""
        found = _REPLY.fullmatch(piece)
        if found is None or (self._code and found[1] != self._code):
            raise DialogueError("garbled", f"it speaks no {self._protocol}: {quoted(piece)}")
        if self.asked == self._hello and not self._first:
            words = (found[3] or b"").upper().split(maxsplit=1)
            self._offered = self._offered or words[:1] == [b"STARTTLS"]
        self._first = False
        if found[2] == _MORE:
            self._code = found[1]
            return b""
        self._code, self._first = b"", True
        return self._reply(found[1], piece)

    @property
    def _protocol(self) -> str:
        return "LMTP" if self._hello == "LHLO" else "SMTP"

    def _reply(self, code: bytes, last: bytes) -> bytes:
        """What to do after the last line of a reply."""
        if not self.asked:
            self._need(b"220", code, last, "it refuses the session")
            self.asked = self._hello
            return f"{self._hello} {self._ehlo}\r\n".encode("ascii")
        if self.asked == self._hello:
            self._need(
                b"250", code, last, f"it refuses {self._hello}, and STARTTLS takes {self._hello}"
            )
            if not self._offered:
                raise DialogueError("not-offered", "it offers no STARTTLS", polite=True)
            self.asked = "STARTTLS"
            return b"STARTTLS\r\n"
        self._need(b"220", code, last, "it refuses STARTTLS")
        self.ready = True
        return b""

    def _need(self, wanted: bytes, code: bytes, last: bytes, otherwise: str) -> None:
        if code == wanted:
            return
        if code[:1] in (b"4", b"5"):
            transient = code[:1] == b"4"
            raise DialogueError(
                "declined", f"{otherwise}: {quoted(last)}", transient=transient, polite=True
            )
        raise DialogueError("garbled", f"it answers out of place: {quoted(last)}")
