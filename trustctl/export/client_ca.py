"""The certificates that a server takes from clients, for the servers that read one PEM file.

Whoever is let in by such a file is *some* peer: which one, the server has to tell by itself. What
is in it: peers' own self-signed certificates, our own CAs, and peers' CAs that are held to names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trustctl.errors import UsageError
from trustctl.export.bundle import block
from trustctl.export.format import Options, certificates
from trustctl.facts.records import PeerTrust

NAME = "client-ca.pem"
_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+", re.ASCII)


def pem_file(trusts: Sequence[PeerTrust]) -> bytes:
    """Every certificate once, under a comment line; without anybody it has none, and the servers
    refuse to start with it, rather than take anybody."""
    domains = {trust.peer: ",".join(trust.domains) or "-" for trust in trusts}
    return b"".join(
        block(peer, domains[peer], one.fingerprint, one.der, one.not_after)
        for peer, one in certificates(trusts)
    )


def with_snippet(
    trusts: Sequence[PeerTrust], options: Options, snippet: str, name: str
) -> Mapping[str, bytes]:
    """The PEM file, and the lines of configuration that use it: ``@FILE@`` is its path, and
    ``@DIR@`` its folder.

    Raises:
        UsageError: the path has characters that may mean something in a configuration.
    """
    if not _PATH.fullmatch(options.directory):
        raise UsageError(
            f"{options.directory}: a path in a configuration may have letters, digits, '.', '_' "
            "and '-'",
            "export to another folder",
        )
    text = snippet.replace("@FILE@", options.path(NAME)).replace("@DIR@", options.path("")[:-1])
    return {NAME: pem_file(trusts), name: text.encode()}
