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
from trustctl.facts import nobody
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust

NAME, LISTS = "client-ca.pem", "crl.pem"
NOBODY = b"# nobody is trusted: this is a certificate that nobody can have\n" + pem(nobody.DER)
_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+", re.ASCII)


def pem_file(trusts: Sequence[PeerTrust]) -> bytes:
    """Every certificate once, under a comment line; without anybody there is one that nobody can
    have. With an empty file the servers do not start, and who reloads one goes on with the old."""
    domains = {trust.peer: ",".join(trust.domains) or "-" for trust in trusts}
    return NOBODY * (not certificates(trusts)) + b"".join(
        block(peer, domains[peer], one.fingerprint, one.der, one.not_after)
        for peer, one in certificates(trusts)
    )


def with_snippet(
    trusts: Sequence[PeerTrust], options: Options, snippet: str, name: str
) -> Mapping[str, bytes]:
    """The PEM file, and the lines of configuration that use it: ``@FILE@`` is its path, ``@DIR@``
    its folder, and ``@LISTS@`` the path of the revocation lists.

    Raises:
        UsageError: the path has characters that may mean something in a configuration.
    """
    if not _PATH.fullmatch(options.directory):
        raise UsageError(
            f"{options.directory}: a path in a configuration may have letters, digits, '.', '_' "
            "and '-'",
            "export to another folder",
        )
    text = snippet
    for word, path in (("@FILE@", NAME), ("@LISTS@", LISTS), ("@DIR@", "")):
        text = text.replace(word, options.path(path).removesuffix("/"))
    made = {NAME: pem_file(trusts), name: text.encode()}
    return {**made, LISTS: pem_lists(options)} if options.lists else made


def pem_lists(options: Options) -> bytes:
    """The revocation lists, one after the other."""
    return b"".join([pem(one, "X509 CRL") for _authority, one in options.lists])
