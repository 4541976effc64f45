"""``--install exim``: a key and its certificate placed where Exim reads them, in one step."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.ca.keys import Keys
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.commands.ca.hosts import Host
    from trustctl.errors import NotEnforcedError
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Issuance, KeyKind
    from trustctl.publish.home import Home


def install_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--out``, or ``--install`` and ``--install-dir``."""
    for option in (
        click.option(
            "--install-dir",
            metavar="DIR",
            help="With --install: the folder of exim.key and exim.crt. [default: /etc/exim4]",
        ),
        click.option(
            "--install",
            type=click.Choice(["exim"]),
            help="Place key and certificate for this MTA, check, reload it. For one host.",
        ),
    ):
        function = option(function)
    return function


def home_of(install: str | None, directory: str | None, out: str | None) -> Home | None:
    """Where ``--install`` places a pair; None where ``--out`` is meant.

    Raises:
        UsageError: both are named.
    """
    if install is None:
        if directory is not None:
            raise UsageError("--install-dir is for --install", "--install exim, or --out DIR")
        return None
    if out is not None:
        raise UsageError("--out and --install do not go together", "leave one out")
    from trustctl.publish.debian import exim_group
    from trustctl.publish.home import Home

    return Home(Path(os.path.abspath(directory or "/etc/exim4")), exim_group())


def in_force(home: Home, due: list[Issuance]) -> list[Issuance]:
    """Those of the issuances (one at the most) whose certificate Exim's folder holds."""
    return [one for one in due if one.fingerprint == home.number()]


def install(
    call: Invocation,
    keys: Keys,
    hierarchy: str | None,
    home: Home,
    host: Host,
    kind: KeyKind | None,
    *,
    profile_name: str,
    days: int | None,
    key: PrivateKey | None = None,
) -> tuple[Evidence, list[str], NotEnforcedError | None]:
    """Certify a key for a host, and let Exim use both.

    Args:
        kind: of the new key; None for that of the key in force. key: the one to certify again, in
            place of a new one.

    Returns:
        The certificate, what was done about Exim, and why Exim does not use it if it does not.

    Raises:
        NotEnforcedError: Exim cannot be asked or reloaded; it has what it had before.
        TargetError, InputError: the pair cannot be placed.
    """
    from trustctl.ca import profile
    from trustctl.ca.keyfile import load_plain, private_pem
    from trustctl.ca.kinds import generate, kind_of, spki_of
    from trustctl.commands.ca.hosts import issue_hosts
    from trustctl.facts.pem import pem
    from trustctl.publish import own, presented

    if kind == "ml-dsa-65":
        raise UsageError(
            "no Exim of today can use an ML-DSA key; nothing was issued",
            "share/doc/ca.md says who can use which kind",
        )
    presented.demand_exim(home)
    with own.opened(home):
        kind = kind or _kind_in_force(home)
        left = own.left_key(home, host[0])
        if key is None and left is not None:
            key = load_plain(left)
            if kind_of(key) != kind:
                raise InputError(f"{left} is a key of another kind", f"--key {kind_of(key)}")
        else:
            left, key = None, key or generate(kind)
            own.stage(home, host[0], private_pem(key))
        try:
            made, chain = issue_hosts(
                call, keys, hierarchy, [host], [spki_of(key.public_key())],
                profile_name=profile_name, days=days,
            )  # fmt: skip
        except Exception:  # not ^C: the key may be certified by now; the next call takes it up
            if left is None:
                own.discard(home, host[0])
            raise
        text = b"".join(pem(one) for one in (made[0].der, *chain))
        fingerprint = made[0].facts.fingerprint
        staple = _signed_staple(call, keys, hierarchy, host[0], fingerprint)
        usages = profile.load(profile_name).extended_key_usage
        client = "client_auth" in usages
        before = own.place(home, host[0], fingerprint, text, staple, client=client)
        try:
            remarks = presented.put_in_force(
                home, host[0], before, server="server_auth" in usages, client=client
            )
            return made[0], remarks, None
        except presented.UnusedError as error:
            return made[0], [], error


def _signed_staple(
    call: Invocation, keys: Keys, hierarchy: str | None, host: str, fingerprint: str
) -> bytes | None:
    """An OCSP response about a certificate; None for one that no server presents."""
    from trustctl.commands.ca import revocation, work

    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        drafts = revocation.draft_staples(tx.connection, name, call.now, hosts=[host])
    wanted = [one for one in drafts if one.issuance.fingerprint == fingerprint]
    signed = revocation.sign_staples(call, keys, name, wanted)
    return signed[wanted[0].name].der if wanted else None


def refresh_staple(call: Invocation, home: Home) -> bool:
    """Put the newest OCSP response that was signed beside the pair in force, if there is one.

    Returns:
        Whether it was another one than before.
    """
    from trustctl.commands.ca import revocation
    from trustctl.inventory import issuances, staples
    from trustctl.publish import own

    if home.key_in_force() is None:
        return False
    with call.reading() as tx:
        found = issuances.search_fingerprints(tx.connection, [home.number() or ""])
        newest = staples.newest(tx.connection, [one.issuer for one in found])
    last = newest.get(found[0].id) if found else None
    usable = (
        last is not None
        and last.next_update > call.now
        and last.status == revocation.status_of(found[0])
    )
    return own.put_staple(home, last.der if last is not None and usable else None)


def key_in_force(home: Home, one: Issuance) -> PrivateKey:
    """The key that Exim's folder holds, which has to be the issuance's.

    Raises:
        ConflictError: trustctl has placed none there. InputError: it is another.
    """
    from trustctl.ca.keyfile import load_plain
    from trustctl.commands.ca.pairs import demand_same

    place = home.key_in_force()
    if place is None:
        raise ConflictError(
            f"{home.directory}: trustctl has placed no key there", "leave --same-key out"
        )
    key = load_plain(place)
    demand_same(key, one.spki, place)
    return key


def _kind_in_force(home: Home) -> KeyKind:
    from trustctl.ca.keyfile import load_plain
    from trustctl.ca.kinds import kind_of

    place = home.key_in_force()
    return "ecdsa-p256" if place is None else kind_of(load_plain(place))
