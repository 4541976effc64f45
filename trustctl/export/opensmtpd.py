"""``opensmtpd``: the peers whose client certificates an OpenSMTPD takes, and its domains' table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.client_ca import with_snippet
from trustctl.export.format import Format, Options
from trustctl.export.openssl_dir import readable
from trustctl.facts.records import PeerTrust

_SNIPPET = """\
# Written by trustctl. In smtpd.conf:  include "@DIR@/smtpd.conf"
# then restart smtpd after each export; the listener that peers use:
#   listen on eth0 port 25 tls-require verify pki own ca peers
ca peers cert "@FILE@"
table peers_domains file:@DIR@/domains
"""
_NOWHERE = "nowhere.invalid"


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """The PEM file, the table of protected domains, and what to include.

    Where there is none, a name that none can have: of an empty table smtpd does not know what it is
    a table of, and does not start.
    """
    domains = sorted({domain for trust in trusts for domain in trust.domains}) or [_NOWHERE]
    made = with_snippet(trusts, options, _SNIPPET, "smtpd.conf")
    return {**made, "domains": "".join(f"{one}\n" for one in domains).encode("ascii")}


FORMAT = Format(
    name="opensmtpd",
    help="The peers whose client certificates an OpenSMTPD takes, and a table of their domains.",
    files=files,
    use='include "{current}/smtpd.conf" in smtpd.conf',
    authorities="held",
    fits=readable,
)
