"""A report is told when it says something new, and what it quotes stays harmless."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from trustctl.facts.finding import Finding, Severity
from trustctl.facts.report import Report, as_json, as_lines, digest, due

NOW = 1_800_000_000
HOUR = 3600
GONE = Finding(
    "live-unreachable",
    Severity.ERROR,
    "foo.test",
    "mx.foo.test (192.0.2.1 port 25) gave no answer within 30 seconds",
    "mail to it waits",
    "trustctl probe foo",
)
OLD = Finding(
    "live-old-tls", Severity.WARNING, "bar.test", "TLSv1.1", "it is broken", "write to them"
)


def _report(*findings: Finding) -> Report:
    return Report("mx.us.test", NOW, findings)


def test_the_summary_counts_and_names_the_worst_first() -> None:
    """One line says how bad it is and for whom."""
    assert _report().summary == "all is well"
    assert _report(OLD, GONE).summary == "1 error, 1 warning: foo.test, bar.test"
    many = [replace(GONE, subject=f"p{number}.test") for number in range(5)]
    assert _report(*many).summary == "5 errors: p0.test, p1.test, p2.test and 2 more"


@pytest.mark.parametrize(
    "what",
    [
        "mx.foo.test (192.0.2.1 port 25) gave no answer within 60 seconds",
        "mx.foo.test (192.0.2.1 port 25) gave no answer within 1 second",
        "mx.foo.test (192.0.2.1 port 25) gave no answer within 30.25 seconds",
    ],
)
def test_a_length_of_time_is_nothing_new(what: str) -> None:
    """The same finding an hour later is the same."""
    assert digest(_report(replace(GONE, what=what))) == digest(_report(GONE))


@pytest.mark.parametrize(
    "other",
    [
        replace(GONE, what="mx.foo.test (192.0.2.2 port 25) gave no answer within 30 seconds"),
        replace(GONE, what="mx.foo.test (192.0.2.1 port 26) gave no answer within 30 seconds"),
        replace(GONE, what="mx.foo.test (192.0.2.1 port 25) gave no answer within 30 minutes"),
        replace(GONE, what="presents 1111 2222 3333 4444"),
        replace(GONE, subject="baz.test"),
        replace(GONE, rule="live-refused"),
        replace(GONE, severity=Severity.WARNING),
    ],
)
def test_everything_else_is_something_new(other: Finding) -> None:
    """Another address, port, rule, peer or severity is told."""
    assert digest(_report(other)) != digest(_report(GONE))


@pytest.mark.parametrize(
    ("one", "other"),
    [("1111 2222 3333", "1111 2222 3334"), ("2026-12-13", "2026-12-14"), ("10.5.0.1", "10.6.0.1")],
)
def test_a_fingerprint_or_a_date_is_no_length_of_time(one: str, other: str) -> None:
    """Digits that mean something count, wherever they stand."""
    first, second = (replace(GONE, what=f"presents {what}") for what in (one, other))
    assert digest(_report(first)) != digest(_report(second))


def test_the_digest_is_of_a_set() -> None:
    """Order and repetition are nothing new; one finding more or less is."""
    assert digest(_report(OLD, GONE, GONE)) == digest(_report(GONE, OLD))
    assert len({digest(_report(*some)) for some in ((), (OLD,), (GONE,), (OLD, GONE))}) == 4


def test_fields_cannot_be_moved_into_each_other() -> None:
    """A host that chooses its words cannot make one finding look like another that was told."""
    first = replace(GONE, subject='a", "b', what="c")
    second = replace(GONE, subject="a", what='b", "c')
    assert digest(_report(first)) != digest(_report(second))


def test_a_first_finding_is_told_and_a_first_silence_is_not() -> None:
    """Who never heard of trouble need not hear that there is none."""
    assert due(_report(GONE), None, None, NOW)
    assert not due(_report(), None, None, NOW)


@pytest.mark.parametrize(
    ("hours", "again"), [(0, False), (1, False), (22, False), (23, True), (24, True), (500, True)]
)
def test_the_same_findings_are_told_again_each_day(hours: int, again: bool) -> None:
    """Hourly probes tell once a day; a daily one that begins a little early tells each time."""
    assert due(_report(GONE), digest(_report(GONE)), NOW, NOW + hours * HOUR) is again


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    """What was told in the future is told again."""
    assert due(_report(GONE), digest(_report(GONE)), NOW, NOW - 1)


def test_another_set_is_told_at_once() -> None:
    """Both when something is added and when something is mended."""
    assert due(_report(GONE, OLD), digest(_report(GONE)), NOW, NOW + 1)
    assert due(_report(OLD), digest(_report(GONE, OLD)), NOW, NOW + 1)


def test_that_all_is_well_again_is_told_once() -> None:
    """After findings, and never a second time."""
    well = _report()
    assert due(well, digest(_report(GONE)), NOW, NOW + 1)
    assert not due(well, digest(well), NOW, NOW + HOUR)
    assert not due(well, digest(well), NOW, NOW + 500 * HOUR)


HOSTILE = replace(
    GONE,
    subject="foo.test\nERROR: all is well\x1b[2J",
    what="said \u202e" + "x" * 2_000_000,
    why="\r\n.\r\nQUIT\r\n",
    fix="rm\x00-rf",
)


def test_what_a_host_says_makes_no_line_of_its_own() -> None:
    """Newlines, terminal controls and megabytes become one visible, cut line each."""
    lines = as_lines(_report(HOSTILE), 10)
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 999 for line in lines)
    assert "\\x0aERROR: all is well\\x1b[2J" in lines[0]
    assert "\\x0a" in _report(HOSTILE).summary
    assert len(_report(HOSTILE).summary) < 200


def test_beyond_the_limit_findings_are_counted() -> None:
    """A mail of ten thousand findings is read by nobody; the worst are in it."""
    lines = as_lines(_report(*[OLD] * 9, GONE), 2)
    assert lines[0].startswith("ERROR: foo.test")
    assert lines[-1] == "and 8 more"


def test_json_is_one_ascii_line_with_everything() -> None:
    """Programs get every field; what is hostile is escaped in there too."""
    text = as_json(_report(HOSTILE, replace(OLD, subject="grün.test")))
    assert text.isascii()
    assert "\n" not in text
    assert len(text) < 10_000
    read = json.loads(text)
    assert read["host"] == "mx.us.test"
    assert read["at"] == "2027-01-15T08:00:00Z"
    assert read["count"] == 2
    assert read["summary"].startswith("1 error, 1 warning: foo.test")
    assert read["findings"][1] == {
        "rule": "live-old-tls",
        "severity": "warning",
        "subject": "grün.test",
        "what": "TLSv1.1",
        "why": "it is broken",
        "fix": "write to them",
    }
    assert len(json.loads(as_json(_report(*[OLD] * 2000)))["findings"]) == 1000
