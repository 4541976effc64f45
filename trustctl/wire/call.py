"""One connection to one address, up to the certificates that are presented there.

It sits on the event loop's readers and writers: a protocol and a transport of asyncio's would cost
as much again as the handshake's own Python.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ipaddress
import os
import re
import socket
import time
from typing import Protocol

from trustctl.facts.wire import Endpoint, Outcome, Sighting
from trustctl.wire.dialogue import dialogue
from trustctl.wire.handshake import CERTIFICATES, Handshake, HandshakeError
from trustctl.wire.lines import DialogueError, quoted

LINGER_SECONDS = 1.0
"""How long a host may take to answer the farewell, before it is cut off."""
_PIECE = 1 << 14
_LINGER_BYTES = 1 << 18
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, or a message of the handshake
_REACH = {
    errno.ECONNREFUSED: "the connection is refused",
    errno.ENETUNREACH: "there is no route to its network",
    errno.EHOSTUNREACH: "there is no route to it",
    errno.EACCES: "this machine forbids the connection",
    errno.EPERM: "this machine forbids the connection",
    errno.EADDRNOTAVAIL: "this machine has no address or port left to call from",
}


class Watcher(Protocol):
    """Who is told what becomes of a call."""

    def seen(self, call: Call, sighting: Sighting, transient: bool) -> None:
        """What was presented, or why nothing was; ``transient``: another try may go better."""

    def over(self, call: Call) -> None:
        """The connection is gone."""

    def broke(self, call: Call, error: BaseException) -> None:
        """There is a mistake in this program: neither of the others follows."""


class Call:
    """One connection: the dialogue, the handshake, the farewell.

    Whatever the host does, ``watcher.seen`` is told once, within ``budget_seconds``, and then
    ``watcher.over``.
    """

    def __init__(
        self, endpoint: Endpoint, *, ehlo: str, budget_seconds: float, watcher: Watcher
    ) -> None:
        self.endpoint = endpoint
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._budget = budget_seconds
        self._dialogue = dialogue(endpoint, ehlo)
        self._handshake: Handshake | None = None
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._unsent = b""
        self._connected = False
        self._told = False
        self._lingered = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Connect; what becomes of it is told later, or at once."""
        self._timer = self._loop.call_later(self._budget, self._late)
        try:
            self._connect()
        except OSError as error:
            self._unreachable(error.errno or 0)
        except Exception as error:
            self._break(error)

    def drop(self) -> None:
        """Let go of it; nobody is told."""
        self._told = True
        self._close()

    def cut(self, detail: str) -> None:
        """Its time is up, for a reason of the caller's."""
        if not self._told:
            self._end("timeout", f"{self._where()}: {detail}")

    @property
    def nameless(self) -> bool:
        """The host has not been told yet which of its names is meant."""
        return self._handshake is None and self.endpoint.protocol != "xmpp"

    # what the event loop calls

    def _connect(self) -> None:
        address = ipaddress.ip_address(self.endpoint.address)  # a name would be looked up
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._descriptor = sock.fileno()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex((self.endpoint.address, self.endpoint.port))
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        self._loop.add_writer(self._descriptor, self._writable)

    def _writable(self) -> None:
        try:
            self._loop.remove_writer(self._descriptor)
            if self._socket is None:
                return
            if self._connected:
                rest, self._unsent = self._unsent, b""
                self._send(rest)
                return
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._connected = code in (0, errno.ECONNRESET)  # reset: it was, and is no more
            if code:
                self._lost("reset") if self._connected else self._unreachable(code)
                return
            self._loop.add_reader(self._descriptor, self._readable)
            self._send(self._shake(b"") if self._dialogue.ready else self._dialogue.opening())
        except Exception as error:
            self._break(error)

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            try:
                data = self._socket.recv(_PIECE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._lost("reset" if error.errno == errno.ECONNRESET else "lost")
                return
            if not data:
                self._lost("closed")
            elif self._told:
                self._lingered += len(data)
                if self._lingered > _LINGER_BYTES:
                    self._shut()
            else:
                self._received(data)
        except Exception as error:
            self._break(error)

    def _late(self) -> None:
        if self._told:
            self._shut()
        else:
            self._end("timeout", f"{self._where()}: no more within {self._budget:g} seconds")

    # what the host says

    def _received(self, data: bytes) -> None:
        try:
            if self._handshake is not None:
                self._send(self._shake(data))
                return
            answer = self._dialogue.receive(data)
            self._send(self._shake(b"") if self._dialogue.ready else answer)
        except DialogueError as ended:
            goodbye = self._dialogue.farewell if ended.polite else b""
            self._end(ended.outcome, ended.detail, transient=ended.transient, goodbye=goodbye)

    def _shake(self, data: bytes) -> bytes:
        """What to send after these bytes of the handshake; the farewell where it is done."""
        shake = self._handshake
        if shake is None:
            shake = self._handshake = Handshake(_server_name(self.endpoint.host))
            return shake.opening()
        if not shake.begun and not any(one.startswith(data[:2]) for one in _TLS_RECORDS):
            if self.endpoint.protocol == "none":
                raise DialogueError("garbled", f"it speaks no TLS: {quoted(data)}")
            raise DialogueError("injected", f"it sent {quoted(data)} where TLS begins")
        try:
            answer = shake.receive(data)
        except HandshakeError as failed:
            self._end("tls-failed", f"{failed}{_unproven(shake)}", goodbye=shake.outgoing())
            return b""
        if not shake.done:
            return answer
        goodbye = answer + shake.farewell(self._dialogue.farewell)
        if not shake.chain:
            self._end("no-certificate", "it presents no certificate", goodbye=goodbye)
        elif shake.presented > CERTIFICATES:
            detail = (
                f"it presents {shake.presented} certificates; the first {CERTIFICATES} are kept"
            )
            self._end("presented", detail, goodbye=goodbye)
        else:
            self._end("presented", "", goodbye=goodbye)
        return b""

    # how it ends

    def _unreachable(self, code: int) -> None:
        if code == errno.ETIMEDOUT:
            self._end("timeout", "no answer to the connection")
            return
        detail = _REACH.get(code) or f"it cannot be reached: {os.strerror(code)}"
        self._end("unreachable", detail, transient=code == errno.ECONNREFUSED)

    def _lost(self, how: str) -> None:
        if self._told:
            self._shut()
        else:
            self._end("closed", f"connection {how} {self._where()}", transient=True)

    def _where(self) -> str:
        """Up to where it went."""
        if not self._connected:
            return "before it was connected"
        if self._handshake is not None:
            return "within the handshake" if self._handshake.begun else "after the ClientHello"
        asked = self._dialogue.asked
        return f"after {asked}" if asked else "before its greeting"

    def _end(
        self, outcome: Outcome, detail: str, *, transient: bool = False, goodbye: bytes = b""
    ) -> None:
        """Tell what was seen, take leave where there are words for it, and let go."""
        shake = self._handshake
        self._told = True
        sighting = Sighting(
            self.endpoint,
            int(time.time()),
            outcome,
            detail,
            None if shake is None else shake.version,
            None if shake is None else shake.cipher,
            shake.chain if shake is not None and outcome == "presented" else (),
        )
        if self._timer is not None:
            self._timer.cancel()
        if goodbye and self._connected:
            # without waiting for its answer, the answer would meet a reset, and the log of the
            # host would tell of a broken connection
            self._send(goodbye)
            self._timer = self._loop.call_later(LINGER_SECONDS, self._late)
            self._watcher.seen(self, sighting, transient)
            self._handshake = None
        else:
            self._watcher.seen(self, sighting, transient)
            self._shut()

    def _break(self, error: BaseException) -> None:
        self._told = True
        self._close()
        self._watcher.broke(self, error)

    def _shut(self) -> None:
        if self._close():
            self._watcher.over(self)

    def _close(self) -> bool:
        """Close the socket; False where that was done before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._handshake = None
        sock, self._socket = self._socket, None
        if sock is None:
            return False
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        sock.close()
        return True

    def _send(self, data: bytes) -> None:
        """Send; what does not fit waits until it does."""
        if not data or self._socket is None:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return  # the reader hears of it, after what the host still said
        if sent < len(data):
            self._unsent = data[sent:]
            self._loop.add_writer(self._descriptor, self._writable)


def _unproven(shake: Handshake) -> str:
    """Which certificate was shown in a handshake that failed: anybody may show one, so that it is
    named, and not given to those who ask what the host presents."""
    if not shake.chain:
        return ""
    fingerprint = hashlib.sha256(shake.chain[0]).hexdigest()
    return f"; it showed a certificate with the SHA-256 {fingerprint}"


def _server_name(host: str) -> str:
    """What to send as SNI: names alone (RFC 6066, 3)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".") if _NAME.fullmatch(host) else ""
    return ""
