"""A TLS client that looks at what it is shown and trusts nothing: bytes in, bytes out.

The certificates are taken from the handshake's own message, byte for byte: what OpenSSL would give
back afterwards is encoded anew, so that a certificate in a slightly odd encoding would have another
fingerprint; and of one that OpenSSL cannot read it would give nothing.
"""

from __future__ import annotations

import functools
from typing import Any

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib  # the message callback, which pyOpenSSL does not wrap

from trustctl.wire.alerts import ALERTS

CERTIFICATES = 100
"""More than that of one chain are counted, not kept."""
_RECEIVED_BYTES = 1 << 20
_PIECE = 1 << 16
# every cipher suite that has a certificate, down to those that only an old host still knows
_CIPHERS = b"ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
# the key share of the first alone is sent: the hello fits one packet, which old hosts need
_GROUPS = b"X25519:P-256:P-384:P-521:X448:?X25519MLKEM768"
_LEGACY_SERVER_CONNECT = 0x4  # a host without RFC 5746 is seen, too
_ALERT, _HANDSHAKE = 21, 22
_CERTIFICATE = 11
_WARNING, _CLOSE_NOTIFY = 1, 0
_TLS13 = 0x0304
_WORDS = {
    "excessive message size": "it sent a message that is too long (certificates: 100 KiB)",
    "wrong version number": "what it sends is no TLS",
    "packet length too long": "what it sends is no TLS",
    "http request": "what it sends is no TLS",
    "unsupported protocol": "it speaks no TLS 1.0 or later",
    "asn1 lib": "one of its certificates cannot be read",
    "cert length mismatch": "bytes follow one of its certificates",
    "unknown certificate type": "its certificate has a key of no kind that is known",
    "unable to find public key parameters": "the key in its certificate cannot be read",
}


class HandshakeError(Exception):
    """The handshake failed; the message says why."""


class Handshake:
    """One handshake.

    Attributes:
        done: it succeeded: the host proved that it has the key of the first certificate.
        chain: what was shown, at most ``CERTIFICATES``, proven only where it is done.
        presented: how many certificates were presented.
    """

    def __init__(self, server_name: str) -> None:
        self._connection: Any = SSL.Connection(_context())
        self._connection.set_connect_state()
        if server_name:
            self._connection.set_tlsext_host_name(server_name.encode("ascii"))
        self._received = 0
        self._alert: int | None = None
        self.done = False
        self.chain: tuple[bytes, ...] = ()
        self.presented = 0
        self.version: str | None = None
        self.cipher: str | None = None

    def opening(self) -> bytes:
        """The ClientHello."""
        return self.receive(b"")

    @property
    def begun(self) -> bool:
        """The host has answered the ClientHello."""
        return self._received > 0

    def receive(self, data: bytes) -> bytes:
        """What to send after what the host sent.

        Raises:
            HandshakeError: the handshake cannot succeed any more; ``outgoing`` may hold an alert.
        """
        connection = self._connection
        self._received += len(data)
        if self._received > _RECEIVED_BYTES:
            raise HandshakeError(f"it sent more than {_RECEIVED_BYTES} bytes in the handshake")
        if data:
            connection.bio_write(data)
        key = _key(connection._ssl)
        _RUNNING[key] = self
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            raise HandshakeError(self._reason(error)) from None
        else:
            self._finish()
        finally:
            del _RUNNING[key]
        return self.outgoing()

    def outgoing(self) -> bytes:
        """What there is to send."""
        try:
            return bytes(self._connection.bio_read(_PIECE))
        except SSL.WantReadError:
            return b""

    def farewell(self, words: bytes) -> bytes:
        """These words, and the end of the session (RFC 8446, 6.1), encrypted."""
        try:
            if words:
                self._connection.send(words)
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self.outgoing()

    def saw(self, version: int, kind: int, message: bytes) -> None:
        """Take note of what the host sent, before OpenSSL looks at it."""
        if kind == _ALERT and len(message) == 2:
            if message[0] != _WARNING or message[1] == _CLOSE_NOTIFY:
                self._alert = message[1]
        elif kind == _HANDSHAKE and message[:1] == bytes((_CERTIFICATE,)):
            try:
                found = certificates(message[4:], tls13=version == _TLS13)
            except ValueError:
                return  # which OpenSSL refuses
            self.presented = len(found)
            self.chain = tuple(found[:CERTIFICATES])

    def _finish(self) -> None:
        self.done = True
        self.version = self._connection.get_protocol_version_name()
        self.cipher = self._connection.get_cipher_name()
        if not self.chain:  # as where the message is compressed (RFC 8879)
            found = self._connection.get_peer_cert_chain() or ()
            self.presented = len(found)
            self.chain = tuple(
                crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in found[:CERTIFICATES]
            )

    def _reason(self, error: SSL.Error) -> str:
        if self._alert is not None:
            return f"the host sent the alert {ALERTS.get(self._alert, self._alert)}"
        if isinstance(error, SSL.SysCallError) or not error.args or not error.args[0]:
            return "the handshake was cut off"
        reasons = [str(one[2]) for one in error.args[0]]
        for reason in reasons:
            if words := _WORDS.get(reason.lower()):
                return words
        return f"OpenSSL says: {reasons[-1]}"


def certificates(body: bytes, *, tls13: bool) -> list[bytes]:
    """The certificates in a Certificate message (RFC 5246, 7.4.2; RFC 8446, 4.4.2).

    Raises:
        ValueError: it is none.
    """
    at = 1 + body[0] if tls13 and body else 0
    end = at + 3 + int.from_bytes(body[at : at + 3], "big")
    if end != len(body):
        raise ValueError("length")
    found, at = [], at + 3
    while at < end:
        stop = at + 3 + int.from_bytes(body[at : at + 3], "big")
        after = stop + 2 + int.from_bytes(body[stop : stop + 2], "big") if tls13 else stop
        if stop == at + 3 or after > end:
            raise ValueError("length")
        found.append(body[at + 3 : stop])
        at = after
    return found


_RUNNING: dict[int, Handshake] = {}
"""The handshakes that OpenSSL works on right now (one for each thread), by their address."""


def _key(ssl: Any) -> int:
    return int(ffi.cast("uintptr_t", ssl))


@ffi.callback("void (*)(int, int, int, const void *, size_t, SSL *, void *)")  # type: ignore[untyped-decorator]
def _on_message(
    sent: int, version: int, kind: int, data: Any, size: int, ssl: Any, _argument: Any
) -> None:
    if sent or (kind != _HANDSHAKE and kind != _ALERT):
        return
    running = _RUNNING.get(_key(ssl))
    if running is not None:
        running.saw(version, kind, bytes(ffi.buffer(data, size)))


@functools.cache
def _context() -> SSL.Context:
    """One for all: nothing is verified, and what is old or weak is let in, to be seen."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(
        SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | _LEGACY_SERVER_CONNECT
    )
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    handle = context._context
    if not lib.SSL_CTX_set1_curves_list(handle, _GROUPS):
        lib.ERR_clear_error()  # its own choice of groups will do
    lib.SSL_CTX_set_msg_callback(handle, _on_message)
    return context
