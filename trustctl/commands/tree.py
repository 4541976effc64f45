"""Exports whose files are the work of a format's module: what it needs, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.secret import Secret
from trustctl.commands.debian import in_force
from trustctl.errors import TargetError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from trustctl.commands.invocation import Invocation
    from trustctl.export.format import Format, Options
    from trustctl.facts.compiled import CompiledPeer
    from trustctl.facts.records import PeerTrust
    from trustctl.facts.revocation import Lists
    from trustctl.publish.place import Place
    from trustctl.publish.planning import Plan

BUILT_IN = (
    "exim", "pem", "debian", "dovecot", "fingerprints", "haproxy", "jks", "known-pins", "nginx",
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
    """Gathers the trusted peers and hands them to the format.

    Attributes:
        notes: whom it may not have. warnings: what is to be said each time.
        lists: of our own CAs, by name.
    """

    def __init__(
        self, place: Place, password: bytes | None = None, *, only_peers: bool | None = None
    ) -> None:
        from trustctl.export import formats
        from trustctl.export.format import Options

        self.format: Format = formats.load(place.format)
        self.only_peers = in_force(place) if only_peers is None else only_peers
        self._options = Options(str(place.root), password, self.only_peers)
        self._trusts: list[PeerTrust] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.lists: Mapping[str, Lists] = {}

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

        options = self._ready()
        keeps = self.format.keeps
        if keeps is not None and plan.draft.same and not plan.problems and plan.manifest:
            folder = plan.place.folder(plan.manifest.stored.number)
            there = {one: (folder / one).read_bytes() for one in plan.manifest.more()}
            if keeps(there, options):
                return there
        return formats.files(self.format, self._trusts, options)

    def _ready(self) -> Options:
        """All were given: put them in order, and choose the lists of those CAs of ours that are
        among them. What they revoked and the format cannot say is told."""
        self._trusts.sort(key=lambda one: one.peer)
        ders = {one.der for trust in self._trusts for one in trust.certificates}
        there = {
            name: lists
            for name, lists in self.lists.items()
            if any(one in ders for one in lists.authorities)
        }
        ours = {der for lists in there.values() for der in lists.authorities}
        carries = self.format.carries
        if carries == "always" or (carries == "alone" and ders <= ours):
            signed = [one for lists in there.values() for one in lists.signed or ()]
            whole = [name for name, lists in there.items() if lists.signed]
            if carries == "alone" and len(whole) < len(there):
                signed, whole = [], []
        else:
            signed, whole = [], []
        self.warnings = [
            f"the CA {name} revoked {lists.revoked} certificates, and the format "
            f"{self.format.name} does not say so: they are taken until they end"
            for name, lists in there.items()
            if lists.revoked and name not in whole
        ]
        return replace(self._options, lists=tuple(signed))

    def digests(self) -> dict[str, str]:
        """Path -> SHA-256 of what the format makes; empty where that is new each time."""
        import hashlib

        from trustctl.export import formats

        if self.format.password or self.format.keeps is not None:
            return {}
        made = formats.files(self.format, self._trusts, self._ready())
        return {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}

    def use(self, place: Place) -> str:
        """How to use what was written."""
        return self.format.use.replace("{current}", str(place.current))


def tree_of(
    call: Invocation, place: Place, password_file: str | None, *, only_peers: bool | None = None
) -> Tree | None:
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
        return None if chosen is None else Tree(place, only_peers=only_peers)
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
