"""What is known of an MTA's configuration, as facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["split", "unsplit", "handwritten", "unknown"]


@dataclass(frozen=True, slots=True)
class EximSite:
    """An Exim's configuration folder.

    Attributes:
        layout: how the configuration is made: Debian's split or unsplit one, by hand, or unknown.
        configtype: Debian's ``dc_eximconfig_configtype``; empty where there is none.
        obstacle: why the exported configuration cannot be effective here; None where it can.
        live: whether this is the folder that the installed Exim reads.
    """

    directory: str
    layout: Layout
    configtype: str
    obstacle: str | None
    live: bool


@dataclass(frozen=True, slots=True)
class MtaState:
    """What Exim is really configured to do, compared with what was written.

    ``differences`` are sentences of our own words. ``checked`` is False where there is no Exim to
    ask; ``why`` says so then.
    """

    directory: str
    checked: bool
    differences: tuple[str, ...] = ()
    why: str = ""
