"""An attacker's SMTP server: no STARTTLS at all, or with a chain that Exim itself would not serve.

Usage: python smtpd.py ADDRESS LOG SAYS [CHAIN KEY]. Each message that it gets is a line in the log:
``plain`` or ``tls``, and the recipients. SAYS is a verb and the answer to it (``RCPT 451 later``);
with one for STARTTLS it offers that even without a CHAIN.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from pathlib import Path


def serve(
    connection: socket.socket, log: Path, says: bytes, context: ssl.SSLContext | None
) -> None:
    """One session (RFC 5321, RFC 3207)."""
    special, _space, told = says.partition(b" ")
    lines = connection.makefile("rwb", buffering=0)
    how, recipients = "plain", ""

    def say(text: str) -> None:
        lines.write(text.encode() + b"\r\n")

    say("220 mx ESMTP")
    while line := lines.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            offer = (context is not None or special == b"STAR") and how == "plain"
            say("250-mx\r\n250 STARTTLS" if offer else "250-mx\r\n250 8BITMIME")
        elif verb == special:
            say(told.decode())
        elif verb == b"STAR" and context is not None:
            say("220 go ahead")
            connection = context.wrap_socket(connection, server_side=True)
            lines, how = connection.makefile("rwb", buffering=0), "tls"
        elif verb == b"RCPT":
            recipients += " " + line[8:].removeprefix(b":").decode("ascii", "replace").strip()
            say("250 ok")
        elif verb == b"DATA":
            say("354 go on")
            while lines.readline() not in (b".\r\n", b""):
                pass
            with log.open("a") as out:
                out.write(f"{how}{recipients}\n")
            recipients = ""
            say("250 ok")
        elif verb == b"QUIT":
            say("221 bye")
            return
        else:
            say("250 ok")


def main() -> None:
    """Serve one client after another until killed."""
    address, log, says = sys.argv[1], Path(sys.argv[2]), sys.argv[3].encode()
    context = None
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[4], sys.argv[5])
    with socket.create_server((address, 25)) as server:
        print("ready", flush=True)
        while True:
            connection, _client = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                serve(connection, log, says, context)


if __name__ == "__main__":
    main()
