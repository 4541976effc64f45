"""What a thread does meanwhile comes to the same as if it had been done here."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from tests.publish.targets import Target
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import manifest
from trustctl.publish.aside import LARGE, aside
from trustctl.publish.place import Format


@pytest.mark.parametrize("worth", [True, False])
def test_the_result_is_the_calls(worth: bool) -> None:
    """In a thread of its own, or in this one."""
    found = aside(threading.current_thread, worth=worth)()
    assert (found is threading.current_thread()) is not worth


@pytest.mark.parametrize("worth", [True, False])
def test_an_exception_comes_with_the_result(worth: bool) -> None:
    """Not before, and not instead of it."""

    def fail() -> None:
        raise IndexError

    begun = aside(fail, worth=worth)
    with pytest.raises(IndexError):
        begun()


@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_a_large_generation_is_what_a_small_one_is(tmp_path: Path, format_name: Format) -> None:
    """Written from all peers, then from one that changed: every hash is that of its file, old
    generations go, and an audit finds nothing."""
    target = Target(tmp_path, format_name)
    large = b"# peer=large domains=-\n" + b"x" * LARGE + b"\n\n"
    peers = [CompiledPeer("large", blocks=(large,)), target.peer("foo", 1)]
    assert target.export(*peers) is not None
    for number in range(2, 9):
        done = target.export(target.peer("foo", number), full=False)
        assert done is not None
        found = manifest.read(target.place.folder(done.stored.number))
        assert found.stored == done.stored
        for path, (digest, size) in found.own_files().items():
            content = (target.place.root / path).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, size)
    assert large in target.current("ca-certificates.crt")
    assert target.place.numbers() == [4, 5, 6, 7, 8]
    assert target.problems() == []
