"""The mail hosts that are played: the partner's, and the attackers'."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trustctl.facts.proof import PlayedHost

_SECONDS = 20
_VERSIONS = {"TLSv1": "TLSv1", "TLSv1.1": "TLSv1_1"}


@dataclass(slots=True)
class Cast:
    """The hosts of one attempt, listening until it is left.

    Attributes:
        taken: (address, recipient) of each mail that was taken.
        reached: the addresses that were connected to.
    """

    folder: Path
    taken: list[tuple[str, str]] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    _servers: list[socket.socket] = field(default_factory=list)

    def play(self, hosts: Mapping[str, PlayedHost]) -> None:
        """Let these hosts listen.

        Raises:
            OSError: they cannot (``ssl.SSLError``: the TLS library refuses what is to be played).
        """
        for address, host in hosts.items():
            context = self._context(address, host) if host.chain else None
            server = socket.create_server((address, 25))
            self._servers.append(server)
            threading.Thread(
                target=self._accept, args=(server, address, host, context), daemon=True
            ).start()

    def leave(self) -> None:
        """Nobody listens any more."""
        for one in self._servers:
            # closing alone does not wake who waits in accept()
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._servers.clear()

    def _context(self, address: str, host: PlayedHost) -> ssl.SSLContext:
        chain, key = (self.folder / f"{address}.{kind}" for kind in ("crt", "key"))
        chain.write_text(host.chain)
        key.write_text(host.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # what a real peer's server may still have is no matter of ours
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            if host.newest:
                context.maximum_version = ssl.TLSVersion[_VERSIONS[host.newest]]
        context.load_cert_chain(chain, key)
        return context

    def _accept(
        self,
        server: socket.socket,
        address: str,
        host: PlayedHost,
        context: ssl.SSLContext | None,
    ) -> None:
        while True:
            try:
                connection, _client = server.accept()
            except OSError:
                return
            self.reached.add(address)
            threading.Thread(
                target=self._session, args=(connection, address, host, context), daemon=True
            ).start()

    def _session(
        self,
        connection: socket.socket,
        address: str,
        host: PlayedHost,
        context: ssl.SSLContext | None,
    ) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(_SECONDS)
            self._talk(connection, address, host, context)

    def _talk(
        self,
        connection: socket.socket,
        address: str,
        host: PlayedHost,
        context: ssl.SSLContext | None,
    ) -> None:
        """One session (RFC 5321, RFC 3207)."""
        lines = connection.makefile("rwb", buffering=0)
        clear, recipients = True, list[str]()
        lines.write(b"220 mx ESMTP\r\n")
        while line := lines.readline():
            verb, answer = line[:4].upper(), b"250 ok"
            if verb == b"EHLO":
                offered = clear and (context is not None or host.refuses)
                more = b"250-STARTTLS\r\n" if offered else b""
                answer = b"250-mx\r\n" + more + b"250-8BITMIME\r\n250 SMTPUTF8"
            elif verb == b"STAR" and context is not None and clear:
                lines.write(b"220 go ahead\r\n")
                connection = context.wrap_socket(connection, server_side=True)
                lines, clear = connection.makefile("rwb", buffering=0), False
                continue
            elif verb == b"STAR" and host.refuses:
                answer = b"454 not now"  # RFC 3207, 4: for a time
            elif verb == b"RCPT":
                recipients.append(line.partition(b"<")[2].partition(b">")[0].decode("latin-1"))
            elif verb == b"DATA":
                lines.write(b"354 go on\r\n")
                while lines.readline() not in (b".\r\n", b""):
                    pass
                self.taken += [(address, one) for one in recipients]
                recipients = []
            elif verb == b"QUIT":
                lines.write(b"221 bye\r\n")
                return
            elif verb not in (b"HELO", b"MAIL", b"RSET", b"NOOP"):
                answer = b"502 what"
            lines.write(answer + b"\r\n")
