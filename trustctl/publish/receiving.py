"""Asks Exim itself what it would do as a server, and compares that with what our texts say."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from trustctl.publish.programs import attempt, run

_LISTS = {"acl_smtp_mail": "trustctl_check_mail", "acl_smtp_rcpt": "trustctl_check_rcpt"}
_HAND_ON = "TRUSTCTL_NEXT_MAIL = next_one\nTRUSTCTL_NEXT_RCPT = next_one\n"
_HEAD = re.compile(r"^ *(\w+): *$")
_NEXT = re.compile(r"^acl = .*$")
_MAP = re.compile(r"^TRUSTCTL_MAP = (\S+)$", re.MULTILINE)


def differences(exim: str, which: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """How what Exim would do with incoming mail differs from what our texts say.

    Args:
        which: the option that names the configuration to ask about.
        texts: ours, ``acl`` among them.

    Raises:
        NotEnforcedError: Exim refuses the configuration.
    """
    found = []
    actual = _lists(run(exim, *which, "-bP", "config"))
    # whether they hand on to a list of the user's is the user's to say
    expected = [_expected(exim, texts, macros) for macros in (_HAND_ON, "")]
    for name in _LISTS.values():
        if name not in actual:
            found.append(f"the list {name} is not in Exim's configuration")
        elif actual[name] not in [one[name] for one in expected]:
            found.append(f"the list {name} is another one than trustctl wrote")
    for option, name in _LISTS.items():
        if _told(exim, which, option) != name:
            found.append(f"{option} is not {name}: anybody may send as a protected domain")
    if _told(exim, which, "tls_try_verify_hosts") != "*":
        found.append("tls_try_verify_hosts is not *: clients are not asked for a certificate")
    if not _told(exim, which, "tls_advertise_hosts"):
        found.append(
            "Exim offers TLS to nobody (MAIN_TLS_ENABLE is not set): no client can show its "
            "certificate, and all mail as a domain that requires one would be refused"
        )
    if not which and not found:
        found += _map(exim, texts)
    return found


def notices(exim: str, which: Sequence[str] = ()) -> list[str]:
    """What keeps nobody from being verified, and should be known."""
    value = _told(exim, which, "tls_verify_certificates")
    if "$" in value:
        value = run(exim, "-be", value).strip()
    if not value or Path(value).is_dir():
        return []
    told = "tls_verify_certificates names a file: Exim sends the names in it to every client; "
    return [f"{told}name a folder, or leave MAIN_TLS_VERIFY_CERTIFICATES out"]


def _told(exim: str, which: Sequence[str], option: str) -> str:
    return run(exim, *which, "-bP", option).partition(" =")[2].strip()


def _lists(told: str) -> dict[str, list[str]]:
    """The access control lists of ``exim -bP config``, line by line; to whom one hands on is left
    out."""
    section = told.partition("\nbegin acl")[2].partition("\nbegin ")[0]
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in section.splitlines()[1:]:
        head = _HEAD.match(line)
        if head:
            lines = found.setdefault(head[1], [])
        elif line.strip():
            lines.append(_NEXT.sub("acl", line.strip()))
    return {name: found[name] for name in _LISTS.values() if name in found}


def _expected(exim: str, texts: Mapping[str, str], macros: str) -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory(prefix="trustctl-") as folder:
        path = Path(folder) / "exim.conf"
        path.write_text(
            "primary_hostname = host.invalid\nkeep_environment =\n"
            "domainlist local_domains = @\n"
            f"{macros}\n"
            f"begin acl\n\n{texts['acl']}\nnext_one:\n  accept\n"
        )
        path.chmod(0o600)
        return _lists(run(exim, "-C", str(path), "-bP", "config"))


def _map(exim: str, texts: Mapping[str, str]) -> list[str]:
    """Whether Exim finds the map that was written."""
    place = _MAP.search(texts["acl"])
    status, out, _complaints = attempt(exim, "-be", f"${{lookup{{*}}cdb{{{place and place[1]}}}}}")
    if status or out.strip() != "map=whole":
        return ["Exim cannot read who may send as which domain: all mail from outside is put off"]
    return []
