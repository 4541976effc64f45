"""``trustctl audit``: its exit codes, its severities, its JSON. The rules are tested elsewhere."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import BOB, Console


@pytest.fixture
def clean(console: Console) -> Console:
    """One peer without a fault, exported."""
    made = certs.self_signed(["mx.foo.test", "foo.test"], ca=False, days=300)
    console.pin(made, "foo", "--mx", "mx.foo.test")
    console("export", "--to", str(console.target), "--format", "pem")
    return console


def _rules(console: Console, *words: str) -> list[str]:
    found = console.any("audit", "--json", "--fail-on", "never", *words)
    assert found.code == 0
    return [one["rule"] for one in found.json]


def test_clean_is_exit_0(clean: Console) -> None:
    """With nothing found, at any level."""
    ran = clean("audit", "--fail-on", "notice")
    assert ran.out.startswith("nothing found")
    assert clean("audit", "--json").json == []


def test_the_exit_code_is_by_severity(clean: Console) -> None:
    """A notice is no warning, a warning no error; never is never."""
    made = certs.self_signed(["mx.bar.test"], ca=True, days=300)
    clean.pin(made, "bar")
    clean("export")
    levels = {one["severity"] for one in clean.any("audit", "--json").json}
    assert levels == {"notice"}
    clean("audit")
    clean("audit", "--fail-on", "warning")
    clean("audit", "--fail-on", "notice", code=1)
    waiting = clean.write("w.pem", certs.self_signed("mx.bar.test").pem)
    clean("add", waiting, "--peer", "bar")
    clean("audit", code=1)
    clean("audit", "--fail-on", "error")
    clean("distrust", "foo", "--reason", "stolen", "--yes")
    clean("audit", "--fail-on", "error", code=1)
    clean("audit", "--fail-on", "never")
    clean.fails("audit", "--fail-on", "panic", code=2)


def test_every_finding_says_why_and_what_to_type(clean: Console) -> None:
    """The worst first; the text and the JSON say the same."""
    clean("distrust", "foo", "--reason", "stolen", "--yes")
    found = clean("audit", "--json", code=1).json
    order = ["error", "warning", "notice"]
    severities = [order.index(one["severity"]) for one in found]
    assert severities == sorted(severities)
    assert {"distrusted-exported"} <= {one["rule"] for one in found}
    said = clean("audit", code=1).out
    for one in found:
        assert (
            f"{one['severity'].upper()}: {one['subject']}: {one['what']}  [{one['rule']}]" in said
        )
        assert f"  why: {one['why']}\n  fix: {one['fix']}\n" in said


def test_at_another_moment(clean: Console) -> None:
    """What would break by then is the same question with another now."""
    assert _rules(clean) == []
    assert _rules(clean, "--at", "+310d") != []
    clean("audit", "--at", "+310d", code=1)
    assert _rules(clean, "--at", "+60d") == []
    clean.fails("audit", "--at", "some day", code=2)


def test_a_bundle_edited_by_hand_is_found(clean: Console) -> None:
    """What lies on disk is looked at, not only the inventory."""
    path = clean.target / "ca-certificates.crt"
    path.write_text(path.read_text() + "# by hand\n")
    clean("audit", code=1)


def test_an_open_inventory_is_found(clean: Console) -> None:
    """Others may not read the inventory, nor write in its folder."""
    clean.db.chmod(0o644)
    clean("audit", code=1)
    clean.db.chmod(0o600)
    clean("audit")
    clean.db.parent.chmod(0o777)
    clean("audit", code=1)


def test_a_second_voucher_mends_what_two_are_wanted_for(clean: Console) -> None:
    """The command that a finding names does mend it."""
    clean("set", "vouches_required", "2")
    clean("audit", code=1)
    clean("vouch", clean("list", "--json").json[0]["fingerprint"], "--vouched-by", BOB)
    clean("export")
    clean("audit")
