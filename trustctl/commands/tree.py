"""Exports whose files are the work of a format's module: what it needs, and what becomes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.secret import Secret
from trustctl.errors import TargetError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from trustctl.commands.invocation import Invocation
    from trustctl.export.format import Format
    from trustctl.facts.compiled import CompiledPeer
    from trustctl.facts.records import PeerTrust
    from trustctl.publish.place import Place
    from trustctl.publish.planning import Plan

BUILT_IN = (
    "exim", "pem", "dovecot", "fingerprints", "haproxy", "jks", "known-pins", "nginx",
    "openssl-dir", "opensmtpd", "p11-kit", "pkcs12", "postfix",
)  # fmt: skip
"""As in export/formats.py, which need not be loaded for ``--help``."""
PASSWORD = Secret(
    "password of the store",
    "trustctl-store-password",
    "give it with --password-file, or as the systemd credential trustctl-store-password",
)


class FormatName(click.ParamType[str]):
    """The name of a format, ours or one that another package brings."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, where there is such a format."""
        if value not in BUILT_IN:
            from trustctl.export import formats

            if value not in formats.names():
                self.fail(f"{value!r} is not one of {', '.join(formats.names())}.", param, ctx)
        return value


class Tree:
    """Gathers the trusted peers and hands them to the format."""

    def __init__(self, place: Place, password: bytes | None = None) -> None:
        from trustctl.export import formats
        from trustctl.export.format import Options

        self.format: Format = formats.load(place.format)
        self._options = Options(str(place.root), password)
        self._trusts: list[PeerTrust] = []
        self.notes: list[str] = []

    def begin(self) -> Callable[[PeerTrust], CompiledPeer]:
        """Forget all peers; what each is to be given to from now on."""
        from trustctl.export.format import bounded, compile_peer

        self._trusts, self.notes = [], []

        def take(trust: PeerTrust) -> CompiledPeer:
            compiled = compile_peer(trust)  # refuses what is strange
            mine, out = bounded(trust, self.format)
            self._trusts.append(mine)
            self.notes += out
            return compiled if mine == trust else compile_peer(mine)

        return take

    def closed(self, plan: Plan) -> tuple[str, ...]:
        """The domains that lose their last trusted pin by a plan, where the format holds them."""
        if self.format.closed is None:
            return ()
        before = {}
        if plan.base is not None:
            folder = plan.place.folder(plan.base)
            for name in plan.more:
                with suppress(OSError):
                    before[name] = (folder / name).read_bytes()
        return tuple(sorted(self.format.closed(plan.more) - self.format.closed(before)))

    def unheld(self, connection: Connection) -> list[str]:
        """What the consumer cannot be held to, in sentences of our own."""
        from trustctl.commands import postfix

        if self.format.name != postfix.NAME:
            return []
        return postfix.unheld(connection, self._trusts)

    def files(self, plan: Plan) -> Mapping[str, bytes]:
        """What the format makes of those it was given; those that lie at the target already where
        they are the same but for their salt.

        Raises:
            UsageError: a format of somebody else's is broken.
        """
        from trustctl.export import formats

        keeps = self.format.keeps
        if keeps is not None and plan.draft.same and not plan.problems and plan.manifest:
            folder = plan.place.folder(plan.manifest.stored.number)
            there = {one: (folder / one).read_bytes() for one in plan.manifest.more()}
            if keeps(there, self._options):
                return there
        self._trusts.sort(key=lambda one: one.peer)
        return formats.files(self.format, self._trusts, self._options)

    def digests(self) -> dict[str, str]:
        """Path -> SHA-256 of what the format makes; empty where that is new each time."""
        from trustctl.export import formats

        if self.format.password or self.format.keeps is not None:
            return {}
        self._trusts.sort(key=lambda one: one.peer)
        made = formats.files(self.format, self._trusts, self._options)
        return {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}

    def use(self, place: Place) -> str:
        """How to use what was written."""
        return self.format.use.replace("{current}", str(place.current))


def tree_of(call: Invocation, place: Place, password_file: str | None) -> Tree | None:
    """The tree of a target; None where it is an Exim's or a bundle.

    Raises:
        UsageError: the format cannot be loaded, its password is not to be had, or a password was
            given for nothing.
    """
    from trustctl.export import formats

    chosen = formats.load(place.format) if place.is_tree else None
    if chosen is None or not chosen.password:
        if password_file is not None:
            raise UsageError(f"the format {place.format} has no password", "leave it out")
        return None if chosen is None else Tree(place)
    first = place.current_number() is None
    return Tree(place, PASSWORD.get(password_file, "Password of the store", again=first))


def refuse_shared(connection: Connection, place: Place, database: Path) -> None:
    """Refuse a folder in which another format's generations lie.

    Raises:
        UsageError: they do.
    """
    from trustctl.inventory import generations
    from trustctl.publish.place import place_of

    for one in generations.targets(connection):
        if one.path == str(place.directory) and one.format != place.format:
            with suppress(UsageError):  # a format that is no longer installed
                other = place_of(one.path, one.format, database)
                if other.root == place.root:
                    raise TargetError(
                        f"{one.path} holds the format {one.format} already",
                        "give each format a folder of its own",
                    )
