"""``known-pins``: which certificate a domain's hosts have to present, in JSON for other programs.

The schema is in share/doc/formats.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from trustctl.export.format import Format, Options
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.moment import format_moment
from trustctl.facts.records import PeerTrust


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """One file: domain -> its pins; a domain without any has nobody to be trusted."""
    found = {
        domain: {
            "peer": trust.peer,
            "pins": [
                {
                    "sha256": one.fingerprint,
                    "spki_sha256": hashlib.sha256(subject_public_key_info(one.der)).hexdigest(),
                    "role": one.role,
                    "expires": format_moment(one.not_after),
                }
                for one in sorted(trust.certificates, key=lambda one: one.fingerprint)
            ],
        }
        for trust in trusts
        for domain in trust.domains
    }
    text = json.dumps({"version": 1, "domains": found}, indent=1, sort_keys=True)
    return {"known-pins.json": text.encode("ascii") + b"\n"}


FORMAT = Format(
    name="known-pins",
    help="Domain -> pins, in JSON for other programs.",
    files=files,
    use="{current}/known-pins.json (share/doc/formats.md has the schema)",
    authorities="kept",
)
