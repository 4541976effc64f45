"""Hostile strings: in certificates, in what people type, in addresses, in DNS. Nothing of them gets
into a file that Exim reads, and Exim executes none of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import certs, odd
from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.senders import peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-configurations")]
FOO, MX = "foo.test", "mx.foo.test"
INJECTED = "injected-by-a-name"


@pytest.fixture
def marker() -> Iterator[Path]:
    """A file that exists once Exim has executed what a name says. (Its path is short and has no
    dot: the name has to be one label in DNS.)"""
    with tempfile.TemporaryDirectory(prefix="x", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder) / "ran"


def executing(marker: Path) -> str:
    """A name that Exim would execute where it expands it."""
    return f"${{run{{/usr/bin/touch {marker}}}}}"


def hostile_certificate(name: str) -> Made:
    """With that for its subject, its issuer, and an alternative name."""
    return odd.altered(
        certs.self_signed(MX, ca=False),
        subject=odd.common_name(name.encode()),
        extensions=[odd.alternative_names(name.encode(), MX.encode())],
    )


def test_a_name_in_a_domain_list_is_executed(lab: Lab, marker: Path) -> None:
    """The trap: what everybody generates, a list of the peers' names in a router."""
    router = f"naive:\n  driver = accept\n  domains = {executing(marker)} : foo.test\n"
    naive = lab.protected(
        "executes.test", files={"conf.d/router/040_naive": f"{router}  transport = remote_smtp\n"}
    )
    naive.send("bob@free.test")
    assert marker.exists()


def test_a_newline_in_a_comment_sets_an_option(lab: Lab) -> None:
    """The trap: a peer's name in a comment of the configuration."""
    name = f"Foo\n  headers_add = X-Injected: {INJECTED}"
    router = "conf.d/router/040_naive"
    naive = lab.protected(
        "injects.test",
        files={
            router: "naive:\n  driver = dnslookup\n  domains = free.test\n"
            f"  # peer {name}\n  transport = remote_smtp\n"
        },
    )
    assert INJECTED in naive.ok("exim4", "-bP", "router", "naive")


@pytest.mark.parametrize("split", ["false", "true"], ids=["unsplit", "split"])
def test_nothing_of_it_is_in_a_file_that_exim_reads(lab: Lab, marker: Path, split: str) -> None:
    """Names in certificates, notes, vouchers and reasons: the export holds hex, domains and words
    of its own. The mail goes to the pinned certificate whatever its names are."""
    us = lab.administered(f"hostile-{split}.test", settings={"dc_use_split_config": split})
    evil = executing(marker)
    made = hostile_certificate(f"{evil}\n  transport = {INJECTED}\n# ")
    words = ("--note", f"{evil} {INJECTED}", "--mx", MX)
    us.add(made, "foo", *words)
    us.trustctl("distrust", lab.bar_cert.fingerprint, "--reason", f"{evil} {INJECTED}", "--yes")
    us.export()
    for path in [*us.etc.rglob("*"), *us.etc.with_name("lib").rglob("*")]:
        if not path.is_file():
            continue
        text = path.read_bytes()
        assert INJECTED.encode() not in text, path
        assert str(marker).encode() not in text, path
    host = lab.odd_mx(f"hostile-{split}", [made.pem], made)
    lab.route(FOO, host, MX)
    assert us.send("bob@foo.test").one.cv == "yes"
    us.trustctl("audit", "--fail-on", "error")
    assert not marker.exists()


@pytest.mark.parametrize("bad", ["name", "domain", "mx"])
def test_what_is_no_name_is_refused_before_it_is_stored(lab: Lab, marker: Path, bad: str) -> None:
    """A peer, a domain, a host with anything but a name's characters: nothing is added."""
    us = lab.administered("refuses.test")
    path = us.put("../peer.pem", lab.foo_cert.pem)
    for evil in (executing(marker), "a\n  b", "!foo.test", "foo.test : bar.test"):
        values = {"name": "foo", "domain": FOO, "mx": MX, bad: evil}
        words = [
            f"--peer={values['name']}",
            f"--domain={values['domain']}",
            f"--mx={values['mx']}",
        ]
        us.trustctl("add", str(path), *words, code=2)
    assert not us.db.exists() or "foo" not in us.trustctl("list")
    assert not marker.exists()


def test_a_hostile_address_is_only_looked_up(lab: Lab, marker: Path) -> None:
    """In a recipient's local part or domain, or a sender: our look-ups expand nothing of it."""
    lab.us.trust(peer(FOO, trusted(lab.foo_cert)))
    evil = executing(marker)
    lab.route(FOO, lab.odd_mx("foo-takes-all-too", [lab.foo_cert.pem], lab.foo_cert), MX)
    for address in (f'"{evil}"@foo.test', f'"{evil}"@free.test', f"bob@{evil}", "bob@$foo.test"):
        lab.us.send(address)
        lab.us.send("bob@foo.test", sender=address)
    assert not marker.exists()
    assert lab.us.send(f'"{evil}"@foo.test').text.count("CV=yes") == 1


def test_hostile_names_in_dns_and_in_an_impostor_s_certificate(lab: Lab, marker: Path) -> None:
    """What DNS calls a host, and what an impostor's certificate says, is not expanded either."""
    evil = executing(marker)
    impostor = hostile_certificate(f"{evil} set=x pins=y")
    host = lab.odd_mx("hostile-impostor", [impostor.pem], impostor)
    us = lab.protected(
        "unchecked.test", files={"conf.d/main/98_names": "dns_check_names_pattern =\n"}
    )
    us.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.network.dns({FOO: {"MX": [f"10 {evil}"]}, evil: {"A": [host.address]}})
    assert us.send("bob@foo.test").waits
    lab.route(FOO, host, MX)
    assert us.send("bob@foo.test").waits
    assert host.taken() == []
    assert not marker.exists()
