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
        obstacle: why the exported configuration is not put into Exim's; None where it is.
        live: whether this is the folder that the installed Exim reads.
        present: whether our texts stand where this layout reads them.
    """

    directory: str
    layout: Layout
    configtype: str
    obstacle: str | None
    live: bool
    present: bool = False


@dataclass(frozen=True, slots=True)
class EximProgram:
    """An installed Exim, as ``exim -bV`` describes it.

    Attributes:
        version: such as ``4.96``.
        tls: the library it was built with.
        lacks: what our configuration needs and it has not, in our own words.
    """

    path: str
    version: str
    tls: Literal["GnuTLS", "OpenSSL"] | None
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MtaState:
    """What Exim is really configured to do, compared with what was written.

    Attributes:
        differences: sentences of our own words; with any of them, mail is not held to the pins.
        checked: False where there is no Exim to ask; ``why`` says so then.
        notices: what does not change where mail goes now, and should be known.
    """

    directory: str
    checked: bool
    differences: tuple[str, ...] = ()
    why: str = ""
    notices: tuple[str, ...] = ()
    program: EximProgram | None = None

    @property
    def effective(self) -> bool | None:
        """Whether Exim does what was written; None where that cannot be told."""
        return not self.differences if self.checked else None
