"""The table of what each MTA can do stands on tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_TABLE = _HERE.parent / "share" / "doc" / "mtas.md"
_FILES = re.compile(r"\b([a-z]): `(tests/[a-z_/]+\.py)`")


def test_each_cell_names_a_test_or_says_that_there_is_none() -> None:
    """A yes or a no in the table has its test, in the file that its letter stands for, or says what
    it stands on otherwise."""
    text = _TABLE.read_text()
    files = dict(_FILES.findall(text))
    assert len(files) == 14
    rows = [one for one in text.splitlines() if one.startswith("| ") and "---" not in one][1:]
    assert len(rows) > 15
    for row in rows:
        title, *cells = (one.strip() for one in row.strip("| ").split(" | "))
        assert len(cells) == 3, title
        for cell in cells:
            letter = ""
            named = re.findall(r"(?:\b([a-z]) )?`(test_\w+|tests/[\w/.]+)`", cell)
            for short, name in named:
                if name.startswith("tests/"):
                    letter = name
                    assert (_HERE.parent / name).exists(), name
                    continue
                path = files.get(short) or letter
                letter = path or letter
                assert f"def {name}(" in (_HERE.parent / path).read_text(), (title, name)
            untested = ("not tested", "not needed", "no field", "the same", "not written")
            if "the same" in cell and cells.index(cell) == 1:
                assert "test" in cells[0] or "no field" in cell or "no field" in cells[0], title
            assert named or any(one in cell for one in untested), (title, cell)
