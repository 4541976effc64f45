"""Makes hostile text harmless where it leaves: for terminals and for CSV."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -~]*")
# what a terminal obeys, or what a reader cannot see: Cc, Cf (bidi, zero width), Cs, Co, Cn, Zl, Zp
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def printable(text: str, limit: int | None = None) -> str:
    r"""The text with everything that a terminal could obey made visible (``\x1b``, ``\u{202e}``).

    Args:
        limit: the longest result, in characters; longer ones end in an ellipsis.
    """
    if not _PLAIN.fullmatch(text):
        if limit is not None:
            text = text[: limit + 1]  # a hostile megabyte need not be looked at
        text = "".join(map(_visible, text))
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + ELLIPSIS
    return text


def _visible(character: str) -> str:
    if " " <= character <= "~" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{{{code:04x}}}"


def csv_safe(text: str) -> str:
    """The text as a CSV cell that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
