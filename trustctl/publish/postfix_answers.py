"""Asks Postfix what it would really do with the mail of protected domains, and compares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import ANCHORS
from trustctl.publish.postconf import Postfix
from trustctl.publish.postfix_site import DIGEST, MAPS

_ELSEWHERE = (
    "relayhost",
    "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps",
)
"""With any of these, where mail goes does not depend on its domain alone: Postfix looks the policy
up under the name of the host that it goes to."""
_ASKED = (MAPS, DIGEST, "smtp_fallback_relay", "default_transport", "relay_transport",
          "transport_maps", *_ELSEWHERE)  # fmt: skip
_OVERRIDDEN = (MAPS, DIGEST, "smtp_fallback_relay")
_SHOWN = 10
_SAFE = re.compile(r"[\w\[\].:/,{}=@* -]{0,120}", re.ASCII)


def differences(
    postfix: Postfix, tables: str, policies: Mapping[str, str], inside: Path | None, root: Path
) -> list[str]:
    """In which ways Postfix would not hold mail to what was exported, in sentences of our own.

    Args:
        tables: what smtp_tls_policy_maps has to say; our table is the first.
        policies: domain -> what the table has to say of it.
        inside: where clients in a chroot find the anchors; None where none is chrooted.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    values = postfix.values(*_ASKED)
    found = list(_settings(postfix, values, tables))
    found += _table(postfix, tables.partition(",")[0], policies)
    found += _routes(postfix, values, policies)
    found += _anchors(policies, inside, root)
    return found


def _settings(postfix: Postfix, values: Mapping[str, str], tables: str) -> Iterator[str]:
    there, wanted = (one.replace(",", " ").split() for one in (values[MAPS], tables))
    if there[:1] != wanted[:1]:
        yield f"{MAPS} does not begin with {wanted[0]}: no mail is held to the pins"
    elif wanted[-1] not in there:
        yield f"{MAPS} lacks {wanted[-1]}: another spelling of a domain passes by its pins"
    if values[DIGEST] != "sha256":
        yield f"{DIGEST} is {_shown(values[DIGEST])}: the pins are of SHA-256"
    for name in _ELSEWHERE:
        if values[name]:
            yield f"{name} is set: mail goes to another host, which would have to verify the peers"
    if values["smtp_fallback_relay"]:
        yield (
            "smtp_fallback_relay is set: mail that is refused for its certificate goes to "
            f"{_shown(values['smtp_fallback_relay'])}, whoever that is"
        )
    clients = {name.partition("/")[0] for name, _chrooted in postfix.clients()}
    for name in ("default_transport", "relay_transport"):
        service, _colon, host = values[name].partition(":")
        if service not in clients or host:
            yield f"{name} is {_shown(values[name])}: mail goes elsewhere"
    for key, value in postfix.overrides().items():
        service, _slash, name = key.rpartition("/")
        if name in _OVERRIDDEN and service.partition("/")[0] in clients:
            yield f"master.cf says otherwise for the service {service}: {name} = {_shown(value)}"


def _table(postfix: Postfix, table: str, policies: Mapping[str, str]) -> Iterator[str]:
    try:
        told = postfix.look_up(table, policies)
    except NotEnforcedError as error:
        yield f"the table cannot be read: {error.message.splitlines()[0]}"
        return
    wrong = [one for one in policies if told.get(one) != policies[one]]
    for one in wrong[:_SHOWN]:
        yield f"{one}: the table says {'something else' if one in told else 'nothing'} of it"
    if len(wrong) > _SHOWN:
        yield f"... and of {len(wrong) - _SHOWN} more domains"


def _routes(
    postfix: Postfix, values: Mapping[str, str], policies: Mapping[str, str]
) -> Iterator[str]:
    """Domains whose mail a transport table sends elsewhere: that host's policy counts then."""
    keys = {each: None for domain in policies for each in _spelled(domain)}
    for one in values["transport_maps"].replace(",", " ").split():
        table = one.removeprefix("proxy:")
        try:
            told = postfix.look_up(table, keys)
        except NotEnforcedError:
            yield f"transport_maps: {_shown(one)} cannot be read: who knows where it leads"
            continue
        told = {key: value for key, value in told.items() if value.partition(":")[2]}
        led = [one for one in policies if any(each in told for each in _spelled(one))]
        for domain in led[:_SHOWN]:
            yield f"{domain}: transport_maps sends its mail elsewhere"
        if len(led) > _SHOWN:
            yield f"transport_maps: and the mail of {len(led) - _SHOWN} more domains"


def _spelled(domain: str) -> Iterator[str]:
    """The keys under which transport(5) finds a domain."""
    yield domain
    yield f"postmaster@{domain}"
    rest = domain
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f".{rest}"
    yield "*"


def _anchors(policies: Mapping[str, str], inside: Path | None, root: Path) -> Iterable[str]:
    folder = f"tafile={root / 'current' / ANCHORS}/"
    names = {value.partition(folder)[2] for value in policies.values() if folder in value}
    for one in sorted(names):
        if inside is not None and not (inside / one).is_file():
            yield f"{inside / one} is not there: the SMTP client is chrooted, and its mail waits"


def _shown(value: str) -> str:
    return repr(value) if _SAFE.fullmatch(value) else "something else"
