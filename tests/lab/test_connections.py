"""What goes over a connection: one message, one domain, verified for it. Each protection is shown
by our own texts without it."""

from __future__ import annotations

import pytest

from tests import certs
from tests.lab.lab import Lab
from tests.lab.senders import RECIPE_2009, Naive, Protected, peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-routing")]
FOO, BAR, MX = "foo.test", "bar.test", "mx.foo.test"
QUEUE_RUN = ("/usr/sbin/exim4", "-qff")
REUSE = {"  connection_max_messages = 1\n": ""}
SHARE = {"  multi_domain = false\n": ""}


def without(lab: Lab, name: str, edit: dict[str, str] | None) -> Protected:
    """A protected sender, and what its texts lack."""
    sender = lab.us if edit is None else lab.protected(name, edit=edit)
    sender.trust(peer(FOO, trusted(lab.foo_cert)), peer(BAR, trusted(lab.bar_cert)))
    return sender


def both_to_foo(lab: Lab) -> None:
    """DNS sends bar's mail to foo's host, under foo's host name."""
    lab.route(FOO, lab.foo, MX)
    lab.route(BAR, lab.foo, MX)


@pytest.mark.parametrize("edit", [REUSE, None], ids=["reuse", "ours"])
def test_a_waiting_message_does_not_follow_another_one(
    lab: Lab, edit: dict[str, str] | None
) -> None:
    """Two messages wait for one host. The first one's connection, verified for foo, takes the
    second one, for bar, along: unless a connection is for one message."""
    sender = without(lab, "reuse.test", edit)
    lab.network.dns({MX: {"A": ["203.0.113.254"]}, FOO: {"MX": [MX]}, BAR: {"MX": [MX]}})
    for one in ("bob@foo.test", "eve@bar.test"):
        message = b"Subject: hello\n\nhello\n"
        command = ("/usr/sbin/exim4", "-odf", "-oi", "-f", "ann@us.test", one)
        assert sender.logged(*command, stdin=message, keep=True).waits
    both_to_foo(lab)
    outcome = sender.logged(*QUEUE_RUN)
    assert [one.cv for one in outcome.delivered if one.address == "bob@foo.test"] == ["yes"]
    reused = [one for one in outcome.delivered if one.address == "eve@bar.test"]
    assert [one.reused for one in reused] == ([True] if edit else [])
    assert ("eve@bar.test" in lab.foo.taken()) == bool(edit)


def test_a_file_for_each_domain_alone_does_not_stop_that(lab: Lab) -> None:
    """The same with somebody's own file for each domain: delivered to the wrong peer, CV=no."""
    naive = lab.per_domain
    naive.only(FOO, lab.foo_cert)
    naive.only(BAR, lab.bar_cert)
    lab.network.dns({MX: {"A": ["203.0.113.254"]}, FOO: {"MX": [MX]}, BAR: {"MX": [MX]}})
    for one in ("bob@foo.test", "eve@bar.test"):
        command = ("/usr/sbin/exim4", "-odf", "-oi", "-f", "ann@us.test", one)
        naive.logged(*command, stdin=b"\nhello\n", keep=True)
    both_to_foo(lab)
    outcome = naive.logged(*QUEUE_RUN)
    assert "eve@bar.test" in [one.address for one in outcome.delivered if one.reused]


@pytest.mark.parametrize("edit", [SHARE, None], ids=["shared", "ours"])
def test_one_message_to_two_protected_domains(lab: Lab, edit: dict[str, str] | None) -> None:
    """Both lead to foo's host: with multi_domain they share a delivery, verified for the first.
    Without it foo's goes and bar's waits, in whatever order they are given."""
    sender = without(lab, "shared.test", edit)
    both_to_foo(lab)
    stolen = 0
    for recipients in (("bob@foo.test", "eve@bar.test"), ("eve@bar.test", "bob@foo.test")):
        lab.foo.clear()
        outcome = sender.send(*recipients)
        stolen += "eve@bar.test" in " ".join(lab.foo.taken())
        if edit is None:
            assert [one.address for one in outcome.delivered] == ["bob@foo.test"]
            assert list(outcome.deferred) == ["eve@bar.test"]
    assert bool(stolen) == bool(edit)


def test_one_message_to_a_protected_and_a_free_domain(lab: Lab) -> None:
    """Each goes its own way: the free one as Debian sends it, the protected one waits for its host
    though both lead to the same impostor."""
    sender = without(lab, "us.test", None)
    for domain in (FOO, "free.test"):
        lab.route(domain, lab.stranger, MX)
    outcome = sender.send("bob@foo.test", "eve@free.test", "cat@foo.test")
    assert [one.address for one in outcome.delivered] == ["eve@free.test"]
    assert set(outcome.deferred) == {"bob@foo.test", "cat@foo.test"}
    assert lab.stranger.taken() == ["eve@free.test"]


