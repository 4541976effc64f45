"""What a proof asks of an MTA: one small class for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.proof import Attempt, Damage, Outcome
from trustctl.prove.namespace import Stage

SENDER_DOMAIN = "trustctl-prove.test"
SENDER = f"prove@{SENDER_DOMAIN}"
MESSAGE = b"Subject: trustctl prove\n\nThis mail never leaves the machine.\n"


class Mta(Protocol):
    """An installed MTA, used inside the namespace alone. Every command that it runs is the real
    program with its real configuration.

    Attributes:
        elsewhere: whether an attacker is behind every name that an attempt's DNS does not have.
    """

    elsewhere: bool

    def cover(self, stage: Stage) -> None:
        """Put copies and empty folders in the places that it writes to; called before the machine
        is closed to writing.

        Raises:
            TrustctlError: it is not installed as it would have to be.
        """
        ...

    def stores(self) -> list[str]:
        """The files and folders of public authorities that its configuration names, beside the
        system's own. Asked after :meth:`cover`."""
        ...

    def problems(self) -> list[str]:
        """What makes the outcome no proof, in sentences of our own words."""
        ...

    def differences(self, installed: Mapping[str, str]) -> list[str]:
        """Where the installed data are not what the exporter makes of the inventory, by domain.
        Asked before anything is put."""
        ...

    def lacks(self, attempt: Attempt) -> str:
        """Why an attempt makes no sense with this MTA; empty where it does."""
        ...

    def put(self, peers: Sequence[CompiledPeer], lists: Mapping[str, str]) -> None:
        """Put throwaway data in force, over the copy of the installed ones; ``lists``: revocation
        lists, PEM by path, in the place of the installed ones."""
        ...

    def damage(self, how: Damage) -> None:
        """Break the data that are in force; :meth:`put` repairs them."""
        ...

    def send(self, recipients: Sequence[str]) -> None:
        """Take one mail and try to deliver it, in the foreground."""
        ...

    def run_queue(self) -> None:
        """Try to deliver all that waits, whenever it was to be tried again, in the foreground."""
        ...

    def outcome(self, recipient: str) -> Outcome:
        """What has become of the recipient's mail since :meth:`forget`, by the log and queue."""
        ...

    def forget(self) -> None:
        """Drop the queue, the log, and what is remembered of hosts."""
        ...

    def kept(self) -> dict[str, str]:
        """The texts that a person may want to look at afterwards, by file name."""
        ...
