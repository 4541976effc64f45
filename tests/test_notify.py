"""A person is told, by real programs; and what they are told can do nothing but be read."""

from __future__ import annotations

import email
import json
import os
import subprocess
import time
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.facts.test_report import GONE, HOSTILE, NOW, OLD
from trustctl.errors import TargetError, UsageError
from trustctl.facts.report import Report
from trustctl.notify import as_mail, run_command, send_mail, tell, this_host

REPORT = Report("mx.us.test", NOW, (OLD, GONE))
WELL = Report("mx.us.test", NOW, ())


def _read(mail: bytes) -> EmailMessage:
    message = email.message_from_bytes(mail, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def script(folder: Path, name: str, body: str) -> Path:
    """A program of ours."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _mail_as_people_see_it(report: Report) -> tuple[EmailMessage, str]:
    message = _read(as_mail(report, "ann@foo.test", "root"))
    return message, message.get_content()


def test_a_mail_says_what_why_and_what_to_type() -> None:
    """Everything that `probe` prints is in it, and who wrote it, and that no person did."""
    message, text = _mail_as_people_see_it(REPORT)
    assert message["From"] == "root"
    assert message["To"] == "ann@foo.test"
    assert message["Subject"] == ("trustctl on mx.us.test: 1 error, 1 warning: foo.test, bar.test")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.timestamp() == NOW
    assert message["Message-ID"].endswith("@mx.us.test>")
    assert message["Message-ID"] != _mail_as_people_see_it(REPORT)[0]["Message-ID"]
    assert text.splitlines()[:3] == [
        f"ERROR: foo.test: {GONE.what}  [live-unreachable]",
        f"  why: {GONE.why}",
        f"  fix: {GONE.fix}",
    ]


def test_a_mail_says_that_all_is_well() -> None:
    """In the subject, so that it need not be opened."""
    message, text = _mail_as_people_see_it(WELL)
    assert message["Subject"] == "trustctl on mx.us.test: all is well"
    assert text.startswith("all is well")


@pytest.mark.parametrize("cut", ["\n", "\r\n", "\r", "\n ", "\u2028", "\x85", "\x0b", "\0"])
def test_nothing_that_a_host_says_becomes_a_header(cut: str) -> None:
    """The same text put into a header by hand does: so this looks at something."""
    words = f"foo.test{cut}Bcc: eve@evil.test{cut}{cut}hello"
    finding = replace(GONE, subject=words, what=words, why=words, fix=words, rule=words)
    mail = as_mail(Report(f"mx{cut}Bcc: eve@evil.test", NOW, (finding,)), "ann@foo.test", "root")
    message = _read(mail)
    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(_mail_as_people_see_it(WELL)[0].keys())
    assert len(message.get_content().splitlines()) == 5
    if cut in ("\n", "\r\n"):
        naive = f"To: ann@foo.test\nSubject: {words}\n\nbody\n".encode()
        assert email.message_from_bytes(naive)["Bcc"] is not None


def test_a_hostile_mail_is_short_ascii_lines() -> None:
    """Megabytes, controls and other scripts: 7 bits, 998 octets a line (RFC 5322, 2.1.1)."""
    strange = replace(GONE, subject="grün.test", what="пример " * 100_000)
    mail = as_mail(Report("h", NOW, (HOSTILE, strange) * 1000), "ann@foo.test", "root")
    assert mail.isascii()
    assert len(mail) < 600_000
    assert max(map(len, mail.splitlines())) <= 998
    text = _read(mail).get_content()
    assert "grün.test" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert "and 1900 more" in text


@pytest.mark.parametrize("address", ["ann@foo.test\nBcc: eve@evil.test", "-oQ/tmp", "a@b@c.test"])
def test_an_address_is_looked_at_again(address: str) -> None:
    """A row of the inventory that another program wrote gets no further either."""
    with pytest.raises(UsageError):
        as_mail(REPORT, address, "root")
    with pytest.raises(UsageError):
        as_mail(REPORT, "ann@foo.test", address)


def test_sendmail_gets_the_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -t -oi: recipients from the headers, and a line with a dot ends nothing."""
    script(tmp_path, "sendmail", f'echo "$@" > {tmp_path}/words; exec cat > {tmp_path}/mail')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    send_mail(REPORT, "ann@foo.test")
    assert (tmp_path / "words").read_text() == "-t -oi\n"
    message = _read((tmp_path / "mail").read_bytes())
    assert message["To"] == "ann@foo.test"
    assert GONE.what in message.get_content()


def test_a_sendmail_that_refuses_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it said; a mail that nobody took is not called told."""
    script(tmp_path, "sendmail", "cat > /dev/null; echo no such user >&2; exit 67")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(TargetError, match="failed with exit code 67: no such user"):
        send_mail(REPORT, "ann@foo.test")


def test_a_command_gets_the_report(tmp_path: Path) -> None:
    """As JSON on standard input, with the count and the summary in the environment."""
    hook = script(tmp_path, "hook", f'printf "%s\\n" "$@" > {tmp_path}/words\n'
        f"env > {tmp_path}/env; pwd > {tmp_path}/pwd; exec cat > {tmp_path}/report")  # fmt: skip
    run_command((str(hook), "--team", "mail people", "$(id); *"), REPORT)
    words = (tmp_path / "words").read_text().splitlines()
    assert words == ["--team", "mail people", "$(id); *"]
    read = json.loads((tmp_path / "report").read_bytes())
    assert [one["subject"] for one in read["findings"]] == ["bar.test", "foo.test"]
    told = dict(one.split("=", 1) for one in (tmp_path / "env").read_text().splitlines())
    assert told["TRUSTCTL_FINDINGS"] == "2"
    assert told["TRUSTCTL_SUMMARY"] == REPORT.summary
    assert (tmp_path / "pwd").read_text() == "/\n"


def test_a_command_gets_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No passphrase's file, no credential, no LD_PRELOAD: a path, a language, the report."""
    monkeypatch.setenv("TRUSTCTL_CA_PASSPHRASE_FILE", "/secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/secret")
    monkeypatch.setenv("BASH_ENV", "/secret")
    hook = script(tmp_path, "hook", f"exec env -0 > {tmp_path}/env")
    run_command((str(hook),), Report("h", NOW, (HOSTILE,)))
    told = (tmp_path / "env").read_bytes().decode().rstrip("\0").split("\0")
    names = {one.split("=", 1)[0] for one in told}
    assert names - {"PWD", "_", "OLDPWD", "SHLVL"} == {
        "PATH", "LANG", "TRUSTCTL_FINDINGS", "TRUSTCTL_SUMMARY",
    }  # fmt: skip
    assert not any("\n" in one or "\x1b" in one for one in told)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("echo the pager is down >&2; exit 3", "failed with exit code 3: the pager is down"),
        ("exit 1", "failed with exit code 1$"),
        ("kill -TERM $$", "was killed by signal 15"),
    ],
)
def test_a_command_that_fails_is_an_error(tmp_path: Path, body: str, complaint: str) -> None:
    """Its exit code and its last words are in it."""
    hook = script(tmp_path, "hook", body)
    with pytest.raises(TargetError, match=complaint):
        run_command((str(hook),), REPORT)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """The whole process group; and it is said."""
    hook = script(tmp_path, "hook", f"sleep 1000 & echo $! > {tmp_path}/pid; sleep 1000")
    with pytest.raises(TargetError, match="did not end within 1 seconds and was killed"):
        run_command((str(hook),), REPORT, seconds=1)
    pid = int((tmp_path / "pid").read_text())
    for _attempt in range(500):  # the kernel needs a moment to take it away
        if not _lives(pid):
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} lives")


