"""The manifest: whatever happened to it is noticed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustctl.errors import TargetError
from trustctl.facts.compiled import Checkpoint
from trustctl.facts.target import Stored
from trustctl.publish import manifest

_STORED = Stored(7, 1_800_000_000, 1_800_000_060, Checkpoint(41, "ab" * 32), "", 3, 4)
_SETS = [hashlib.sha256(bytes([one])).hexdigest() for one in range(3)]
_FILES = manifest.line("c" * 64, 10, "generations/00000007/peers.cdb")
_SET_LINES = b"".join([manifest.line(one, 5, f"sets/{one}.pem") for one in sorted(_SETS)])
_TEXT = manifest.compose(_STORED, _FILES, _SET_LINES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generation's folder."""
    place = tmp_path_factory.mktemp("target") / "00000007"
    place.mkdir()
    return place


def _read(folder: Path, text: bytes) -> manifest.Manifest:
    (folder / manifest.NAME).write_bytes(text)
    return manifest.read(folder)


def _sealed(text: bytes) -> bytes:
    """The text under a last line that fits it, as somebody who knows how would make it."""
    body = text[: text.rfind(b"end ")]
    return body + b"end " + hashlib.sha256(body).hexdigest().encode() + b"\n"


def test_what_was_written_is_read(folder: Path) -> None:
    """Every field, the lines of the files and of the sets."""
    found = _read(folder, _TEXT)
    stored = found.stored
    assert (stored.number, stored.created_at, stored.as_of) == (7, 1_800_000_000, 1_800_000_060)
    assert stored.checkpoint == Checkpoint(41, "ab" * 32)
    assert (stored.peers, stored.domains) == (3, 4)
    assert stored.manifest_sha256 == hashlib.sha256(_TEXT).hexdigest()
    assert found.own_files() == {"generations/00000007/peers.cdb": ("c" * 64, 10)}
    assert found.set_names() == {one.encode() for one in _SETS}


@pytest.mark.parametrize(("files", "sets"), [(b"", b""), (_FILES, b""), (b"", _SET_LINES)])
def test_either_part_may_be_empty(folder: Path, files: bytes, sets: bytes) -> None:
    """Without sets, as in a bundle's; the parts are told apart."""
    found = _read(folder, manifest.compose(_STORED, files, sets))
    assert (found.files, found.sets) == (files, sets)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(_TEXT) - 1), st.integers(1, 255))
def test_every_flipped_bit_is_noticed(folder: Path, at: int, flip: int) -> None:
    """Any byte altered anywhere, the last line too."""
    altered = _TEXT[:at] + bytes([_TEXT[at] ^ flip]) + _TEXT[at + 1 :]
    with pytest.raises(TargetError, match="damaged or was edited"):
        _read(folder, altered)


