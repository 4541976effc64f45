"""Files and standard input: bounded, and every one that cannot be read is named."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.certs import Made
from tests.tools import require_root
from trustctl.errors import InputError
from trustctl.intake.source import LIMIT_BYTES, open_source, read_source

READ = """
import sys
from trustctl.errors import InputError
from trustctl.intake.source import read_source
try:
    print(len(read_source(sys.argv[1])))
except InputError as error:
    print(error.message)
"""


def test_a_file_is_read_whole(tmp_path: Path, foo: Made) -> None:
    """Its bytes, and its size for a progress bar; through a link too."""
    path = tmp_path / "peer.der"
    path.write_bytes(foo.der)
    (tmp_path / "link").symlink_to(path)
    assert read_source(str(path)) == read_source(str(tmp_path / "link")) == foo.der
    with open_source(str(path)) as (stream, size):
        assert (stream.read(), size) == (foo.der, len(foo.der))


def test_a_file_at_the_limit_and_one_byte_more(tmp_path: Path) -> None:
    """The limit is inclusive; a file of 100 MB is refused after as much as the limit."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LIMIT_BYTES)
    assert len(read_source(str(path))) == LIMIT_BYTES
    for size in (LIMIT_BYTES + 1, 100 << 20):
        os.truncate(path, size)
        with pytest.raises(InputError, match="has more than 4 MiB: this is no certificate file"):
            read_source(str(path))
    assert len(read_source(str(path), limit=100 << 20)) == 100 << 20


def test_a_fifo_that_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    """It is as an empty file; one that somebody writes to is read (process substitution)."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert read_source(str(path)) == b""
    words = ["bash", "-c", 'exec "$0" -c "$1" <(printf hello)', sys.executable, READ]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"5\n"


def test_what_is_no_file(tmp_path: Path) -> None:
    """A directory, a device, a socket: called so, and not read."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, what in (
            (str(tmp_path), "is a directory"),
            ("/dev/zero", "is a device or a socket"),
            ("/dev/null", "is a device or a socket"),
            (str(tmp_path / "socket"), "no such device or address"),
            (str(tmp_path / "absent"), "no such file or directory"),
            (str(tmp_path / "absent" / "x"), "no such file or directory"),
            ("x" * 5000, "file name too long"),
            ("", "is not a file name"),
            ("a\0b", "is not a file name"),
            ("\ud800", "is not a file name"),
        ):
            with pytest.raises(InputError, match=what) as caught:
                read_source(name)
            assert caught.value.hint


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """Another user's 0600: said so."""
    require_root()
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="permission denied"):
            read_source(str(path))
    finally:
        os.seteuid(0)
    assert read_source(str(path)) == b"x"


def test_links_in_a_circle(tmp_path: Path) -> None:
    """An error, in one line."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="too many levels of symbolic links"):
        read_source(str(tmp_path / "a"))


def _read_as_process(stdin: BinaryIO) -> bytes:
    words = (sys.executable, "-c", READ, "-")
    return subprocess.run(words, stdin=stdin, capture_output=True, check=True).stdout


def test_standard_input(tmp_path: Path) -> None:
    """A file, an endless device, and a closed descriptor as standard input."""
    (tmp_path / "file").write_bytes(b"x" * 1000)
    with (tmp_path / "file").open("rb") as file:
        assert _read_as_process(file) == b"1000\n"
    with Path("/dev/zero").open("rb") as endless:
        printed = _read_as_process(endless)
    assert printed == b"standard input has more than 4 MiB: this is no certificate file\n"
    closed = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" - <&-', sys.executable, READ],
        capture_output=True,
        check=False,
    )
    assert closed.stdout == b"standard input is closed\n"


def test_standard_input_that_is_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python without a standard input, and one that was closed."""
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    for one in (None, closed):
        monkeypatch.setattr(sys, "stdin", one)
        with pytest.raises(InputError, match="standard input is closed"):
            read_source("-")
