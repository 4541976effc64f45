"""What an administrator does to Exim's configuration: where trustctl cannot be effective it says
so, and what undoes it is seen in Exim itself. Each change is shown to open the domain."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab, Mx
from tests.lab.senders import Administered, peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-configurations")]
FOO, MX = "foo.test", "mx.foo.test"
TAKES_ALL = (
    "first:\n  driver = dnslookup\n  domains = ! +local_domains\n  transport = remote_smtp\n"
)
PAST_OURS = "past:\n  driver = redirect\n  data = ${quote_local_part:$local_part}@foo.test\n"
HAND_WRITTEN = """\
domainlist local_domains = localhost
begin routers
all:
  driver = dnslookup
  domains = ! +local_domains
  transport = out
begin transports
out:
  driver = smtp
begin retry
* * F,2h,15m
"""


@pytest.fixture
def us(lab: Lab) -> Iterator[Administered]:
    """A split configuration with trustctl's in force; put in force anew after each test."""
    sender = lab.administered("changed.test", settings={"dc_use_split_config": "true"})
    if not sender.db.exists():
        sender.add(lab.foo_cert, "foo")
        sender.export()
    lab.route(FOO, lab.stranger, MX)
    assert sender.send("bob@foo.test").waits
    kept = {one: one.read_bytes() for one in sender.etc.rglob("*") if one.is_file()}
    yield sender
    for path in sender.etc.rglob("*"):
        if path.is_file() and not path.is_symlink() and path not in kept:
            path.unlink()
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
    sender.generate()


def opens(lab: Lab, us: Administered, recipient: str = "bob@foo.test") -> bool:
    """Whether the attacker gets the mail now; DNS leads to him."""
    lab.stranger.clear()
    us.generate()
    seen = len(lab.stranger.taken())
    us.send(recipient)
    return len(lab.stranger.taken()) > seen


@pytest.mark.parametrize("only", ["", "  condition = ${if eq{$local_part}{bob}}\n"])
def test_a_router_before_ours(lab: Lab, us: Administered, only: str) -> None:
    """It takes protected mail unverified, be it one user's; audit names it, and export refuses."""
    us.put("conf.d/router/040_first", TAKES_ALL + only)
    assert opens(lab, us)
    assert "the router first comes before" in us.trustctl("audit", code=1)
    assert "the router first comes before" in us.export(code=8)


def test_ours_after_debian_s_routers(lab: Lab, us: Administered) -> None:
    """Our file under a higher number comes too late; audit sees the order that Exim has."""
    place = us.etc / "conf.d" / "router" / "050_trustctl"
    place.rename(place.with_name("250_trustctl"))
    assert opens(lab, us)
    told = us.trustctl("audit", code=1)
    assert "the router dnslookup comes before trustctl_wait" in told
    assert "hubbed_hosts" in told


def test_data_that_exim_s_user_cannot_read(lab: Lab, us: Administered) -> None:
    """A folder of another group's: root reads it, and so do Exim's routers; the mail waits at the
    transport, the peer's own too. Audit and export ask as the user that Exim delivers as."""
    lab.route(FOO, lab.foo, MX)
    for place in (us.etc / "trustctl", us.etc / "trustctl" / "sets"):
        before = place.stat()
        assert us.send("bob@foo.test").delivered
        os.chown(place, 0, 0)
        try:
            assert not us.send("bob@foo.test").delivered
            assert "the user that Exim delivers as cannot read" in us.trustctl("audit", code=1)
        finally:
            os.chown(place, before.st_uid, before.st_gid)
    us.trustctl("audit")
    os.chown(us.etc / "trustctl", 0, 0)
    assert "the user that Exim delivers as cannot read" in us.export(code=8)
    os.chown(us.etc / "trustctl", before.st_uid, before.st_gid)
    us.trustctl("audit")


