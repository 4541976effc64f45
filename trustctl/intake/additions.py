"""Rows of an import file, turned into additions, or into what is wrong with the line."""

from __future__ import annotations

import os
import re
from typing import Any

from trustctl.errors import InputError, MismatchError, UsageError
from trustctl.facts.addition import (
    Addition,
    Evidence,
    Imported,
    NewDistrust,
    NewInbound,
    NewProtection,
    NewSetting,
    NewVouch,
)
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.fingerprint import matches, parse_fingerprint
from trustctl.facts.moment import parse_moment
from trustctl.facts.names import (
    parse_channel,
    parse_domain,
    parse_host,
    parse_note,
    parse_peer_name,
    parse_voucher,
)
from trustctl.facts.network import parse_networks
from trustctl.facts.records import NO_INBOUND, Inbound
from trustctl.intake.pem import split_certificates
from trustctl.intake.source import read_source

_PEM = "-----BEGIN"


def read_addition(row: dict[str, Any], *, folder: str, actor: str, now: int) -> Imported:
    """What one row asks for.

    Args:
        folder: where relative certificate paths begin: the import file's folder.
        actor: the voucher where the row has a fingerprint and names nobody.

    Raises:
        TrustctlError: what is wrong with it.
    """
    if "distrust" in row:
        given = parse_fingerprint(_text(row, "distrust"))
        kind = _text(row, "kind", "spki" if given.kind == "spki" else "fingerprint")
        if kind not in ("fingerprint", "spki"):
            raise UsageError(f"kind: {kind!r} is neither fingerprint nor spki")
        if given.kind == ("certificate" if kind == "spki" else "spki"):
            raise UsageError(f"kind: {kind!r} is not what distrust gives")
        return NewDistrust(
            "spki" if kind == "spki" else "fingerprint",
            given.value,
            parse_note(_text(row, "reason", "")),
        )
    if "setting" in row:
        return NewSetting(_text(row, "setting"), _text(row, "value"))
    peer = parse_peer_name(_text(row, "peer"))
    if "inbound" in row:
        return NewInbound(peer, _inbound(row))
    domains = tuple(parse_domain(one) for one in _list(row, "domains"))
    hosts = tuple(parse_host(one) for one in _list(row, "mx_hosts"))
    if "certificate" not in row:
        orphaned = [k for k in ("fingerprint", "vouched_by", "role", "via", "expires") if k in row]
        if orphaned:
            raise InputError(f"{orphaned[0]} without a certificate", "add the certificate's PEM")
        return NewProtection(peer, domains, hosts)
    role = _text(row, "role", "host")
    if role not in ("host", "authority"):
        raise UsageError(f"role: {role!r} is neither host nor authority")
    evidence = _certificates(_text(row, "certificate"), folder)
    leaf = evidence[0].facts
    if role == "authority" and leaf.is_ca is False:
        raise UsageError("role authority: this certificate is no CA (CA:FALSE)")
    vouches: tuple[NewVouch, ...] = ()
    if "fingerprint" in row:
        given = parse_fingerprint(_text(row, "fingerprint"))
        if matches(given, leaf.fingerprint, leaf.spki) is None:
            raise MismatchError("the fingerprint is not the certificate's")
        vouches = (_vouch(row, actor, now),)
    elif "vouched_by" in row:
        raise InputError(
            "vouched_by without a fingerprint: nobody can vouch for what was not compared"
        )
    return Addition(
        peer=peer,
        domains=domains,
        role="authority" if role == "authority" else "host",
        certificate=evidence[0],
        chain=tuple(evidence[1:]),
        mx_hosts=hosts,
        vouches=vouches,
    )


def _inbound(row: dict[str, Any]) -> Inbound:
    mode, relay = _text(row, "inbound"), row.get("relay", False)
    networks = parse_networks(" ".join(_list(row, "allow_from")))
    if not isinstance(relay, bool):
        raise InputError("relay is neither true nor false")
    if mode == "off" and not relay and not networks:
        return NO_INBOUND
    if mode not in ("offer", "require"):
        raise UsageError(
            f"inbound: {mode!r} is none of off, offer and require, or it is off and has more"
        )
    return Inbound("offer" if mode == "offer" else "require", relay, networks)


def _vouch(row: dict[str, Any], actor: str, now: int) -> NewVouch:
    expires = _text(row, "expires", "")
    return NewVouch(
        voucher=parse_voucher(_text(row, "vouched_by", actor)),
        channel=parse_channel(_text(row, "via", "unspecified")),
        note=parse_note(_text(row, "note", "")),
        expires_at=parse_moment(expires, now) if expires else None,
    )


def _certificates(value: str, folder: str) -> list[Evidence]:
    if _PEM in value:
        data, where = value.encode("utf-8", "surrogatepass"), "certificate"
    else:
        where = os.path.join(folder, value)
        data = read_source(where)
    found: dict[str, Evidence] = {}
    for der in split_certificates(data, where):
        facts = parse_certificate(der)
        found.setdefault(facts.fingerprint, Evidence(facts, der))
    return list(found.values())


def _text(row: dict[str, Any], key: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if value is None and key not in row:
        raise InputError(f"{key} is missing")
    if not isinstance(value, str):
        raise InputError(f"{key} is not a text")
    return value


def _list(row: dict[str, Any], key: str) -> list[str]:
    value = row.get(key, [])
    if isinstance(value, str):
        return [one for one in re.split(r"[\s,;]+", value) if one]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{key} is not a list of texts")
    return value
