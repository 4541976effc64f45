"""The commands on a card can be pasted whole."""

from __future__ import annotations

import shlex

import pytest

from tests.tools import output
from trustctl.facts.card import Card, folded

LONG = ".".join(["mx1-" + "w" * 50] * 4 + ["bar", "test"])


def _card(host: str) -> Card:
    return Card(host, (host,), 0, 1, "ab" * 32, "cd" * 32, "", "bar", ("bar.test", "b.test"), 0)


@pytest.mark.parametrize("host", ["mx1.bar.test", LONG])
@pytest.mark.parametrize("which", ["add", "fetch", "compare"])
@pytest.mark.parametrize("width", [20, 72])
def test_a_folded_command_is_the_command(host: str, which: str, width: int) -> None:
    """A shell reads the same words from it, however it is folded."""
    words: tuple[str, ...] = getattr(_card(host), which)
    lines = folded(words, width)
    plain = [one for one in words if one[0] not in "<>"]
    script = "\n".join(lines).replace("</dev/null", "").replace(f">{host}.pem", "")
    said = output("sh", "-c", f"{words[0]}() {{ printf '%s\\n' \"$@\"; }}\n{script}")
    assert said.decode().splitlines() == plain[1:]
    assert all(shlex.quote(one) == one for one in plain)  # nothing that a shell would act on


def test_a_command_is_folded_where_it_has_to_be() -> None:
    """Between options: a value stays beside its option."""
    assert folded(("a", "--b", "c", "d", "--e"), 12) == ["a --b c d \\", "    --e"]
    assert folded(("a", "--b", "c", "d", "--e"), 15) == ["a --b c d --e"]


def test_names_of_the_key_and_the_certificate() -> None:
    """As other programs write and read them."""
    card = _card("mx1.bar.test")
    assert card.code == "SHA256:" + "AB" * 32
    assert card.pin == "sha256//zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0="
    assert card.file == "mx1.bar.test.pem"
