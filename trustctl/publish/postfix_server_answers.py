"""Asks Postfix what it would do as a server, service by service, and compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trustctl.publish.postconf import Postfix
from trustctl.publish.postfix_receiving import ASKS, HEADERS, RELAY, RESTRICTIONS, SERVER_DIGEST

_LEVEL, _OVERRIDE = "smtpd_tls_security_level", "receive_override_options"
_PROXY = "smtpd_proxy_filter"
_NAMES = "smtpd_tls_CAfile"
_CERTIFICATES = (
    "smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file",
)  # fmt: skip
_ASKED = (*RESTRICTIONS, ASKS, SERVER_DIGEST, HEADERS, _LEVEL, _OVERRIDE)
_LOOPBACK = ("127.", "localhost:", "[::1]:", "[127.")
_LOST = "no_header_body_checks"


def differences(postfix: Postfix, ours: Mapping[str, str]) -> list[str]:
    """In which ways Postfix would not hold who sends to us to what was exported.

    Args:
        ours: what the lists of main.cf have to begin with, by name.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    values = postfix.values(*_ASKED, *_CERTIFICATES, "append_dot_mydomain")
    found = [f"main.cf: {one}" for one in _wrong(values, ours)]
    if not any(values[one] not in ("", "none") for one in _CERTIFICATES):
        found.append("Postfix has no certificate as a server: nobody can show it one over TLS")
    if values["append_dot_mydomain"] == "yes":
        found.append(
            "append_dot_mydomain is yes: ann@foo becomes ann@foo.$mydomain after it was asked who "
            "may send"
        )
    found += [f"master.cf: {one}" for one, local in _services(postfix, ours) if not local]
    return found


def notices(postfix: Postfix, ours: Mapping[str, str]) -> list[str]:
    """What is not so now, or not for everybody, and should be known.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    found = [
        f"master.cf: {one}; it listens on this machine alone"
        for one, local in _services(postfix, ours)
        if local
    ]
    overridden = [one for one in postfix.overrides() if one.endswith(f"/{_NAMES}")]
    if postfix.values(_NAMES)[_NAMES] or overridden:
        found.append(
            f"{_NAMES} names a file: Postfix sends the names in it to every client; "
            "leave it out, or use smtpd_tls_CApath"
        )
    return found


def _wrong(values: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[str]:
    """What of these values leads past ours, in sentences."""
    for name, begin in ours.items():
        if name in values and not _begins(values[name], begin):
            what = "a mark may be forged" if name == HEADERS else "nobody is asked first"
            yield f"{name} does not begin with what trustctl wrote: {what}"
    if values.get(ASKS, "yes") != "yes" and values.get("smtpd_tls_req_ccert") != "yes":
        yield f"{ASKS} is not yes: no client is asked for its certificate"
    if values.get(SERVER_DIGEST, "sha256") != "sha256":
        yield f"{SERVER_DIGEST} is not sha256: the pins are"
    if values.get(_LEVEL, "may") not in ("may", "encrypt"):
        yield f"{_LEVEL} is neither may nor encrypt: no client can show its certificate"
    if _LOST in values.get(_OVERRIDE, ""):
        yield f"{_OVERRIDE} has {_LOST}: a mark may be forged"


def _begins(value: str, begin: str) -> bool:
    """Whether a list begins so; what follows is the administrator's."""
    there, ours = (one.replace(",", " ").split() for one in (value, begin))
    return there[: len(ours)] == ours


def _services(postfix: Postfix, ours: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """What master.cf sets for one service alone that leads past ours, and whether that listens on
    this machine alone."""
    programs = dict(postfix.services())
    ours = {name: begin for name, begin in ours.items() if name != RELAY}  # others relay less
    told: dict[str, dict[str, str]] = {}
    for key, value in postfix.overrides().items():
        service, _slash, name = key.rpartition("/")
        told.setdefault(service, {})[name] = value
    proxied = postfix.values(_PROXY)[_PROXY] or any(_PROXY in one for one in told.values())
    for service, program in programs.items():
        local = service.startswith(_LOOPBACK) or service.endswith("/unix")
        if program == "smtpd":
            for one in _wrong(told.get(service, {}), ours):
                # a filter in the middle of the dialogue hands on what was not looked through yet
                passed = local and not (proxied and one.startswith(_OVERRIDE))
                yield f"the service {service}: {one}", passed
        elif program == "cleanup":
            for one in _wrong(told.get(service, {}), {HEADERS: ours[HEADERS]}):
                yield f"the service {service}: {one}", False
        elif program == "qmqpd":
            yield f"the service {service} takes mail from QMQP clients and asks nobody", local
