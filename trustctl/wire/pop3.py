"""POP3 up to the handshake (RFC 1939, RFC 2449, RFC 2595, 4)."""

from __future__ import annotations

from trustctl.wire.lines import Bounded, DialogueError, quoted

_GOOD, _BAD = b"+OK", b"-ERR"


class Pop3(Bounded):
    """Its greeting, CAPA, STLS."""

    farewell = b"QUIT\r\n"

    def __init__(self) -> None:
        super().__init__()
        self._listing = False
        self._known = True
        self._offered = False

    def take(self, piece: bytes) -> bytes:
        """One line of an answer, or of the list after CAPA's."""
        if self._listing:
            return self._capability(piece.strip().upper())
        word = piece.split(maxsplit=1)[:1]
        if word == [_BAD]:
            return self._refused(piece)
        if word != [_GOOD]:
            raise DialogueError("garbled", f"it speaks no POP3: {quoted(piece)}")
        if not self.asked:
            self.asked = "CAPA"
            return b"CAPA\r\n"
        if self.asked == "CAPA":
            self._listing = True
        else:
            self.ready = True
        return b""

    def _capability(self, line: bytes) -> bytes:
        if line != b".":
            self._offered = self._offered or line.split()[:1] == [b"STLS"]
            return b""
        if not self._offered:
            raise DialogueError("not-offered", "it offers no STLS", polite=True)
        self._listing = False
        return self._stls()

    def _refused(self, piece: bytes) -> bytes:
        if self.asked == "CAPA":  # which is an extension: what it cannot list it may still do
            self._known = False
            return self._stls()
        if self.asked == "STLS" and not self._known:
            raise DialogueError("not-offered", f"it knows no STLS: {quoted(piece)}", polite=True)
        what = "STLS" if self.asked else "the session"
        transient = b"[SYS/TEMP]" in piece.upper()
        raise DialogueError("declined", f"it refuses {what}: {quoted(piece)}",
                    transient=transient, polite=True)  # fmt: skip

    def _stls(self) -> bytes:
        self.asked = "STLS"
        return b"STLS\r\n"
