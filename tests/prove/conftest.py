"""One mail server of each kind for the tests of proofs; each test leaves it as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import certs
from tests.prove import postfix_box
from tests.prove.postfix_box import PostfixBox
from tests.prove.postfix_site import PostfixSite
from tests.prove.site import Proof, Site
from tests.publish.box import Box, missing


def _refuse(reason: str | None) -> None:
    """Skip where there is a reason; fail where everything has to be there."""
    if reason is not None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="package")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stock Debian Exim, and an empty inventory."""
    _refuse(missing())
    folder = tmp_path_factory.mktemp("prove")
    for one in (folder, folder.parent):
        one.chmod(0o755)
    box = Box(folder, "internet", split=True)
    (box.etc / "trustctl").rmdir()  # export makes it as it has to be
    yield Site(box, folder)
    box.close()


@pytest.fixture(scope="package")
def site(bare: Site) -> Site:
    """The same with a peer, foo, whose pin is in force."""
    bare.pin(certs.self_signed("mx.foo.test", ca=False), "foo")
    bare.export()
    return bare


@pytest.fixture(scope="package")
def proof(site: Site) -> Proof:
    """What a proof of it says."""
    return site.prove()


@pytest.fixture(scope="package")
def with_authority(site: Site) -> Site:
    """The same with another peer, bar, whose own authority is trusted, as the issuer of a leaf."""
    site.pin(certs.authority("Bar CA"), "bar", "--role", "authority", "--mx", "mx.bar.test")
    site.export()
    return site


@pytest.fixture(scope="package")
def bare_postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostfixSite]:
    """Debian's Postfix, and an inventory with a peer, foo, that was not exported."""
    _refuse(postfix_box.missing())
    folder = tmp_path_factory.mktemp("prove-postfix")
    box = PostfixBox(folder)
    made = PostfixSite(box, folder)
    made.pin(certs.self_signed("mx.foo.test", ca=False), "foo")
    yield made
    made.close()


@pytest.fixture(scope="package")
def postfix(bare_postfix: PostfixSite) -> PostfixSite:
    """The same with the pin in force."""
    bare_postfix.export()
    return bare_postfix


@pytest.fixture(scope="package")
def postfix_proof(postfix: PostfixSite) -> Proof:
    """What a proof of it says."""
    return postfix.prove()