def test_hubbed_hosts_do_not_take_a_protected_domain(lab: Lab, us: Administered) -> None:
    """Debian's list of hosts for domains names the attacker's: it comes after ours."""
    us.put("hubbed_hosts", f"foo.test: {lab.stranger.address}\nfree.test: {lab.stranger.address}\n")
    assert opens(lab, us, "bob@free.test")
    assert not opens(lab, us)


def test_a_redirection_past_ours(lab: Lab, us: Administered) -> None:
    """redirect_router hands what an alias leads to on to a router behind ours."""
    past = f"{PAST_OURS}  domains = +local_domains\n  redirect_router = dnslookup\n"
    us.put("conf.d/router/060_past", past)
    assert opens(lab, us, "bob@changed.test")
    assert "the router past hands what it redirects" in us.trustctl("audit", code=1)
    us.put("conf.d/router/060_past", past.replace("  redirect_router = dnslookup\n", ""))
    assert not opens(lab, us, "bob@changed.test")
    us.trustctl("audit")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tls_verify_hosts = *", "tls_verify_hosts = :"),
        ("dsearch{@DIR@/sets}", "dsearch{/etc/exim4}"),
    ],
)
def test_a_changed_text_of_ours(lab: Lab, us: Administered, old: str, new: str) -> None:
    """Audit tells that Exim does something else, and that the file was edited; export does not
    overwrite an edit by itself, and --force mends it."""
    place = us.etc / "conf.d" / "transport" / "050_trustctl"
    text = place.read_text()
    old, new = (one.replace("@DIR@", "/etc/exim4/trustctl") for one in (old, new))
    assert old in text
    place.write_text(text.replace(old, new))
    us.generate()
    told = us.trustctl("audit", code=1)
    assert "the transport trustctl_smtp has another" in told
    assert "edited by hand" in told
    us.export(code=7)
    us.export("--force")
    us.trustctl("audit")
    assert not opens(lab, us)


def test_a_macro_of_ours_cannot_be_taken(lab: Lab, us: Administered) -> None:
    """Somebody's own macro of the same name makes ours a second definition, which Exim refuses: the
    configuration in force stays as it is."""
    us.put("conf.d/main/001_macro", "TRUSTCTL_KEY = nobody.test\n")
    assert us.run("update-exim4.conf").returncode != 0
    assert us.send("bob@foo.test").waits
    assert "update-exim4.conf refuses" in us.trustctl("audit", "--fail-on", "notice", code=1)


def test_a_protected_domain_that_becomes_local(lab: Lab, us: Administered) -> None:
    """Its mail never meets our router: audit says so."""
    us.put("conf.d/main/001_local", "MAIN_LOCAL_DOMAINS = @:localhost:foo.test\n")
    us.generate()
    assert "foo.test is a local domain" in us.trustctl("audit", code=1)


def test_local_domains_that_ask_dns(lab: Lab, us: Administered) -> None:
    """With @mx_any whoever answers for DNS makes a protected domain a local one, by an MX that
    names us: its mail bounces, or is a local user's. Audit says so."""
    us.put("conf.d/main/001_local", "MAIN_LOCAL_DOMAINS = @ : localhost : @mx_any\n")
    us.generate()
    lab.route(FOO, Mx(us.address, us.log), us.name)
    assert "Unrouteable address" in us.send("nobody-here@foo.test").text
    assert "local_domains asks DNS" in us.trustctl("audit", code=1)


def test_a_router_that_verifies_before_ours(lab: Lab, us: Administered) -> None:
    """A cutthrough delivery goes where the address was verified: a router for that, before ours
    and with a transport, takes the mail unverified."""
    us.put("conf.d/router/040_first", f"{TAKES_ALL}  verify_only\n")
    acl = "cut:\n  warn control = cutthrough_delivery\n  accept\n"
    us.put("conf.d/acl/99_cut", acl)
    us.put("conf.d/main/001_cut", "MAIN_ACL_CHECK_RCPT = cut\n")
    us.generate()
    seen = len(lab.stranger.taken())
    us.submit("bob@foo.test")
    assert len(lab.stranger.taken()) == seen + 1
    assert "the router first comes before" in us.trustctl("audit", code=1)
    (us.etc / "conf.d" / "router" / "040_first").unlink()
    us.generate()
    us.submit("bob@foo.test")
    assert len(lab.stranger.taken()) == seen + 1
    us.trustctl("audit")


