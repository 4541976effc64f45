"""Makes hostile text harmless where it leaves: for terminals and for CSV."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -~]*")
# what a terminal obeys, or what a reader cannot see: Cc, Cf (bidi, zero width), Cs, Co, Cn, Zl, Zp
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
# letters and marks that show nothing (Unicode: Default_Ignorable_Code_Point), and Braille's blank
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
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
    if " " <= character <= "~":
        return character
    if unicodedata.category(character) not in _HIDDEN and not _BLANK.match(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{{{code:04x}}}"


def csv_safe(text: str) -> str:
    """The text as a CSV cell that no spreadsheet takes for a formula."""
    text = printable(text)
    # some spreadsheets take the full-width signs for the plain ones
    sign = unicodedata.normalize("NFKC", text[:1])
    return f"'{text}" if sign in ("=", "+", "-", "@") else text
