"""A Postfix's folder, and where ours lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trustctl.errors import TargetError
from trustctl.export.postfix import POLICY, SPELLINGS
from trustctl.publish.postconf import Postfix

MAPS, DIGEST = "smtp_tls_policy_maps", "smtp_tls_fingerprint_digest"
UTF8 = "smtputf8_enable"
PLAIN = "texthash"
"""The kind of table that every Postfix has: its text itself."""


@dataclass(frozen=True, slots=True)
class Site:
    """A Postfix and what is in force of ours there.

    Attributes:
        root: DIR/trustctl.
    """

    postfix: Postfix
    root: Path

    @property
    def live(self) -> Path:
        """The folder of the table."""
        return self.root / "live"

    @property
    def text(self) -> Path:
        """What the table was made of."""
        return self.live / POLICY

    def table(self) -> str:
        """The table, as main.cf names it.

        Raises:
            NotEnforcedError: Postfix cannot be asked.
        """
        return f"{self.map_type()}:{self.text}"

    def map_type(self) -> str:
        """The kind of table that this Postfix makes by default.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        wanted = self.postfix.values("default_database_type")["default_database_type"]
        return wanted if wanted in self.postfix.run("postconf", "-m").split() else PLAIN

    def wanted(self) -> dict[str, str]:
        """What main.cf has to say: our table first, then what was there, and last the one for
        spellings that no table knows.

        Raises:
            NotEnforcedError: Postfix cannot be asked.
        """
        there = tables(self.postfix.given(MAPS).get(MAPS, ""))
        others = [one for one in there if not self.is_ours(one)]
        last = [self.spellings] if self.postfix.values(UTF8)[UTF8] != "no" else []
        return {MAPS: ", ".join([self.table(), *others, *last]), DIGEST: "sha256"}

    @property
    def spellings(self) -> str:
        """The table that closes other spellings of domains."""
        return f"regexp:{self.root / 'current' / SPELLINGS}"

    def is_ours(self, table: str) -> bool:
        """Whether a table lies where trustctl writes."""
        return table.partition(":")[2].startswith(f"{self.root}/")


def site(directory: Path) -> Site:
    """The Postfix whose main.cf is in this folder."""
    return Site(Postfix(directory), directory / "trustctl")


def tables(value: str) -> list[str]:
    """The tables that a parameter lists, in order; braces hold an inline one together."""
    found, depth = [""], 0
    for letter in value:
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and (letter.isspace() or letter == ","):
            found.append("")
        else:
            found[-1] += letter
    return [one for one in found if one]


def refuse_unusable(directory: Path) -> None:
    """Refuse a folder whose path Postfix would take for something else in a table or a list.

    Raises:
        TargetError: it has such letters.
    """
    text = str(directory)
    if not text.isascii() or any(one in ' \t\n,:;$(){}"\\#=' for one in text):
        raise TargetError(
            f"{text}: Postfix's folder may have letters, digits, '.', '_', '-' and '/' in its path",
            "export to a folder such as /etc/postfix",
        )
