"""XMPP up to the handshake (RFC 6120, 5.4): tags are scanned, nothing is parsed or expanded."""

from __future__ import annotations

import re

from trustctl.wire.lines import Bounded, DialogueError, quoted

_PIECE = re.compile(rb"""\s*+(?:[^<\s][^<]*+|<(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>)""")
_TAG = re.compile(rb"<(/?)(?:[A-Za-z][\w.-]*:)?([A-Za-z][\w.-]*)")
_TLS = b"urn:ietf:params:xml:ns:xmpp-tls"
_SERVERS = 5269
_OPENING = "the opening of a stream"


class Xmpp(Bounded):
    """The stream's opening, its features, and ``starttls``."""

    piece = "tag"
    farewell = b"</stream:stream>"

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._to = re.sub("[^A-Za-z0-9.:-]", "", host)
        self._content = "server" if port == _SERVERS else "client"
        self._offered = False
        self._awaited = b""

    def opening(self) -> bytes:
        """Our end of the stream: a server answers with its own."""
        self.asked = _OPENING
        return (
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:{self._content}' to='{self._to}'"
            " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        ).encode("ascii")

    def cut(self, data: bytes) -> int:
        """Where the first tag, or the text before it, ends.

        Comments, entities and document types have no place in XMPP (RFC 6120, 11.1).
        """
        if data.lstrip().startswith(b"<!"):
            raise DialogueError("garbled", f"it speaks no XMPP: {quoted(data)}")
        found = _PIECE.match(data)
        return 0 if found is None else found.end()

    def take(self, piece: bytes) -> bytes:
        """One tag, or text."""
        piece = piece.strip()
        if piece.startswith(b"<?") and self.asked == _OPENING:
            return b""
        found = _TAG.match(piece)
        if found is None:
            if piece.startswith((b"<", b"\0")) or self._pieces == 1:
                raise DialogueError("garbled", f"it speaks no XMPP: {quoted(piece)}")
            return b""  # text, such as the name of a mechanism
        closing, name, whole = bool(found[1]), found[2], piece.endswith(b"/>")
        if name == b"error" or (closing and name == b"stream"):
            raise DialogueError("declined", f"it ends the stream: {quoted(piece)}")
        if self.asked == _OPENING:
            return self._opened(name, closing or whole, piece)
        return self._answered(name, closing or whole, piece)

    def _opened(self, name: bytes, complete: bool, piece: bytes) -> bytes:
        if self._pieces == 1 and name != b"stream":
            raise DialogueError("garbled", f"it speaks no XMPP: {quoted(piece)}")
        if name == b"starttls" and _TLS in piece:
            self._offered = True
        if name != b"features" or not complete:
            return b""
        if not self._offered:
            raise DialogueError("not-offered", "it offers no STARTTLS", polite=True)
        self.asked = "STARTTLS"
        return b"<starttls xmlns='" + _TLS + b"'/>"

    def _answered(self, name: bytes, complete: bool, piece: bytes) -> bytes:
        if name == b"failure":
            raise DialogueError("declined", "it refuses STARTTLS")
        if name != b"proceed":
            raise DialogueError("garbled", f"it answers out of place: {quoted(piece)}")
        self.ready = complete
        return b""
