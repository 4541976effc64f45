"""Which key each renewed certificate is for: a new one, the one made beforehand, or the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trustctl.commands.ca.next_key import SUFFIX, pin_of
from trustctl.commands.invocation import Invocation

if TYPE_CHECKING:
    from trustctl.ca.kinds import PrivateKey
    from trustctl.facts.dane import Choice, DaneHost
    from trustctl.facts.issuance import Issuance


class Rotation:
    """The choice for each host that is renewed, said to the user where it is not the usual one."""

    def __init__(
        self,
        call: Invocation,
        hierarchy: str | None,
        due: Sequence[Issuance],
        folder: Path,
        *,
        same_key: bool | None,
    ) -> None:
        """Look at what is in DNS, and in the folder.

        Args:
            due: the newest certificate of each host. folder: where HOST.next.key may be.
            same_key: True to keep all keys, False to keep none, None to do what is safe.

        Raises:
            TargetError, InputError: a HOST.next.key is not as trustctl writes keys.
        """
        from trustctl import render
        from trustctl.commands.ca import work
        from trustctl.inventory import dane

        self._folder = folder
        self._choices: dict[str, Choice] = {}
        with call.reading() as tx:
            name = work.pick(tx.connection, hierarchy)
            known = {
                one.host: one
                for one in dane.hosts(tx.connection, call.now, hierarchy=name, ended=True)
            }
        for one in due:
            choice, remark = self._choose(known[one.subject], call.now, same_key)
            self._choices[one.subject] = choice
            if remark is not None:
                render.note(f"note: {one.subject}: {remark}")

    def _choose(self, one: DaneHost, now: int, same_key: bool | None) -> tuple[Choice, str | None]:
        from trustctl.facts.dane import choose

        if same_key:
            return "keep", None
        there = pin_of(self._path(one.host))
        if there is not None and there == one.current.spki:
            return "next", None  # a killed run had it certified, and did not place it
        if same_key is None:
            choice, remark = choose(one, now)
        else:
            choice, remark = "new" if one.next is None else "next", None
            usable = None if one.next is None else one.usable_at(one.next.spki)
            if one.ports and (usable is None or usable > now):
                remark = "the TLSA records that resolvers have do not name its new key"
        if choice == "next" and one.next is not None and there != one.next.spki:
            kept: Choice = "keep" if one.ports and same_key is None else "new"
            return kept, (
                f"its next key is not in {self._folder}: it "
                + ("keeps its key" if kept == "keep" else "gets a new one")
            )
        return choice, remark

    def _path(self, host: str) -> Path:
        return self._folder / f"{host}{SUFFIX}"

    def keeps(self, host: str) -> bool:
        """Whether the next certificate is for the key that the host has."""
        return self._choices[host] == "keep"

    def prepared(self, host: str) -> PrivateKey | None:
        """The key that was made beforehand; None where none is to be taken."""
        from trustctl.ca.keyfile import load_plain

        return load_plain(self._path(host)) if self._choices[host] == "next" else None

    def finish(self, host: str) -> None:
        """The host has its key and certificate: the file of the next key has done its work."""
        if self._choices[host] == "next":
            with suppress(FileNotFoundError):
                os.unlink(self._path(host))
