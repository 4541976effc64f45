"""What an export has to do with an Exim's own configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trustctl.errors import TargetError

if TYPE_CHECKING:
    from trustctl.publish.place import Place


def configure(place: Place, *, reload: bool, force: bool) -> None:
    """Exim's own configuration: written always, put in force with ``--reload``."""
    from trustctl import render
    from trustctl.export.exim import configuration as texts_for
    from trustctl.publish import configuration, exim

    texts = texts_for(str(place.directory), receives=place.receives)
    found = configuration.site(place.directory)
    by_hand = configuration.edited(found)
    if by_hand and not force:
        raise TargetError(
            f"{by_hand[0]}: trustctl's part was edited by hand; it was not overwritten",
            "look at it; --force writes it anew",
        )
    if found.layout == "handwritten" and found.live and not _missing(texts):
        render.line("Exim's configuration is written by hand and holds what trustctl needs")
        return
    if reload:
        for remark in exim.apply(found, texts, group=place.group):
            render.line(remark)
        render.line("Exim was asked: the router and the transport are there, first and unaltered")
        if place.receives:
            render.line("Exim was asked: it decides who may send as which domain, before anything")
        return
    changed = configuration.write(configuration.planned(found, texts), group=place.group)
    if found.layout == "unknown":
        render.note(
            "note: this is no Exim's folder; the router and the transport are in",
            f"      {place.directory}/trustctl/snippets",
        )
    elif found.obstacle is not None:
        raise exim.not_effective(found)
    elif changed or (found.live and _missing(texts)):
        render.note("note: NOT IN FORCE until Exim reads it: add --reload")


def _missing(texts: dict[str, str]) -> bool:
    """Whether the installed Exim would do something else, as far as it can be asked."""
    from trustctl.errors import NotEnforcedError
    from trustctl.publish import exim

    if os.geteuid() != 0 or exim.binary() is None:
        return False
    try:
        return bool(exim.differences(texts))
    except NotEnforcedError:
        return True
