"""What ``probe`` refuses although the peer's authority signed it, and where it does not dial."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import certs
from tests.certs import Made
from tests.commands.test_probe import found
from tests.commands.town import Town, town
from tests.console import ANN, Console
from trustctl.commands.invocation import Invocation
from trustctl.commands.wire import known

HOST = "mx.foo.test"
REFUSED = {"live-other-certificate", "live-none-reachable"}


@pytest.fixture
def here(console: Console) -> Iterator[Town]:
    """A town with a user."""
    with town(console) as made:
        yield made


def under_authority(here: Town) -> Made:
    """A host whose certificate the peer's own pinned CA signed; all is well with it."""
    top = certs.authority("Foo CA")
    made = certs.issue(top, HOST)
    here.host(HOST, made, "foo.test")
    here.console.pin(top, "foo", "--role", "authority")
    assert "all is well" in here.probe("foo").out
    return made


@pytest.mark.parametrize("words", [["fingerprint"], ["fingerprint", "--key"], ["spki"]])
def test_what_is_distrusted_no_authority_brings_back(here: Town, words: list[str]) -> None:
    """By its fingerprint or by its key, pinned by nobody: the export denies it, and so it is told.
    Its twin: another certificate of the same authority."""
    made = under_authority(here)
    kind, *more = words
    value = made.fingerprint if kind == "fingerprint" else f"spki:{made.spki}"
    here.console("distrust", value, *more, "--reason", "key stolen", "--yes")
    ran = here.probe("foo", "--json", code=1)
    assert found(ran).keys() == REFUSED
    assert "distrusted" in ran.out


def test_another_certificate_of_the_authority_is_still_accepted(here: Town) -> None:
    """The distrust is of one."""
    under_authority(here)
    other = certs.self_signed(HOST)
    here.console("distrust", other.fingerprint, "--reason", "key stolen", "--yes")
    assert "all is well" in here.probe("foo").out


def test_only_trusted_certificates_say_what_may_be_dialled(console: Console) -> None:
    """What is pending names addresses that whoever presented it likes."""
    made = certs.self_signed((HOST, "10.0.0.1", "2001:db8::1"))
    file = console.write("pending.pem", made.pem)
    console("add", file, "--peer", "foo", "--domain", "foo.test")

    def named() -> frozenset[str]:
        call = Invocation(str(console.db))
        with call.reading() as tx:
            return known.read(tx.connection).addresses("foo", call.now)

    assert named() == frozenset()
    console("vouch", made.fingerprint, "--vouched-by", ANN, "--via", "phone")
    assert named() == {"10.0.0.1", "2001:db8::1"}
    console("retire", made.fingerprint, "--reason", "old", "--yes")
    assert named() == frozenset()
