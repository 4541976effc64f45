"""Asks Exim itself what it would do, and compares that with what our texts alone come to.

There is no second list of what the options ought to be: Exim renders our texts in a configuration
that holds nothing else, and any override, macro or edit shows as a difference to that.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.publish import receiving
from trustctl.publish.mta import binary, exim_user, expanded, program
from trustctl.publish.programs import attempt, run

Options = dict[str, str]
_HEAD = re.compile(r"^(\S+) (router|transport):$")
_OPTION = re.compile(r"[a-z][a-z0-9_]*")
_UNKNOWN = "no address, domain, host, or local part list"
_FOLDER = re.compile(r"dsearch\{(/\S+?/sets)\}")
_ASKS_DNS = re.compile("@mx_|dnsdb", re.IGNORECASE)
_DOMAINS_AT_MOST, _DOMAINS_AT_ONCE = 5000, 500
_NAMED = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Answers:
    """Exim's routers and transports, in its order: name -> option -> value."""

    routers: dict[str, Options]
    transports: dict[str, Options]


def differences(
    texts: Mapping[str, str], config: str | None = None, *, domains: Iterable[str] = ()
) -> list[str]:
    """How what Exim would do differs from what our texts say; empty where it does not.

    Args:
        texts: our ``router`` and ``transport``.
        config: a configuration file to ask about; None for the one that Exim really uses.
        domains: protected domains (LDH A-labels); one that is local to this Exim is a difference.

    Returns:
        Sentences of our own words.

    Raises:
        NotEnforcedError: there is no Exim, or it refuses the configuration.
    """
    exim = binary()
    if exim is None:
        raise NotEnforcedError("there is no Exim on this machine to ask", "apt install exim4")
    which = () if config is None else ("-C", config)
    run(exim, *which, "-bV")
    found = [f"this Exim has no {what}" for what in program(exim).lacks]
    expected, actual = _expected(exim, texts), _ask(exim, which)
    present = _absent(expected, actual)
    if present:
        return found + present
    found += _order(expected, actual)
    free = _free(texts)
    pairs = (("router", expected.routers, actual.routers),)
    for kind, ours, theirs in (*pairs, ("transport", expected.transports, actual.transports)):
        for name, options in ours.items():
            told = theirs[name]
            for key in sorted(options.keys() | told.keys()):
                if options.get(key) != told.get(key) and key not in free:
                    shown = key if _OPTION.fullmatch(key) else "text"
                    found.append(f"the {kind} {name} has another {shown} than trustctl wrote")
    found += _surroundings(exim, which, texts)
    if "acl" in texts:
        found += receiving.differences(exim, which, texts)
    if not which and not found:
        found += _unreadable(exim, texts)
    if not found:
        found += _local(exim, which, domains)
    return list(dict.fromkeys(found))


def _ask(exim: str, which: Sequence[str]) -> Answers:
    return Answers(
        _sections(run(exim, *which, "-bP", "routers")),
        _sections(run(exim, *which, "-bP", "transports")),
    )


def _sections(told: str) -> dict[str, Options]:
    """``exim -bP routers``: a head for each, then ``name = value``, ``name`` or ``no_name``."""
    found: dict[str, Options] = {}
    options: Options = {}
    for line in told.splitlines():
        head = _HEAD.match(line)
        if head:
            options = found.setdefault(head[1], {})
        elif line:
            key, equals, value = line.partition(" =")
            options[key.removeprefix("no_")] = f"={value}" if equals else key
    return found


def _expected(exim: str, texts: Mapping[str, str]) -> Answers:
    with tempfile.TemporaryDirectory(prefix="trustctl-") as folder:
        path = Path(folder) / "exim.conf"
        path.write_text(
            # the name spares a look-up in the DNS
            "primary_hostname = host.invalid\nkeep_environment =\n"
            "domainlist local_domains = @\n\n"
            f"begin routers\n\n{texts['router']}\nbegin transports\n\n{texts['transport']}\n"
        )
        path.chmod(0o600)
        return _ask(exim, ("-C", str(path)))


def _free(texts: Mapping[str, str]) -> set[str]:
    """Options that our texts set only where an administrator's macro is defined, as Debian's
    remote_smtp does; macros that begin with ``_`` are Exim's own and leave nothing open."""
    free = {"debug_print"}
    for text in texts.values():
        conditions: list[str] = []
        for line in text.splitlines():
            words = line.split()
            if not words:
                continue
            if words[0] in (".ifdef", ".ifndef"):
                conditions.append(words[1])
            elif words[0] == ".endif":
                conditions.pop()
            elif any(not one.startswith("_") for one in conditions) and words[0][0] not in ".#":
                free.add(words[0].removeprefix("no_"))
    return free


