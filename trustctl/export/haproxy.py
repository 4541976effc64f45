"""``haproxy``: the peers whose client certificates a HAProxy takes, and which is whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.client_ca import with_snippet
from trustctl.export.format import Format, Options
from trustctl.export.openssl_dir import readable
from trustctl.facts.records import PeerTrust

_SNIPPET = """\
# Written by trustctl: HAProxy includes no files, so copy what is needed, and reload it after each
# export. The map has the SHA-256 of each certificate that is pinned, and its peer.
#
# frontend peers
#     bind :443 ssl crt /etc/haproxy/own.pem ca-file @FILE@ verify required@MORE@
#     http-request set-var(txn.peer) ssl_c_der,sha2(256),hex,map(@DIR@/pins.map)
#     http-request deny unless { var(txn.peer) -m found }
"""
_MORE = " crl-file @LISTS@ crt-ignore-err 3 ca-ignore-err 3"
"""What revoked certificates are refused by. Error 3 is that there is no list of an issuer: whoever
signed itself has none, and no certificate of our CA comes to that, since all of its lists are there
or none is."""


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """The PEM file, the map of pins, and what to write into the configuration."""
    pins = {
        one.fingerprint.upper(): trust.peer
        for trust in trusts
        for one in trust.certificates
        if one.role == "host"
    }
    text = "".join(f"{pin} {pins[pin]}\n" for pin in sorted(pins))
    snippet = _SNIPPET.replace("@MORE@", _MORE if options.lists else "")
    made = with_snippet(trusts, options, snippet, "haproxy.txt")
    return {**made, "pins.map": text.encode("ascii")}


FORMAT = Format(
    name="haproxy",
    help="The peers whose client certificates a HAProxy takes, and a map of pins.",
    files=files,
    use="{current}/haproxy.txt has the lines for a frontend",
    authorities="held",
    carries="always",
    fits=readable,
)
