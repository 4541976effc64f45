"""Lets Postfix's own posttls-finger(1) ask a domain's host, held to the policy that is in force.

It sends packets, so it runs when somebody asks for it, and for the domains that he names. It ends
with 0 whatever it finds: what it says is read, and only its first words.
"""

from __future__ import annotations

import re

from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import CLOSED
from trustctl.publish.postfix_site import Site

_SECONDS = ("-t", "10", "-T", "10")
_USER = "nobody"
_VERIFIED = re.compile(r"^posttls-finger: Verified TLS connection established to ", re.MULTILINE)
_OTHER = re.compile(
    r"^posttls-finger: (?:Untrusted|Trusted|Anonymous) TLS connection established to ", re.MULTILINE
)
_NOWHERE = re.compile(r"^posttls-finger: Destination address lookup failed: ", re.MULTILINE)


def ask(found: Site, domain: str) -> str:
    """Why the mail of a domain would wait now; empty where its host is one that is pinned.

    Raises:
        NotEnforcedError: Postfix cannot be asked, or its table says nothing of the domain.
    """
    policy = found.postfix.look_up(found.table(), [domain]).get(domain)
    if policy is None:
        raise NotEnforcedError(
            f"{domain}: Postfix's table says nothing of it", "trustctl export --reload"
        )
    if policy == CLOSED:
        return "no certificate is trusted for it"
    told = found.postfix.finger(*_SECONDS, *_words(policy, domain), user=_USER)
    if _VERIFIED.search(told):
        return ""
    if _OTHER.search(told):
        return "its host presents a certificate that is not trusted for it"
    if _NOWHERE.search(told):
        return "DNS names no host for it"
    return "no host of it was reached over TLS"


def _words(policy: str, domain: str) -> list[str]:
    """The policy of a line of the table, as posttls-finger is told it."""
    level, *rest = policy.split()
    given = dict(one.split("=", 1) for one in rest)
    anchors = ["-A", given["tafile"]] if "tafile" in given else []
    match = given["match"].split("|" if level == "fingerprint" else ":")
    return ["-c", "-l", level, "-d", "sha256", *anchors, domain, *match]
