"""Audit rules about what was exported, and what the MTA makes of it."""

from __future__ import annotations

from shlex import quote

from trustctl.facts.audit import AuditFacts, AuditTarget
from trustctl.facts.finding import Severity
from trustctl.facts.fingerprint import short
from trustctl.policy.rule import Seen, rule

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_SHOWN = 5


def _export(target: AuditTarget, *more: str) -> str:
    return " ".join(["trustctl export --to", quote(target.state.path), *more])


@rule(
    "never-exported",
    _WARNING,
    "There are peers, and nothing was ever exported",
    why="no MTA verifies anything by this inventory yet",
    source="share/doc/adr/0002-generations.md",
)
def _never(facts: AuditFacts) -> Seen:
    if facts.peers and not facts.targets:
        yield "inventory", "no target is known", "trustctl export --to /etc/exim4 --reload"


@rule(
    "distrusted-exported",
    _ERROR,
    "A certificate that is distrusted, or that our CA revoked, is still exported",
    why="whoever has its key is still taken for the peer",
    source="share/doc/adr/0007-policy.md",
)
def _distrusted(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        pinned = "\n".join(_pins(value) for value in target.state.entries.values()).lower()
        for one in sorted(target.denied):
            if one in target.state.fingerprints or one in pinned:
                yield target.state.path, f"{short(one)} is still in force", _export(target)


def _pins(value: str) -> str:
    return next((one for one in value.split() if one.startswith("pins=")), "")


@rule(
    "target-drift",
    _ERROR,
    "What lies at a target is not what the inventory says",
    why="mail is verified by another state than the one that people vouched for",
    source="share/doc/adr/0002-generations.md",
)
def _drift(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        state = target.state
        if state.current is None:
            continue
        there, ought = state.entries, target.entries
        differ = sorted(
            domain
            for domain in there.keys() | ought.keys()
            if there.get(domain) != ought.get(domain)
        )
        if differ:
            more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
            yield state.path, f"differs for {' '.join(differ[:_SHOWN])}{more}", _export(target)
        elif state.fingerprints != target.fingerprints:
            count = len(state.fingerprints ^ target.fingerprints)
            yield state.path, f"the bundle differs by {count} certificates", _export(target)
        elif state.format not in ("exim", "pem") and target.more and state.more != target.more:
            count = len(dict(state.more.items() ^ target.more.items()))
            yield state.path, f"{count} files differ", _export(target)


@rule(
    "target-format-missing",
    _ERROR,
    "A target's format cannot be loaded: the package that brought it is gone or broken",
    why="nobody can tell whether it still holds somebody who is no longer trusted",
    source="share/doc/formats.md",
)
def _unknown(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.unknown:
            yield target.state.path, target.unknown, _export(target)


@rule(
    "generation-not-current",
    _WARNING,
    "The generation in force is not the newest, or not the one that the inventory recorded",
    why="an earlier state was brought back, or an export was not finished",
    source="share/doc/adr/0002-generations.md",
)
def _not_current(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        state = target.state
        if target.unknown:
            continue
        if state.current is None:
            yield state.path, "no generation is in force", _export(target)
            continue
        newest = max((one.number for one in state.stored), default=0)
        number = state.current.number
        if number < newest:
            yield state.path, f"{number} is in force, {newest} is there", _export(target)
        elif target.recorded != number:
            yield (
                state.path,
                f"{number} is in force, the inventory recorded {target.recorded or 'none'}",
                _export(target),
            )


@rule(
    "file-altered",
    _ERROR,
    "A file that trustctl wrote is missing, altered, or may be altered by others",
    why="what the mail server trusts is no longer what was exported",
    source="share/doc/adr/0002-generations.md",
)
def _files(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        for problem in target.state.problems:
            fix = _export(target, "--force")
            if problem.kind == "mode":
                fix = f"chmod g-w,o-w {quote(problem.path)}"
            elif problem.kind == "owner":
                fix = f"chown root {quote(problem.path)}"
            elif problem.kind == "group":
                fix = f"chgrp Debian-exim {quote(problem.path)}"
            yield problem.path, problem.detail, fix


@rule(
    "mta-differs",
    _ERROR,
    "The mail server is configured to do something else than was written",
    why="mail to protected domains may be delivered unverified",
    source="share/doc/exim.md",
)
def _mta(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.mta is not None:
            for one in target.mta.differences:
                yield target.state.path, one, _export(target, "--reload")


@rule(
    "mta-may-differ",
    _WARNING,
    "The mail server does what was written, and may not do so for long, or not everywhere",
    why="mail to protected domains may be delivered unverified then",
    source="share/doc/exim.md",
)
def _fragile(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.mta is not None:
            for one in target.mta.notices:
                yield target.state.path, one, _export(target, "--reload")


@rule(
    "mta-not-asked",
    _NOTICE,
    "The mail server could not be asked what it does",
    why="what was written may not be in force",
    source="share/doc/exim.md",
)
def _not_asked(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.mta is not None and not target.mta.checked:
            yield target.state.path, f"{target.mta.why}; audit where it runs", "trustctl audit"


@rule(
    "journal-broken",
    _ERROR,
    "The journal, or the inventory against it, does not verify",
    why="somebody changed the inventory behind trustctl's back: restore a backup that verifies",
    source="share/doc/adr/0001-inventory.md",
)
def _journal(facts: AuditFacts) -> Seen:
    for one in facts.journal_problems[:_SHOWN]:
        yield "journal", one, "trustctl journal verify"


@rule(
    "journal-cut-off",
    _ERROR,
    "An export was made at a journal entry that the journal does not have",
    why="the journal's tail was cut off, or an older inventory put in place: restore the newest "
    "backup, and do not export before",
    source="share/doc/adr/0001-inventory.md",
)
def _cut(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.state.current is not None and not target.checkpoint_known:
            seq = target.state.current.checkpoint.seq
            yield target.state.path, f"it was made at entry {seq}", "trustctl journal --last 5"


@rule(
    "inventory-exposed",
    _WARNING,
    "The inventory's file can be read or written by others",
    why="who writes it decides whom the mail server trusts",
    source="share/doc/adr/0001-inventory.md",
)
def _exposed(facts: AuditFacts) -> Seen:
    for one in facts.database_problems:
        yield one.path, one.detail, f"chmod go-rwx {quote(one.path)}"
