"""``trustctl ca next-key``: the key that a host's next certificate will be for, made in time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.facts.dane import DaneHost
    from trustctl.facts.issuance import KeyKind

SUFFIX = ".next.key"


@click.command("next-key")
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option(
    "--out", default=".", show_default=True, metavar="DIR", help="Where HOST.key and HOST.crt are."
)
@click.option("--anew", is_flag=True, help="Make another where there is one: it was lost, or seen.")
@ca_option
@click.pass_obj
def next_key(
    call: Invocation, hosts: tuple[str, ...], out: str, anew: bool, hierarchy: str | None
) -> None:
    """Make the key that HOST's next certificate will be for.

    DIR/HOST.next.key (0600), of the kind that the host has. Its TLSA record
    can be published before it is needed; trustctl ca renew then takes it.

    \b
    trustctl ca next-key mx1.bar.test --out /etc/ssl/mail
    trustctl ca tlsa mx1.bar.test
    """
    from trustctl import files, render
    from trustctl.commands.ca.tlsa import meant
    from trustctl.inventory import dane

    folder = Path(os.path.abspath(out))
    with call.reading() as tx:
        found = meant(tx.connection, call.now, hosts, hierarchy)
        kinds = {one: _kind(call, one) for one in found}
        recorded = {one.spki for one in dane.next_keys(tx.connection)}
    several = {one.host for one in found if sum(it.host == one.host for it in found) > 1}
    if several:
        name = min(several)
        raise UsageError(f"several CAs have certified {name}; say which", "--ca NAME")
    files.refuse_unsafe(folder)
    for one in found:
        path = folder / f"{one.host}{SUFFIX}"
        if one.next is not None and not anew and not os.path.lexists(path):
            raise ConflictError(
                f"{path} is not there, and a next key of {one.host} was made already",
                "--out DIR, where it is; --anew makes another",
            )
    for one, kind in kinds.items():
        path = folder / f"{one.host}{SUFFIX}"
        spki = _pin(_key(path, kind, anew=anew))
        if spki in recorded and one.next is not None and one.next.spki == spki:
            render.line(f"already there: {path}")
            continue
        if spki in recorded:
            raise ConflictError(
                f"{path} is not the newest key that was made for {one.host}",
                "--anew makes another in its place",
            )
        with call.writing() as tx:
            dane.add_next_key(tx, one.hierarchy, one.host, spki)
        render.line(f"made: {path}")
        render.line(f"its TLSA record: trustctl ca tlsa {one.host}")


def _kind(call: Invocation, one: DaneHost) -> KeyKind:
    """The kind of key that a host's certificate is for."""
    from trustctl.ca.kinds import kind_of, load_public_key
    from trustctl.facts.der import subject_public_key_info
    from trustctl.inventory import issuances

    with call.reading() as tx:
        der = issuances.ders(tx.connection, [one.current])[one.current.id]
    return kind_of(load_public_key(subject_public_key_info(der)))


def _key(path: Path, kind: KeyKind, *, anew: bool) -> PrivateKey:
    """The key in a new file; that of a killed run, which no inventory knows, is taken."""
    from trustctl import files
    from trustctl.ca.keyfile import load_plain, private_pem
    from trustctl.ca.kinds import generate

    if os.path.lexists(path) and not anew:
        return load_plain(path)
    key = generate(kind)
    with files.explained(path):
        if anew:
            files.replace(path, private_pem(key), mode=0o600, group=None)
        else:
            files.create(path, [private_pem(key)], mode=0o600, group=None)
            files.sync(path)
            files.sync(path.parent)
    return key


def pin_of(path: Path) -> str | None:
    """The SPKI pin of the key in a file; None where there is none.

    Raises:
        TargetError, InputError: it is not as trustctl writes keys.
    """
    from trustctl.ca.keyfile import load_plain

    return _pin(load_plain(path)) if os.path.lexists(path) else None


def _pin(key: PrivateKey) -> str:
    import hashlib

    from trustctl.ca.kinds import spki_of

    return hashlib.sha256(spki_of(key.public_key())).hexdigest()
