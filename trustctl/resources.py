"""Where the files that travel with the package are: migrations/ and share/."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The folder ``name`` (``migrations`` or ``share``).

    A wheel carries it as ``trustctl/_data/name``; a source tree or an editable install has it
    beside the package.
    """
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
