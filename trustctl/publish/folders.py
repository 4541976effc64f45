"""A target's folders: made with their modes, refused where somebody else could swap them."""

from __future__ import annotations

import os

from trustctl import files
from trustctl.errors import TargetError
from trustctl.publish.place import Place


def prepare(place: Place) -> None:
    """Make the target's folders; refuse a place that is not safe.

    Raises:
        TargetError: a link, another user's folder, or one that everybody may write.
    """
    if not os.path.lexists(place.directory):
        if not os.path.isdir(place.directory.parent):
            raise TargetError(
                f"{place.directory.parent} is not there", f"mkdir -p {place.directory.parent}"
            )
        files.make_folder(place.directory, mode=0o755, group=None)
    files.refuse_unsafe(place.directory)
    if place.format == "pem":
        files.make_folder(place.root.parent, mode=0o700, group=None)
        files.refuse_unsafe(place.root.parent)
    for folder in place.folders:
        files.make_folder(folder, mode=place.folder_mode, group=place.group)
        files.refuse_unsafe(folder)
