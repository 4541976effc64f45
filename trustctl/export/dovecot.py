"""``dovecot``: the peers whose client certificates a Dovecot takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.client_ca import LISTS, NAME, with_snippet
from trustctl.export.format import Format, Options
from trustctl.export.openssl_dir import readable
from trustctl.facts.records import PeerTrust

_SNIPPET = """\
# Written by trustctl. In dovecot.conf:  !include @DIR@/dovecot.conf
# then reload Dovecot after each export.
ssl_ca = <@FILE@
ssl_verify_client_cert = yes
ssl_require_crl = @LISTED@
auth_ssl_require_client_cert = yes
"""


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """The PEM file, which has the revocation lists too, and what to include."""
    snippet = _SNIPPET.replace("@LISTED@", "yes" if options.lists else "no")
    made = dict(with_snippet(trusts, options, snippet, "dovecot.conf"))
    made[NAME] += made.pop(LISTS, b"")
    return made


FORMAT = Format(
    name="dovecot",
    help="The peers whose client certificates a Dovecot takes.",
    files=files,
    use="!include {current}/dovecot.conf, then doveadm reload",
    authorities="held",
    carries="alone",
    fits=readable,
)
