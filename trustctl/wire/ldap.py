"""LDAP up to the handshake (RFC 4511, 4.14)."""

from __future__ import annotations

from trustctl.facts.der import (
    ENUMERATED,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    children,
    element,
    encode,
    encode_integer,
)
from trustctl.wire.lines import LINE_BYTES, Bounded, DialogueError, quoted

_START_TLS = b"1.3.6.1.4.1.1466.20037"
_EXTENDED_REQUEST, _EXTENDED_RESPONSE, _REQUEST_NAME = 0x77, 0x78, 0x80
_UNBIND = 0x42
_PROTOCOL_ERROR = 2  # "the operation is not supported"
_LATER = (51, 52)  # busy, unavailable


class Ldap(Bounded):
    """The extended operation StartTLS."""

    piece = "message"
    farewell = encode(SEQUENCE, encode_integer(2), encode(_UNBIND))

    def opening(self) -> bytes:
        """The request: an LDAP server says nothing first."""
        self.asked = "StartTLS"
        request = encode(_EXTENDED_REQUEST, encode(_REQUEST_NAME, _START_TLS))
        return encode(SEQUENCE, encode_integer(1), request)

    def cut(self, data: bytes) -> int:
        """Where the first message ends, by its own length."""
        if data[:1] not in (b"", bytes((SEQUENCE,))):
            raise DialogueError("garbled", f"it speaks no LDAP: {quoted(data)}")
        count = data[1] & 0x7F if len(data) > 1 and data[1] & 0x80 else 0
        if len(data) < 2 + count:
            return 0
        if data[1] == 0x80 or count > 4:
            raise DialogueError("garbled", "it sent a message of no definite length")
        length = int.from_bytes(data[2 : 2 + count], "big") if count else data[1]
        end = 2 + count + length
        if end > LINE_BYTES:
            return end
        return end if len(data) >= end else 0

    def take(self, piece: bytes) -> bytes:
        """The answer to the request, or the notice of disconnection (RFC 4511, 4.4.1)."""
        try:
            number, code, text = _response(piece)
        except ValueError:
            raise DialogueError("garbled", f"it speaks no LDAP: {quoted(piece)}") from None
        said = f"result {code}" + (f", {quoted(text)}" if text else "")
        if number == 0:
            raise DialogueError(
                "declined", f"it ends the session: {said}", transient=code in _LATER
            )
        if code == 0:
            self.ready = True
            return b""
        if code == _PROTOCOL_ERROR:
            raise DialogueError("not-offered", f"it knows no StartTLS: {said}", polite=True)
        raise DialogueError("declined", f"it refuses StartTLS: {said}",
                    transient=code in _LATER, polite=True)  # fmt: skip


def _response(message: bytes) -> tuple[int, int, bytes]:
    """The message's number (ours, or 0), the result code and the diagnostic message."""
    number, response = children(message, element(message, 0, len(message)))[:2]
    fields = children(message, response)
    if [number.tag, response.tag] != [INTEGER, _EXTENDED_RESPONSE] or [
        one.tag for one in fields[:3]
    ] != [ENUMERATED, OCTET_STRING, OCTET_STRING]:
        raise ValueError("no extended response")
    value = int.from_bytes(message[number.content : number.end], "big")
    code = int.from_bytes(message[fields[0].content : fields[0].end], "big")
    if value not in (0, 1) or code > 0xFFFF:
        raise ValueError("no answer to our request")
    return value, code, message[fields[2].content : fields[2].end]
