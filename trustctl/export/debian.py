"""``debian``: this machine's own store, as Debian's ``update-ca-certificates`` makes it.

Of a generation, ``certificates`` has a file for each trusted certificate and ``selection`` says
what becomes of the public CAs. What is done with them is publish/system_store.py's matter: files
are not named ``.crt`` here, so that nothing takes those of earlier generations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.bundle import block
from trustctl.export.client_ca import NOBODY
from trustctl.export.format import Format, Options, certificates
from trustctl.export.openssl_dir import readable
from trustctl.facts import nobody
from trustctl.facts.records import PeerTrust

FOLDER = "certificates"
SELECTION = "selection"
ONLY_PEERS, WITH_PUBLIC = b"only-peers\n", b"with-public\n"


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """A file a certificate, by its fingerprint; where there is none, one that nobody can have: with
    nothing to put into the bundle, Debian's tool would leave the old one."""
    domains = {trust.peer: ",".join(trust.domains) or "-" for trust in trusts}
    made = {
        f"{FOLDER}/{one.fingerprint}.pem": block(
            peer, domains[peer], one.fingerprint, one.der, one.not_after
        )
        for peer, one in certificates(trusts)
    }
    if not made:
        made = {f"{FOLDER}/{nobody.FINGERPRINT}.pem": NOBODY}
    return {**made, SELECTION: ONLY_PEERS if options.only_peers else WITH_PUBLIC}


FORMAT = Format(
    name="debian",
    help="The system's store of a Debian: /etc/ssl/certs, beside its public CAs or alone.",
    files=files,
    use="whatever verifies by the system's store reads it; audit --store system shows it",
    authorities="held",
    nested=True,
    fits=readable,
)
