"""Which dialogue leads to TLS with which protocol."""

from __future__ import annotations

import re

from trustctl.facts.wire import Endpoint
from trustctl.wire.imap import Imap
from trustctl.wire.ldap import Ldap
from trustctl.wire.lines import Dialogue
from trustctl.wire.pop3 import Pop3
from trustctl.wire.smtp import Smtp
from trustctl.wire.xmpp import Xmpp

_NAME = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")


def dialogue(endpoint: Endpoint, ehlo: str) -> Dialogue:
    """What to speak with this host until TLS begins.

    Args:
        ehlo: what we call ourselves: a host name or an address literal (RFC 5321, 4.1.1.1).

    Raises:
        ValueError: ``ehlo`` is neither.
    """
    if not _NAME.fullmatch(ehlo):
        raise ValueError(f"no name to say EHLO with: {ehlo!r}")
    match endpoint.protocol:
        case "smtp":
            return Smtp(ehlo)
        case "lmtp":
            return Smtp(ehlo, "LHLO")
        case "imap":
            return Imap()
        case "pop3":
            return Pop3()
        case "ldap":
            return Ldap()
        case "xmpp":
            return Xmpp(endpoint.host, endpoint.port)
        case "none":
            return Dialogue()
