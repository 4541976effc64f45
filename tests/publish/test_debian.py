"""Tests of trustctl.publish.debian."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trustctl.publish.debian import assignments, looks_like_exim, settings

PLAIN = [
    "a='internet'\n",
    'a="internet"\n',
    "a=internet",
    "a=inter'n'\"et\"\n",
    "a='x' # said so\nb=y#z\n",
    "# a=1\n  a=2\n",
    "a=1;b=2 c=3\n",
    "export a=1\nreadonly b=2\nexport a\n",
    "a=one\nb=${a}two$a\n",
    "a='$b' b=\"\\$c\\\\ \\x\"\n",
    "a=in\\\nternet\n",
    "a='two\nlines'\n",
    "a=\n",
    "a=b\\ c\n",
    "a='1'\na='2'\n",
    "a='<; 127.0.0.1 ; ::1'\n",
]


@pytest.mark.parametrize("text", PLAIN)
def test_assignments_come_to_what_the_shell_makes_of_them(text: str, tmp_path: Path) -> None:
    """Every value that is told is the one that sh would set."""
    file = tmp_path / "settings"
    file.write_text(text)
    found = assignments(text)
    assert found
    for name, value in found.items():
        script = f'. {file}; printf %s "${name}"'
        said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
        assert value == said.stdout, name


@pytest.mark.parametrize(
    "text",
    [
        "a=$(cat /etc/passwd)\n",
        "a=`id`\n",
        "a=$UNSET\n",
        "a=${b:-c}\n",
        "a='open\n",
        'a="open\n',
        "a=1\nif true; then a=2; fi\n",
        "a=1\n. /etc/other\n",
        "a=1 env\n",
        "a=1 && a=2\n",
        "a=1 | cat\n",
        "a() { a=2; }\na=1\n",
    ],
)
def test_what_only_running_it_could_tell_is_not_guessed(text: str) -> None:
    """A value that needs a shell is unknown, and nothing is executed to learn it."""
    assert assignments(text).get("a") is None


def test_nothing_in_the_settings_is_executed(tmp_path: Path) -> None:
    """A command in update-exim4.conf.conf does not run; sh would run it."""
    witness = tmp_path / "witness"
    file = tmp_path / "update-exim4.conf.conf"
    file.write_text(f"dc_eximconfig_configtype=$(touch {witness}; echo internet)\n")
    assert settings(tmp_path) == {"dc_eximconfig_configtype": None}
    assert not witness.exists()
    subprocess.run(["/bin/sh", "-c", f". {file}"], check=True)
    assert witness.exists()


def test_an_exim_folder_is_recognised(tmp_path: Path) -> None:
    """Any of Exim's files makes a folder Exim's; an empty one or one of certificates is not."""
    assert not looks_like_exim(tmp_path)
    (tmp_path / "ca-certificates.crt").touch()
    assert not looks_like_exim(tmp_path)
    (tmp_path / "exim4.conf.template").touch()
    assert looks_like_exim(tmp_path)
    assert settings(tmp_path) is None
