"""What every dialogue before the handshake has in common: bytes in, bytes out, and bounds.

A dialogue is sans-IO: whoever holds the connection hands it what was received and sends what it
returns, until it is ready for TLS. Nothing that a host sends is kept beyond the line that is read.
"""

from __future__ import annotations

from trustctl.facts.text import printable
from trustctl.facts.wire import Outcome

LINE_BYTES = 4096
"""The longest line, tag or message of the hosts that are read (RFC 5321, 4.5.3.1.5 says 512)."""
WHOLE_BYTES = 65536
LINES = 200
_QUOTE = 80


class DialogueError(Exception):
    """What a host did ends the dialogue.

    Attributes:
        transient: the host said, or it may be, that it would go better a little later.
        polite: the host knows no reason to end it: it is told goodbye.
    """

    def __init__(
        self, outcome: Outcome, detail: str, *, transient: bool = False, polite: bool = False
    ) -> None:
        super().__init__(detail)
        self.outcome: Outcome = outcome
        self.detail = detail
        self.transient = transient
        self.polite = polite


def quoted(said: bytes) -> str:
    """What a host said, on one line, cut, with nothing in it that a terminal obeys."""
    text = said[: 4 * _QUOTE].strip().decode("utf-8", "backslashreplace")
    return f'"{printable(text, _QUOTE)}"'


class Dialogue:
    """What is spoken before the handshake; this one: nothing (RFC 8314, 3).

    Attributes:
        asked: what the host was asked last; empty: nothing yet.
        ready: it is time for TLS.
        farewell: what takes leave, in plain text or within TLS.
    """

    asked = ""
    ready = True
    farewell = b""

    def opening(self) -> bytes:
        """What is said before the host has said anything."""
        return b""

    def receive(self, data: bytes) -> bytes:
        """What to answer to what the host said; empty: it is not finished.

        Raises:
            DialogueError: with what it said there is no way to TLS.
        """
        raise DialogueError("injected", f"it sent {quoted(data)} where TLS begins")


class Bounded(Dialogue):
    """A dialogue in pieces (lines, tags, messages) that are no longer than they may be."""

    ready = False
    piece = "line"

    def __init__(self) -> None:
        self._rest = b""
        self._bytes = 0
        self._pieces = 0

    def receive(self, data: bytes) -> bytes:
        """As in ``Dialogue``: whatever comes with or after a whole answer is no answer."""
        self._bytes += len(data)
        rest = self._rest + data
        while True:
            end = self.cut(rest)
            if end > LINE_BYTES or (end == 0 and len(rest) > LINE_BYTES):
                raise DialogueError(
                    "garbled", f"it sent a {self.piece} of more than {LINE_BYTES} bytes"
                )
            if end == 0:
                if self._bytes > WHOLE_BYTES:
                    raise DialogueError(
                        "garbled", f"it sent more than {WHOLE_BYTES} bytes before TLS"
                    )
                self._rest = rest
                return b""
            self._pieces += 1
            if self._pieces > LINES:
                raise DialogueError(
                    "garbled", f"it sent more than {LINES} {self.piece}s before TLS"
                )
            asked = self.asked
            answer = self.take(rest[:end])
            rest = rest[end:]
            if answer or self.ready:
                if rest:
                    self.ready = False
                    after = f"its answer to {asked}" if asked else "its greeting"
                    raise DialogueError("injected", f"it sent more than {after}: {quoted(rest)}")
                self._rest = b""
                return answer

    def cut(self, data: bytes) -> int:
        """Where the first piece ends; 0: it is not there yet."""
        return data.find(b"\n") + 1

    def take(self, piece: bytes) -> bytes:
        """What to answer to one piece; empty: it is not finished.

        Raises:
            DialogueError: with what it said there is no way to TLS.
        """
        raise NotImplementedError
