"""Tests of ``trustctl ca rollover``: no chain breaks, neither below the old root nor the new."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authority import OwnCa, made
from tests.commands.ca.verifiers import both
from tests.tools import require

MX = "mx.bar.test"


@pytest.fixture
def chain(ca: OwnCa, out: Path) -> Path:
    """A host's chain from before."""
    require("certtool")
    ca("issue", MX, "--out", str(out))
    return out / f"{MX}.crt"


def _roots(ca: OwnCa) -> list[Path]:
    """The roots' certificates, each in a file, the newest first."""
    end = "-----END CERTIFICATE-----\n"
    texts = ca("certificate", "root").out.split(end)[:-1]
    return [
        Path(ca.console.write(f"root{number}.pem", (text + end).encode()))
        for number, text in enumerate(texts)
    ]


def _states(ca: OwnCa) -> dict[str, bool]:
    """Which authority signs."""
    listed = ca("list", "--authorities", "--json").json
    return {one["ca"]: one["retired_at"] is None for one in listed}


def test_the_next_issuing_ca(ca: OwnCa, out: Path, chain: Path) -> None:
    """What the one before issued verifies still; it signs nothing new; it is held to the same."""
    ca("rollover", "issuing", "--yes")
    assert _states(ca) == {"main/root-1": True, "main/issuing-1": False, "main/issuing-2": True}
    (root,) = _roots(ca)
    assert both(root, chain)
    ca("issue", "mx2.bar.test", "--out", str(out))
    fresh = out / "mx2.bar.test.crt"
    assert both(root, fresh)
    assert made(fresh)[1] != made(chain)[1]
    mixed = Path(ca.console.write("mixed.crt", made(fresh)[0].pem + b"".join(made(chain)[1])))
    assert not both(root, mixed)
    ca.console.fails("ca", "issue", "mx.foo.test", "--out", str(out), code=2)
    assert len(ca("certificate", "issuing").out.split("BEGIN")) == 3
    ca.console("journal", "verify")


def test_the_next_root(ca: OwnCa, out: Path, chain: Path) -> None:
    """Old chains verify below the old root, new ones below either; a third time too."""
    (first,) = _roots(ca)
    ca("rollover", "root", "--yes")
    second, old = _roots(ca)
    assert old.read_bytes() == first.read_bytes() or both(old, chain)
    assert both(old, chain)
    assert not both(second, chain)
    ca("renew", MX, "--out", str(out))
    assert both(second, chain)
    assert both(old, chain)
    ca("rollover", "root", "--yes")
    ca("renew", MX, "--out", str(out))
    third, second, _old = _roots(ca)
    assert both(third, chain)
    assert both(second, chain)
    ca.console("journal", "verify")


def test_another_kind_of_key_and_other_domains(ca: OwnCa, out: Path, chain: Path) -> None:
    """Both are chosen anew where they are named; the old ones are what it is held to otherwise."""
    ca("rollover", "issuing", "--key", "rsa-3072", "--permit", "foo.test", "--yes")
    ca("issue", "mx.foo.test", "--out", str(out))
    (root,) = _roots(ca)
    assert both(root, out / "mx.foo.test.crt")
    ca.console.fails("ca", "issue", "mx3.bar.test", "--out", str(out), code=2)
    assert both(root, chain)


def test_what_is_refused(ca: OwnCa) -> None:
    """Without agreement, or for a root that would be held to something: nothing is changed."""
    ca.console.fails("ca", "rollover", "issuing", code=9)
    ca.console.fails("ca", "rollover", "root", "--permit", "bar.test", "--yes", code=2)
    ca.console.fails("ca", "rollover", "issuing", "--ca", "other", "--yes", code=2)
    ca.secret.write_bytes(b"not these words of it\n")
    ca.console.fails("ca", "rollover", "root", "--yes", code=2)
    ca.console.fails("ca", "rollover", "issuing", "--yes", code=2)


def test_partners_are_given_both_roots(ca: OwnCa, chain: Path) -> None:
    """A file with both, as ``ca certificate root`` prints it, verifies old and new chains."""
    before = chain.read_bytes()
    ca("rollover", "root", "--yes")
    roots = ca.certificate("root")
    assert both(roots, chain)
    ca("renew", MX, "--out", str(chain.parent))
    assert chain.read_bytes() != before
    assert both(roots, chain)
