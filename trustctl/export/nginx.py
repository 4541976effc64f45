"""``nginx``: the peers whose client certificates an nginx takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.client_ca import with_snippet
from trustctl.export.format import Format, Options
from trustctl.export.openssl_dir import readable
from trustctl.facts.records import PeerTrust

_SNIPPET = """\
# Written by trustctl. In the server block:  include @DIR@/nginx.conf;
# then reload nginx after each export. A peer's CA is in it only where it is held to names.
ssl_client_certificate "@FILE@";
ssl_verify_client on;
ssl_verify_depth 3;
"""


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """The PEM file and what to include."""
    lists = 'ssl_crl "@LISTS@";\n' if options.lists else ""
    return with_snippet(trusts, options, _SNIPPET + lists, "nginx.conf")


FORMAT = Format(
    name="nginx",
    help="The peers whose client certificates an nginx takes.",
    files=files,
    use="include {current}/nginx.conf; in a server block, then nginx -s reload",
    authorities="held",
    carries="alone",
    fits=readable,
)