def _absent(expected: Answers, actual: Answers) -> list[str]:
    return [
        f"the {kind} {name} is not in Exim's configuration"
        for kind, ours, theirs in (
            ("router", expected.routers, actual.routers),
            ("transport", expected.transports, actual.transports),
        )
        for name in ours
        if name not in theirs
    ]


def _order(expected: Answers, actual: Answers) -> list[str]:
    """Ours have to be the first that a remote domain meets, and nothing may jump past them."""
    order = list(actual.routers)
    ours = list(expected.routers)
    places = [order.index(one) for one in ours]
    found = []
    if places != sorted(places):
        found.append("trustctl's routers are not in the order in which it wrote them")
    for name in order[: max(places)]:
        if name not in ours and not _harmless(actual.routers[name]):
            found.append(
                f"the router {_shown(name)} comes before {ours[-1]} and may take mail to protected "
                "domains unverified"
            )
    for name, options in actual.routers.items():
        to = options.get("redirect_router", "").removeprefix("=").strip()
        if to and (to not in order or order.index(to) > places[0]):
            found.append(
                f"the router {_shown(name)} hands what it redirects to a router after trustctl: "
                "a forwarded message to a protected domain would go unverified"
            )
    return found


def _harmless(options: Options) -> bool:
    """Whether a router cannot take a mail to a protected domain: it is for local domains alone, for
    addresses like user@[192.0.2.1], or takes part in no delivery (one that verifies by a transport
    does: a cutthrough delivery goes over the connection of the callout)."""
    return (
        options.get("domains") == "= +local_domains"
        or options.get("driver") == "= ipliteral"
        or (
            options.get("verify_only") == "verify_only"
            and not options.get("transport", "").removeprefix("=").strip()
        )
    )


def _surroundings(exim: str, which: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """What lies outside of our texts and would undo them."""
    found = []
    if run(exim, *which, "-bP", "dns_again_means_nonexist").strip().partition(" =")[2].strip():
        found.append(
            "dns_again_means_nonexist is set: while DNS fails, mail to protected domains may "
            "bounce instead of waiting"
        )
    if "+local_domains" in texts["router"]:
        status, out, complaints = attempt(exim, *which, "-bP", "+local_domains")
        if status and _UNKNOWN in out + complaints:
            found.append("there is no domainlist local_domains: the router trustctl needs it")
        if _ASKS_DNS.search(out):
            found.append(
                "local_domains asks DNS what is local: whoever answers can make a protected domain "
                "a local one"
            )
    told = run(exim, *which, "-brt", "trustctl.invalid")
    if not told.startswith("Retry rule:"):
        found.append(
            "there is no retry rule for remote domains: mail that has to wait would bounce at once"
        )
    return found


def _unreadable(exim: str, texts: Mapping[str, str]) -> list[str]:
    """Whether the user that Exim delivers as reads what we do: a folder of another group's keeps
    all mail waiting, and Exim asked as root does not notice."""
    user, sets = exim_user(exim), _FOLDER.search(texts["transport"])
    if user is None or sets is None:
        return []
    place = sets[1].removesuffix("/sets")
    asked = (
        f"${{lookup{{*}}cdb{{{place}/current/peers.cdb}}}}",
        f"${{lookup{{none}}dsearch{{{sets[1]}}}{{}}{{a folder}}}}",
        f"${{length_1:${{readfile{{{place}/nobody.pem}}}}}}",
    )
    ours = expanded(exim, *asked)
    # what is not there is not a matter of who reads it
    if any(one.startswith("Failed") for one in ours) or expanded(exim, *asked, user=user) == ours:
        return []
    waits = f"the user that Exim delivers as cannot read {place}: mail to protected domains waits"
    return [f"{waits} (its folders ought to be root's, of Exim's group, and 0750)"]


def _local(exim: str, which: Sequence[str], domains: Iterable[str]) -> list[str]:
    names = [one for one in islice(domains, _DOMAINS_AT_MOST) if re.fullmatch(r"[a-z0-9.-]+", one)]
    found = []
    for at in range(0, len(names), _DOMAINS_AT_ONCE):
        part = names[at : at + _DOMAINS_AT_ONCE]
        asked = [
            f"${{if match_domain{{{one}}}{{+local_domains}}{{local}}{{remote}}}}" for one in part
        ]
        answers = run(exim, *which, "-be", *asked).splitlines()
        found += [
            f"{domain} is a local domain of this Exim: its mail never reaches the router trustctl"
            for domain, answer in zip(part, answers, strict=False)
            if answer == "local"
        ]
    return found


def _shown(name: str) -> str:
    return name if _NAMED.fullmatch(name) else "(unprintable)"