def test_a_command_that_talks_without_end_is_bounded(tmp_path: Path) -> None:
    """Its output is read and dropped, its last words kept; memory does not grow with it."""
    hook = script(tmp_path, "hook", "head -c 200000000 /dev/zero | tr '\\0' x; echo end; exit 1")
    before = _peak_kib()
    with pytest.raises(TargetError, match=r"xend$") as caught:
        run_command((str(hook),), REPORT)
    assert len(caught.value.message) < 1000
    assert _peak_kib() - before < 50_000


def _peak_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError


def test_a_command_that_reads_nothing_is_no_error(tmp_path: Path) -> None:
    """Nor does a report larger than a pipe block anybody."""
    hook = script(tmp_path, "hook", "exit 0")
    run_command((str(hook),), Report("h", NOW, (HOSTILE,) * 1000))


def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A pager that goes on in the background with our pipe open holds nothing up."""
    hook = script(tmp_path, "hook", f"sleep 1000 & echo $! > {tmp_path}/pid")
    run_command((str(hook),), REPORT, seconds=100)
    pid = int((tmp_path / "pid").read_text())
    assert _lives(pid)
    os.kill(pid, 9)


def test_a_command_is_no_shells(tmp_path: Path) -> None:
    """What would be a second command in a shell is an argument, and was one there."""
    words = ("/bin/echo", f"; touch {tmp_path}/made")
    run_command(words, REPORT)
    assert not (tmp_path / "made").exists()
    subprocess.run(" ".join(words), shell=True, check=True, capture_output=True)  # noqa: S602
    assert (tmp_path / "made").exists()


def test_one_way_that_fails_does_not_hinder_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure is a line, none is raised."""
    sendmail = script(tmp_path, "sendmail", f"exec cat > {tmp_path}/mail")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert tell(REPORT, command="", mail="") == []
    assert not (tmp_path / "mail").exists()
    assert tell(REPORT, command="/bin/true", mail="ann@foo.test") == []
    (tmp_path / "mail").unlink()
    (problem,) = tell(REPORT, command="/bin/false", mail="ann@foo.test")
    assert problem == "notify_command: /bin/false failed with exit code 1"
    assert (tmp_path / "mail").exists()
    sendmail.write_text("#!/bin/sh\nexit 75\n")
    problems = tell(REPORT, command="relative", mail="ann@foo.test")
    assert [one.partition(":")[0] for one in problems] == ["notify_command", "notify_mail"]


def test_this_host_is_a_name() -> None:
    """Whatever it is called, it can stand in a header."""
    assert as_mail(replace(WELL, host=this_host()), "root", "root")
