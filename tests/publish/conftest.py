"""Exims of one's own for the tests of what is published."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.publish.box import Box, missing


@pytest.fixture
def exim(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Makes stock Debian Exims: ``exim(configtype, split=...)``."""
    reason = missing()
    if reason is not None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    boxes: list[Box] = []

    def make(configtype: str = "internet", *, split: bool = False) -> Box:
        folder = tmp_path / str(len(boxes))
        folder.mkdir()
        folder.chmod(0o755)
        boxes.append(Box(folder, configtype, split=split))
        return boxes[-1]

    tmp_path.chmod(0o755)
    yield make
    for box in boxes:
        box.close()
