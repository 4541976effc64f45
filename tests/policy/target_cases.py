"""For each audit rule about targets, journal and files, facts in which it fires and does not."""

from __future__ import annotations

from typing import Any, get_args

from tests.policy.cases import fires, quiet
from tests.policy.inventory import (
    digest,
    facts,
    generation,
    inventory,
    peer,
    pending,
    state,
    target,
)
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.mta import MtaState
from trustctl.facts.target import FileProblem, ProblemKind

PLACE = "/etc/exim4"
PRINT = facts().fingerprint
SHORT = short(PRINT)
PINS = f"set={digest('s')}.pem pins={digest('other').upper()}:{PRINT.upper()} names=off"


def at(**changes: Any) -> AuditFacts:
    """The peer foo, and one target with these changes."""
    return inventory(peer(), targets=(target(**changes),))


def lies(**changes: Any) -> AuditFacts:
    """The same, with changes to what lies there on disk."""
    return at(state=state(**({"entries": target().entries} | changes)))


def problem(path: str, kind: ProblemKind) -> AuditFacts:
    """A target with something about one file."""
    return lies(problems=(FileProblem(path, kind, "detail"),))


def asked(*differences: str, notices: tuple[str, ...] = (), checked: bool = True) -> AuditFacts:
    """What Exim said of itself."""
    return at(mta=MtaState(PLACE, checked, differences, "no Exim here", notices))


FIRING = [
    fires("never-exported", "no target", inventory(peer("foo", pending()), targets=()),
          ("inventory", "no target is known")),
    fires("distrusted-exported", "in the bundle", at(denied=frozenset({PRINT})),
          (PLACE, f"{SHORT} is still in force")),
    fires("distrusted-exported", "among the pins",
          at(denied=frozenset({PRINT}), state=state(entries={"foo.test": PINS},
                                                    fingerprints=frozenset())),
          (PLACE, f"{SHORT} is still in force")),
    fires("target-format-missing", "gone", at(state=state(current=None), unknown="no format x"),
          (PLACE, "no format x")),
    fires("target-drift", "another value", lies(entries={"foo.test": "closed=yes"}),
          (PLACE, "differs for foo.test")),
    fires("target-drift", "a domain too many and one too few", lies(entries={"evil.test": PINS}),
          (PLACE, "differs for evil.test foo.test")),
    fires("target-drift", "many",
          lies(entries={f"d{n}.test": "closed=yes" for n in range(6)}
               | dict(target().entries)),
          (PLACE, "differs for d0.test d1.test d2.test d3.test d4.test and 1 more")),
    fires("target-drift", "the bundle alone", lies(fingerprints=frozenset({digest("evil")})),
          (PLACE, "the bundle differs by 2 certificates")),
    fires("generation-not-current", "none", lies(current=None),
          (PLACE, "no generation is in force")),
    fires("generation-not-current", "an earlier one", lies(stored=(generation(1), generation(3))),
          (PLACE, "1 is in force, 3 is there")),
    fires("generation-not-current", "not the recorded one", at(recorded=2),
          (PLACE, "1 is in force, the inventory recorded 2")),
    fires("generation-not-current", "none recorded", at(recorded=None),
          (PLACE, "1 is in force, the inventory recorded none")),
    *(fires("file-altered", kind, problem("/etc/exim4/trustctl/a b;id", kind),
            ("/etc/exim4/trustctl/a b;id", "detail")) for kind in get_args(ProblemKind)),
    fires("mta-differs", "two ways", asked("one", "two"), (PLACE, "one"), (PLACE, "two")),
    fires("mta-may-differ", "a notice", asked(notices=("soon",)), (PLACE, "soon")),
    fires("mta-not-asked", "no Exim", asked(checked=False),
          (PLACE, "no Exim here; audit where it runs")),
    fires("journal-broken", "the first five", inventory(journal_problems=tuple("1234567")),
          *(("journal", one) for one in "12345")),
    fires("journal-cut-off", "an unknown entry", at(checkpoint_known=False),
          (PLACE, "it was made at entry 7")),
    fires("inventory-exposed", "its file",
          inventory(database_problems=(FileProblem("/srv/a b.db", "mode", "mode 0644"),)),
          ("/srv/a b.db", "mode 0644")),
]  # fmt: skip
"""What each rule finds."""

QUIET = [
    quiet("target-format-missing", "it can be loaded", at()),
    quiet("generation-not-current", "nobody can tell",
          at(state=state(current=None), unknown="no format x")),
    quiet("never-exported", "no peer", inventory(targets=())),
    quiet("never-exported", "a target", inventory(peer())),
    quiet("distrusted-exported", "another", at(denied=frozenset({digest("evil")}))),
    quiet("distrusted-exported", "in the list of what is denied",
          at(denied=frozenset({digest("evil")}),
             state=state(entries={"foo.test": f"{PINS} deny={digest('evil').upper()}"}))),
    quiet("target-drift", "as it ought to be", at()),
    quiet("target-drift", "nothing is in force", lies(current=None, entries={})),
    quiet("generation-not-current", "the newest, recorded", at()),
    quiet("file-altered", "none", at()),
    quiet("mta-differs", "a bundle, with no MTA", at(mta=None)),
    quiet("mta-differs", "a notice", asked(notices=("soon",))),
    quiet("mta-may-differ", "nothing to be said", at()),
    quiet("mta-not-asked", "asked", at()),
    quiet("mta-not-asked", "a bundle, with no MTA", at(mta=None)),
    quiet("journal-broken", "none", at()),
    quiet("journal-cut-off", "known", at()),
    quiet("journal-cut-off", "nothing is in force",
          at(checkpoint_known=False, state=state(current=None))),
    quiet("inventory-exposed", "none", at()),
]  # fmt: skip
"""What each rule leaves alone."""
