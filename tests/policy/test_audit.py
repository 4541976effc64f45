"""The audit as a whole: an inventory in order has no finding, and each finding can be acted on."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from tests.policy import (
    ca_cases,
    cases,
    cross_cases,
    dane_cases,
    foresight_cases,
    inbound_cases,
    openssl_cases,
    rolling_cases,
    store_cases,
    target_cases,
    wire_cases,
)
from tests.policy.cases import Case
from tests.policy.inventory import (
    DAY,
    NOW,
    ONE,
    TWO,
    distrust,
    facts,
    inventory,
    peer,
    pending,
    pin,
    vouch,
)  # fmt: skip
from trustctl.cli import root
from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Finding, Severity
from trustctl.facts.records import Pin, Settings
from trustctl.policy import audit as module
from trustctl.policy.audit import audit, reference, rules
from trustctl.policy.trust import judge

_CASES = (
    cases, target_cases, ca_cases, cross_cases, dane_cases, foresight_cases, wire_cases,
    rolling_cases, store_cases, inbound_cases, openssl_cases,
)  # fmt: skip
FIRING = [case for module_ in _CASES for case in module_.FIRING]
QUIET = [case for module_ in _CASES for case in module_.QUIET]
IDS = [one.id for one in rules()]


def found(facts_: AuditFacts, rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [one for one in audit(facts_) if one.rule == rule]


def test_an_inventory_in_order_has_no_finding() -> None:
    """No peer, and one peer with all in order."""
    assert audit(inventory(peer())) == []
    assert audit(inventory()) == []


@pytest.mark.parametrize("case", FIRING, ids=str)
def test_the_rule_fires(case: Case) -> None:
    """What is wrong is found, with the rule's own severity and reason."""
    seen = found(case.facts, case.rule)
    assert [(one.subject, one.what) for one in seen] == list(case.seen)
    declared = next(one for one in rules() if one.id == case.rule)
    assert {(one.severity, one.why) for one in seen} == {(declared.severity, declared.why)}


@pytest.mark.parametrize("case", QUIET, ids=str)
def test_the_rule_does_not_fire(case: Case) -> None:
    """What is nearly wrong, and is not."""
    assert found(case.facts, case.rule) == []


def test_every_rule_is_tried_both_ways() -> None:
    """No rule without a case in which it fires and one in which it does not; ids are unique."""
    assert len(set(IDS)) == len(IDS)
    assert {one.rule for one in FIRING} == set(IDS)
    assert {one.rule for one in QUIET} == set(IDS)


@pytest.mark.parametrize("case", FIRING, ids=str)
def test_the_fix_is_a_command_that_exists(case: Case) -> None:
    """What a finding says to type is a command of ours, with options that it has, or of the
    system; whatever is quoted in it stays one word."""
    for one in found(case.facts, case.rule):
        words = shlex.split(one.fix)
        if words[0] != "trustctl":
            assert words[0] in ("chmod", "chown", "chgrp"), one.fix
            assert len(words) == 3, one.fix
            continue
        command = _command(words[1:])
        options = {name for option in command.params for name in option.opts}
        for word in words[1:]:
            assert not word.startswith("-") or word in options, one.fix


def _command(words: list[str]) -> click.Command:
    context = click.Context(root)
    command: click.Command = root
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        following = command.get_command(context, word)
        assert following is not None, words
        command = following
    return command


def test_findings_come_worst_first() -> None:
    """Errors, warnings, notices; in one order however the peers are given."""
    known = inventory(
        peer("foo", pin(certificate=facts(not_after=NOW - DAY))),
        peer("bar", pending("bar")),
        peer("baz", domains=()),
    )
    severities = [one.severity for one in audit(known)]
    assert severities == sorted(severities, reverse=True)
    assert {*severities} == {Severity.ERROR, Severity.WARNING, Severity.NOTICE}
    assert audit(replace(known, peers=known.peers[::-1])) == audit(known)
    assert [one.label for one in Severity] == ["notice", "warning", "error"]


UNTRUSTED: list[tuple[Pin, Settings]] = [
    (pending(), ONE),
    (pin("foo", vouch()), TWO),
    (pin("foo", vouch(expires_at=NOW)), ONE),
    (pin("foo", vouch(withdrawn_at=NOW)), ONE),
    (pin(certificate=facts(not_after=NOW - 1)), ONE),
    (pin(certificate=facts(not_before=NOW + 1)), ONE),
    (pin(certificate=facts(not_before=None)), ONE),
    (pin(certificate=facts(key_kind="gost")), ONE),
    (pin(certificate=facts(key_kind="dsa")), ONE),
    (pin(certificate=facts(self_signed=False, signature_hash="md5")), ONE),
]


@pytest.mark.parametrize(("one", "settings"), UNTRUSTED)
def test_no_pin_loses_its_trust_in_silence(one: Pin, settings: Settings) -> None:
    """Whatever keeps a pin that somebody counts on from being trusted is a finding about that pin,
    even where the domain has another pin."""
    assert not judge(one, settings, NOW).trusted
    good = pin(certificate=facts("good"), vouches=(
        vouch(fingerprint=facts("good").fingerprint),
        vouch("Bob", fingerprint=facts("good").fingerprint),
    ))  # fmt: skip
    known = inventory(peer("foo", good, one), settings=settings)
    worst = max((each.severity for each in audit(known) if each.subject != "foo.test"), default=0)
    assert worst >= Severity.WARNING


def test_another_moment_is_another_audit() -> None:
    """What would be wrong in 95 days is the same call with another time."""
    known = inventory(peer())
    assert audit(known) == []
    assert found(replace(known, now=NOW + 95 * DAY), "certificate-expires-in-7-days")
    assert found(replace(known, now=NOW + 101 * DAY), "certificate-expired")
    assert found(replace(known, now=NOW + 101 * DAY), "domain-without-pin")


def test_nobody_counts_on_what_is_retired_or_distrusted() -> None:
    """Such a pin is no finding by itself; that its domain has no other one is."""
    for gone in (pin(retired_at=NOW), pin(distrusts=(distrust("x"),))):
        worse = replace(gone, certificate=facts(not_after=NOW - DAY, key_kind="dsa"))
        rest = audit(
            inventory(peer("foo", worse, pin(certificate=facts("good", names=("foo.test",)))))
        )
        assert rest == []
        assert [one.rule for one in audit(inventory(peer("foo", worse)))] == ["domain-without-pin"]


def test_the_rules_have_all_that_the_reference_prints() -> None:
    """Id, description, reason and source, each on one line of the table."""
    text = reference()
    for one in rules():
        assert re.fullmatch(r"[a-z0-9-]+", one.id)
        assert all((one.description, one.why, one.source))
        assert "|" not in one.description + one.why + one.source
        assert text.count(f"| `{one.id}` |") == 1


def test_policy_reads_no_clock_and_does_no_io() -> None:
    """Facts in, findings out: nothing that the modules import could do anything else."""
    imported = {name for source in _sources() for name in _imports(source)}
    roots = {name.split(".")[0] for name in imported}
    assert roots <= {
        "__future__",
        "collections",
        "dataclasses",
        "enum",
        "shlex",
        "typing",
        "trustctl",
    }
    ours = {name for name in imported if name.startswith("trustctl.")}
    assert all(name.startswith(("trustctl.facts", "trustctl.policy")) for name in ours), ours
    calls = {
        node.func.id
        for source in _sources()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}


def _sources() -> list[str]:
    folder = Path(module.__file__).parent
    return [path.read_text("utf-8") for path in sorted(folder.glob("*.py"))]


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