def test_several_recipients_of_one_domain_share_a_delivery(lab: Lab) -> None:
    """One message, one connection: the protection costs no more than it has to."""
    sender = without(lab, "us.test", None)
    lab.route(FOO, lab.foo)
    assert len(sender.send("bob@foo.test", "cat@foo.test").delivered) == 2
    assert lab.foo.taken() == ["bob@foo.test cat@foo.test"]


def test_without_starttls_nothing_is_sent(lab: Lab) -> None:
    """Stripped STARTTLS: Debian's Exim delivers in clear, ours never does."""
    lab.route(FOO, lab.stripper)
    assert lab.stock.send("bob@foo.test").one.tls == ""
    assert lab.stripper.taken() == ["plain <bob@foo.test>"]
    lab.stripper.clear()
    outcome = without(lab, "us.test", None).send("bob@foo.test")
    assert outcome.waits
    assert "(-38)" in outcome.text
    assert lab.stripper.taken() == []


@pytest.mark.parametrize("answer", ["454 no TLS today", "502 what"])
def test_a_starttls_that_fails_is_not_tried_again_in_clear(lab: Lab, answer: str) -> None:
    """Exim's default after a temporary failure; where TLS is required it waits."""
    refuser = lab.odd_mx(f"refuses-{answer[:3]}", says=f"STAR {answer}")
    lab.route(FOO, refuser)
    assert lab.stock.send("bob@foo.test").one.tls == ""
    refuser.clear()
    assert without(lab, "us.test", None).send("bob@foo.test").waits
    assert refuser.taken() == []


def test_trying_to_verify_is_not_verifying(lab: Lab) -> None:
    """tls_try_verify_hosts, set or emptied, delivers to anybody without tls_verify_hosts; emptied,
    it makes an OpenSSL build verify."""
    lab.route(FOO, lab.stranger)
    for value in ("*", ":"):
        transport = f"{RECIPE_2009}  tls_try_verify_hosts = {value}\n"
        naive: Naive = lab.naive(f"try-{'all' if value == '*' else 'none'}", transport)
        naive.bundle(lab.foo_cert)
        if lab.openssl and value == ":":
            assert naive.send("bob@foo.test").waits
        else:
            assert naive.send("bob@foo.test").one.cv == "no"
    assert without(lab, "us.test", None).send("bob@foo.test").waits


def test_a_session_is_not_resumed(lab: Lab) -> None:
    """A resumed session shows no certificate to the pin check: what is distrusted meanwhile would
    be delivered to for as long as its ticket lasts."""
    ours, other = (certs.issue(lab.public_ca, MX) for _each in range(2))
    host = lab.mx("resumes", ours, lab.public_ca, main="tls_resumption_hosts = *\n")
    lab.route(FOO, host, MX)
    command = ("/usr/sbin/exim4", "-odf", "-oi", "-f", "ann@us.test", "bob@foo.test")
    for edit in ({"tls_resumption_hosts = :": "tls_resumption_hosts = *"}, None):
        sender = without(lab, "resumes.test", edit)
        sender.trust(peer(FOO, trusted(ours, issuers=[lab.public_ca])))
        assert sender.logged(*command, stdin=b"\nhello\n", keep=True).one.cv == "yes"
        sender.trust(peer(FOO, trusted(other, issuers=[lab.public_ca])))
        assert bool(sender.logged(*command, stdin=b"\nhello\n").delivered) == bool(edit)


def test_what_exim_remembers_of_a_host_changes_no_verdict(lab: Lab) -> None:
    """Retry hints left by an impostor: mail waits for the retry time, then goes to the peer; and
    hints left by the peer open nothing to an impostor."""
    sender = without(lab, "us.test", None)
    command = ("/usr/sbin/exim4", "-odf", "-oi", "-f", "ann@us.test", "bob@foo.test")
    lab.route(FOO, lab.stranger)
    assert sender.logged(*command, stdin=b"\none\n", keep=True).waits
    assert sender.logged("/usr/sbin/exim4", "-q", keep=True).delivered == ()
    lab.route(FOO, lab.foo)
    assert sender.logged(*QUEUE_RUN, keep=True).one.cv == "yes"
    lab.route(FOO, lab.stranger)
    assert sender.logged(*command, stdin=b"\ntwo\n").waits
    assert lab.stranger.taken() == []


@pytest.mark.parametrize(("code", "becomes"), [("451", "deferred"), ("550", "bounced")])
def test_what_the_peer_itself_answers_holds(lab: Lab, code: str, becomes: str) -> None:
    """A verified peer's refusal is its own business: later, or back to the sender, as ever."""
    made = certs.self_signed(MX)
    host = lab.odd_mx(f"answers-{code}", [made.pem], made, says=f"RCPT {code} no")
    lab.route(FOO, host)
    sender = without(lab, "us.test", None)
    sender.trust(peer(FOO, trusted(made)))
    outcome = sender.send("bob@foo.test")
    assert "bob@foo.test" in getattr(outcome, becomes)
    assert host.taken() == []