def test_every_truncation_is_noticed(folder: Path) -> None:
    """Cut off after any byte, or longer than it was."""
    for length in range(len(_TEXT)):
        with pytest.raises(TargetError, match="damaged or was edited"):
            _read(folder, _TEXT[:length])
    for more in (b"\n", b" ", _TEXT, b"end "):
        with pytest.raises(TargetError, match="damaged or was edited"):
            _read(folder, _TEXT + more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"generation 7", b"generation 8"),
        (b"generation 7", b"generation " + b"9" * 5000),
        (b"generation 7", b"generation -7"),
        (b"created 2027", b"created 9999999"),
        (b"created 2027-01-15T08:00:00Z", b"created yesterday"),
        (b"created 2027-01-15T08:00:00Z", b"created @"),
        (b"created 2027-01-15T08:00:00Z", b"created 2027-13-45T99:99:99Z"),
        (b"created 2027-01-15T08:00:00Z", b"created \xff"),
        (b"journal 41", b"journal " + b"9" * 40),
        (b"peers 3", b"peers three"),
        (b"manifest 1", b"manifest 2"),
        (b"\n\n", b"\n"),
    ],
)
def test_a_hostile_manifest_that_is_sealed_is_refused(folder: Path, old: bytes, new: bytes) -> None:
    """Its last line fits, its head cannot be: a clear error, and no other."""
    assert old in _TEXT
    _read(folder, _sealed(_TEXT))
    with pytest.raises(TargetError, match="damaged or was edited"):
        _read(folder, _sealed(_TEXT.replace(old, new, 1)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_cleanly(folder: Path, text: bytes) -> None:
    """Sealed or not."""
    for one in (text, _sealed(text + b"end "), _sealed(_TEXT[:18] + text + b"end ")):
        with pytest.raises(TargetError, match="damaged or was edited"):
            _read(folder, one)


def test_a_generation_under_another_number_is_refused(folder: Path) -> None:
    """A whole manifest in the wrong folder vouches for files that nobody compared."""
    _read(folder, _TEXT)
    other = folder.with_name("00000008")
    other.mkdir()
    with pytest.raises(TargetError, match="damaged or was edited"):
        _read(other, _TEXT)


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "fifo"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """Nothing is read through a link, nothing waits for a pipe's writer; the hint is --force."""
    place = tmp_path / "00000007"
    place.mkdir()
    (tmp_path / "whole").write_bytes(_TEXT)
    path = place / manifest.NAME
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "whole")
    elif kind == "fifo":
        os.mkfifo(path)
    for read in (manifest.read, manifest.glance):
        with pytest.raises(TargetError) as caught:
            read(place)
        assert caught.value.message.startswith(str(path))
        assert "--force" in (caught.value.hint or "")


def test_touch_and_chmod_make_it_no_younger(folder: Path) -> None:
    """What was changed before it was touched or its mode was set must not look older than it."""
    written = _read(folder, _TEXT).written_ns
    path = folder / manifest.NAME
    os.utime(path, ns=(written + 10**15, written + 10**15))
    assert manifest.read(folder).written_ns >= written
    os.utime(path, ns=(written, written))
    path.chmod(0o600)
    assert manifest.read(folder).written_ns == written


@pytest.mark.parametrize("count", [1, 200])
def test_it_is_known_which_sets_a_later_one_dropped(folder: Path, count: int) -> None:
    """Few or many, at the beginning, in the middle or at the end."""
    hashes = sorted(hashlib.sha256(b"%d" % one).hexdigest() for one in range(300))
    lines = [manifest.line(one, 5, f"sets/{one}.pem") for one in hashes]
    whole = _read(folder, manifest.compose(_STORED, b"", b"".join(lines)))
    for start in (0, 50, 300 - count):
        left = lines[:start] + lines[start + count :]
        later = _read(folder, manifest.compose(_STORED, b"", b"".join(left)))
        gone = {one.encode() for one in hashes[start : start + count]}
        assert whole.dropped_in(later) == gone
        assert later.dropped_in(whole) == set()
        assert later.listed(whole.set_names()) == whole.set_names() - gone
        assert whole.listed(gone) == gone
        onward = manifest.glance(folder)
        assert whole.dropped_in(onward) == gone
        assert onward.dropped_in(whole) == set()
        assert onward.listed(whole.set_names()) == whole.set_names() - gone
        assert onward.listed(gone) == set()


@pytest.mark.parametrize("files", [b"", _FILES], ids=["no files", "files"])
@pytest.mark.parametrize("sets", [b"", _SET_LINES], ids=["no sets", "sets"])
def test_a_glance_sees_what_is_listed(folder: Path, files: bytes, sets: bytes) -> None:
    """The same lines, without reading all of a long one."""
    _read(folder, manifest.compose(_STORED, files, sets))
    found = manifest.glance(folder)
    assert (found.files, found.sets[:]) == (files, sets)
    assert found.set_names() == manifest.read(folder).set_names()


@pytest.mark.parametrize(
    "text", [b"", b"x", b"end ", _TEXT[:-1], _TEXT[1:], _TEXT.replace(b"\n\n", b"\n")]
)
def test_a_glance_at_no_manifest_is_refused(folder: Path, text: bytes) -> None:
    """Empty, cut off at either end: it does not pass for one that lists nothing."""
    (folder / manifest.NAME).write_bytes(text)
    with pytest.raises(TargetError, match="damaged or was edited"):
        manifest.glance(folder)