def test_files_of_the_split_layout_that_nobody_reads(lab: Lab, us: Administered) -> None:
    """The trap: unsplit is Debian's default, conf.d is then ignored without a word. Audit asks
    Exim; the next export writes where it is read, and puts the protection back in force."""
    settings = us.etc / "update-exim4.conf.conf"
    settings.write_text(settings.read_text().replace("split_config='true'", "split_config='false'"))
    assert opens(lab, us)
    told = us.trustctl("audit", code=1)
    assert "the router trustctl is not in Exim's configuration" in told
    us.export()
    assert not opens(lab, us)
    us.trustctl("audit")
    assert not (us.etc / "conf.d" / "router" / "050_trustctl").exists()
    # and back: the other way round it is the same trap
    settings.write_text(settings.read_text().replace("split_config='false'", "split_config='true'"))
    assert opens(lab, us)
    us.export()
    assert not opens(lab, us)


@pytest.mark.parametrize("kind", ["smarthost", "satellite", "local", "handwritten"])
def test_where_it_cannot_be_effective_it_says_so(lab: Lab, kind: str) -> None:
    """Exit code 8 and the snippets; Exim's own configuration is not touched, and audit goes on
    saying that nothing is in force."""
    name = f"{kind}.test"
    settings = {"dc_smarthost": "smart.test"}
    if kind != "handwritten":
        settings["dc_eximconfig_configtype"] = kind
    us = lab.administered(name, settings=settings)
    if kind == "handwritten":
        us.put("exim4.conf", HAND_WRITTEN)
    before = us.tree()
    us.add(lab.foo_cert, "foo")
    told = us.export(code=8)
    assert "NOT IN FORCE" in told
    assert "snippets/README" in told
    after = us.tree()
    assert {path: after[path] for path in before} == before
    assert all("/trustctl/" in path or path.endswith("/trustctl") for path in after.keys() - before)
    for section in ("router", "transport"):
        assert (us.etc / "trustctl" / "snippets" / f"{section}.conf").is_file()
    assert "is not in Exim's configuration" in us.trustctl("audit", code=1)
    if kind == "local":
        return
    lab.network.dns(
        {
            "smart.test": {"A": [lab.stranger.address]},
            FOO: {"MX": [MX]},
            MX: {"A": [lab.stranger.address]},
        }
    )
    assert us.send("bob@foo.test").one.ip == lab.stranger.address
    router, transport = (
        (us.etc / "trustctl" / "snippets" / f"{one}.conf").read_text()
        for one in ("router", "transport")
    )
    if kind == "handwritten":
        by_hand = HAND_WRITTEN.replace("begin routers\n", f"begin routers\n{router}\n")
        by_hand = by_hand.replace("begin transports\n", f"begin transports\n{transport}\n")
        us.put("exim4.conf", by_hand)
    else:
        us.put("conf.d/router/050_trustctl", router)
        us.put("conf.d/transport/050_trustctl", transport)
        us.generate()
    assert us.send("bob@foo.test").waits
    lab.route(FOO, lab.foo, MX)
    assert us.send("bob@foo.test").one.cv == "yes"
    us.trustctl("audit")
    us.export()


def test_what_nobody_is_trusted_for_does_not_fall_through(lab: Lab) -> None:
    """Without the router that waits, a protected domain without a trusted pin goes on to Debian's
    routers; so it is always there."""
    falls = lab.protected(
        "falls.test", edit={"  allow_defer\n": "  allow_defer\n  condition = no\n"}
    )
    lab.route(FOO, lab.stranger, MX)
    for sender, waits in ((falls, False), (lab.us, True)):
        sender.trust(peer(FOO), peer("bar.test", trusted(lab.bar_cert)))
        assert sender.send("bob@foo.test").waits == waits
