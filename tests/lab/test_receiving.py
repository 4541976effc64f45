"""Who may send as a protected domain: asked of a real Exim, by the partner and by impostors."""

from __future__ import annotations

import time

import pytest

from tests import certs
from tests.lab.lab import Lab
from tests.lab.server import Server, server
from trustctl.export import cdb

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-receiving")]

OWN = certs.self_signed("mx.us.test")
FOO = certs.self_signed("mx.foo.test", ca=False)
NEXT = certs.self_signed("mx.foo.test", ca=False)
BAR = certs.self_signed("mx.bar.test", ca=True)
STRANGER = certs.self_signed("mx.foo.test", ca=False)
PUBLIC = certs.issue(certs.authority("Public CA"), "mx.foo.test")
INSIDER = certs.issue(BAR, "mx.foo.test")
GONE = certs.self_signed("mx.gone.test", ca=False)
IMPOSTORS = {
    "nothing": None,
    "stranger": STRANGER,
    "peer": BAR,
    "public": PUBLIC,
    "insider": INSIDER,
}
_LIST, _UMLAUT = "127.0.0.0/8", "xn--mller-kva.test"


def _enrol(host: Server) -> None:
    """The peers: foo has to present its pin (the next one is announced), bar may."""
    host.add(FOO, "foo", "--domain", _UMLAUT)
    host.add(NEXT, "foo")
    host.add(BAR, "bar")
    host.add(GONE, "gone")


@pytest.fixture(scope="module")
def us(_lab: Lab) -> Server:
    """A server of ours that nobody has to show a certificate yet."""
    made = server(_lab, OWN)
    _enrol(made)
    made.put("conf.d/main/99_resume", "tls_resumption_hosts = *\n")
    made.export("--yes")
    return made


@pytest.fixture(scope="module")
def guarded(us: Server) -> Server:
    """The same, from now on asking."""
    us.clear()
    _ask(us)
    return us


def _ask(host: Server) -> str:
    host.trustctl("set", "foo", "--inbound", "require", "--relay")
    host.trustctl("set", "bar", "--inbound", "offer")
    host.trustctl("set", "gone", "--inbound", "require")
    return host.export("--yes")


@pytest.fixture
def asking(guarded: Server) -> Server:
    """It asks, and nothing was delivered or logged."""
    guarded.clear()
    return guarded


@pytest.mark.parametrize("who", IMPOSTORS)
def test_anybody_is_the_partner_without_it(who: str, us: Server) -> None:
    """The attack: Exim as it comes takes the partner's mail from whoever sends it."""
    us.clear()
    assert us.mail(IMPOSTORS[who], "ann@foo.test")[-1].startswith("250")
    assert "ann@foo.test" in us.mailbox, us.logged_lines()
    assert "Trustctl-Peer" not in us.mailbox


def test_nothing_of_the_server_is_written_before(us: Server) -> None:
    """Without a peer that is asked for anything, Exim's configuration for receiving is its own."""
    assert not (us.etc / "conf.d" / "acl" / "050_trustctl").exists()
    assert not (us.etc / "conf.d" / "main" / "00_trustctl").exists()
    assert not (us.etc / "trustctl" / "current" / "inbound").exists()
    assert us.ok("exim4", "-bP", "acl_smtp_mail") == "acl_smtp_mail = acl_check_mail\n"


@pytest.mark.parametrize("how", ["tls", "plain"])
@pytest.mark.parametrize("recipient", ["bob@us.test", "postmaster@us.test"])
@pytest.mark.parametrize("who", IMPOSTORS)
def test_an_impostor_is_refused(who: str, recipient: str, how: str, asking: Server) -> None:
    """Whatever certificate it has or has not, also to postmaster, also without TLS."""
    told = asking.mail(IMPOSTORS[who], "ann@foo.test", recipient, how=how)
    assert told[0].startswith("550 5.7."), told
    assert all(one.startswith("503") for one in told[1:3])
    assert asking.mailbox == ""
    assert "rejected MAIL <ann@foo.test>: trustctl: " in asking.logged_lines()


@pytest.mark.parametrize(
    "sender",
    ["ann@FOO.test", "ann@Foo.TesT", "@a.test,@b.test:ann@foo.test", '"a b"@foo.test',
     f"ann@{_UMLAUT}", f"ann@{_UMLAUT.upper()}"],
)  # fmt: skip
def test_no_spelling_of_the_domain_passes(sender: str, asking: Server) -> None:
    """Capitals, source routes, quotes, A-labels; the partner itself may use any of them."""
    assert asking.mail(STRANGER, sender)[0].startswith("550")
    assert asking.mail(FOO, sender)[-1].startswith("250")


@pytest.mark.parametrize("sender", ["ann@müller.test", "ann@MÜLLER.test"])
def test_no_umlaut_passes(sender: str, asking: Server) -> None:
    """A domain in UTF-8 (RFC 6531) is the one that its A-label is."""
    told = asking.mail(STRANGER, sender, parameters=" SMTPUTF8")
    assert told[0].startswith("550 5.7.5"), told
    assert asking.mail(FOO, sender, parameters=" SMTPUTF8")[0].startswith("250")


def test_the_partner_is_taken_and_marked(asking: Server) -> None:
    """With a header and a line in the log; with the next pin too."""
    for made in (FOO, NEXT):
        asking.clear()
        assert asking.mail(made, "ann@foo.test")[-1].startswith("250")
        mark = f"Trustctl-Peer: foo; domain=foo.test; certificate={made.fingerprint}"
        assert asking.mailbox.count(mark) == 1
        line = f"trustctl: verified foo: F=<ann@foo.test> H=[{asking.address}]"
        assert f"{line} certificate={made.fingerprint}" in asking.logged_lines()


def test_other_domains_are_as_ever(asking: Server) -> None:
    """From anybody, unmarked; from the partner too, which is the partner for its own alone."""
    for made in (None, STRANGER, FOO):
        assert asking.mail(made, "eve@elsewhere.test")[-1].startswith("250")
        assert asking.mail(made, "eve@sub.foo.test")[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox


@pytest.mark.parametrize("sender", ["eve@elsewhere.test", "ann@foo.test", "", "eve@bar.test"])
def test_a_forged_mark_is_taken_out(sender: str, asking: Server) -> None:
    """Nobody marks his own mail: in any spelling, more than once, over several lines."""
    made = FOO if sender == "ann@foo.test" else STRANGER
    forged = "TRUSTCTL-PEER: foo; domain=foo.test\r\nTrustctl-Peer:\r\n forged\r\ntrustctl-peer : x"
    assert asking.mail(made, sender, header=forged)[-1].startswith("250")
    lines = [one for one in asking.mailbox.splitlines() if one.lower().startswith("trustctl-peer")]
    true = [f"Trustctl-Peer: foo; domain=foo.test; certificate={FOO.fingerprint}"]
    assert lines == (true if made is FOO else [])
    assert "forged" not in asking.mailbox


def test_a_bounce_claims_no_domain(asking: Server) -> None:
    """The null sender is taken from anybody, and marked from nobody."""
    for made in (None, FOO):
        assert asking.mail(made, "")[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox


def test_offer_refuses_nobody(asking: Server) -> None:
    """Who has the pin is marked; of others the log says that they would be refused."""
    assert asking.mail(BAR, "ann@bar.test")[-1].startswith("250")
    assert "Trustctl-Peer: bar; domain=bar.test" in asking.mailbox
    asking.clear()
    for made, how in ((STRANGER, "tls"), (None, "plain")):
        assert asking.mail(made, "ann@bar.test", how=how)[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox
    assert asking.logged_lines().count("not verified, would be refused if it were required") == 2


def test_each_message_of_a_connection_is_judged(asking: Server) -> None:
    """What one was verified as is no good for the next, whoever sent it."""
    message = ("DATA", "Subject: x", "", "x", ".")
    first = ("MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>", *message)
    told = asking.told(
        FOO, *first, "MAIL FROM:<eve@elsewhere.test>", "RCPT TO:<bob@us.test>", *message,
        "MAIL FROM:<>", "RCPT TO:<x@elsewhere.test>", "RSET", "MAIL FROM:<ann@bar.test>",
        "RCPT TO:<x@elsewhere.test>",
    )  # fmt: skip
    assert [one[:3] for one in told[:8]] == ["250", "250", "354", "250", "250", "250", "354", "250"]
    assert asking.mailbox.count("Trustctl-Peer") == 1
    assert [one[:3] for one in told[8:]] == ["250", "550", "250", "250", "550"]


def test_a_pipelined_impostor_is_refused(asking: Server) -> None:
    """The whole dialogue in one write (RFC 2920)."""
    told = asking.told(
        STRANGER, "MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>", "QUIT", how="pipelined"
    )
    assert [one[:3] for one in told] == ["550", "503", "221"]


def test_the_partner_relays_as_itself_alone(asking: Server) -> None:
    """To anybody, without a password; others do not, nor does it as somebody else."""
    relayed = asking.mail(FOO, "ann@foo.test", "x@elsewhere.test")
    assert relayed[1].startswith("250")
    assert "trustctl: relayed for foo: F=<ann@foo.test>" in asking.logged_lines()
    for made, sender in (
        (STRANGER, "eve@elsewhere.test"), (FOO, "eve@elsewhere.test"), (FOO, ""),
        (BAR, "ann@bar.test"), (FOO, "ann@bar.test"),
    ):  # fmt: skip
        assert asking.mail(made, sender, "x@elsewhere.test")[1].startswith("550"), sender
    for odd in ("x%elsewhere.test@other.test", "|x@other.test", "a/../b@other.test"):
        assert not asking.mail(FOO, "ann@foo.test", odd)[1].startswith("250"), odd


def test_nobody_is_told_whom_we_trust(asking: Server) -> None:
    """A client sees no name of an authority; a file in its place would send them."""

    def seen() -> str:
        command = ["openssl", "s_client", "-connect", f"{asking.address}:25", "-starttls", "smtp"]
        return asking.network.run(command, stdin=b"QUIT\r\n").stdout.decode()

    told = seen()
    assert "No client certificate CA names sent" in told
    assert "Requested Signature Algorithms" in told  # it asks for one
    asking.put("names.pem", BAR.pem)
    macro = "MAIN_TLS_VERIFY_CERTIFICATES = /etc/exim4/names.pem\n"
    place = asking.etc / "conf.d" / "main" / "000_localmacros"
    before = place.read_text()
    try:
        place.write_text(before + macro)
        asking.export()
        assert "CN = mx.bar.test" in seen().partition("Acceptable client certificate CA names")[2]
        assert "Exim sends the names in it" in asking.trustctl("audit", code=1)
    finally:
        place.write_text(before)
        asking.export()
    assert "No client certificate CA names sent" in seen()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_resumed_session_is_judged_too(version: str, asking: Server) -> None:
    """Where Exim is told to allow it: who resumes has what the session began with, and no more."""
    dialogue = b"EHLO x.test\nMAIL FROM:<ann@foo.test>\nQUIT\n"
    for made, answer in ((FOO, "\n250 OK"), (None, "\n550 5.7.5")):
        first, again = asking.resumed(version, dialogue, made)
        assert answer in first
        assert answer in again
        assert "\nNew, TLS" in first
        assert "\nReused, TLS" in again


def test_a_list_may_send_where_it_is_allowed(asking: Server) -> None:
    """From its network, unmarked and without a certificate; from elsewhere nobody may."""
    assert asking.mail(None, "ann@foo.test", how="plain")[0].startswith("550")
    asking.trustctl("set", "foo", "--allow-from", f"{asking.address}/32", "--allow-from", "::1/128")
    asking.export()
    assert asking.mail(None, "ann@foo.test", how="plain")[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox
    assert "trustctl: allowed, not verified: F=<ann@foo.test>" in asking.logged_lines()
    assert asking.mail(None, "ann@foo.test", "x@elsewhere.test")[1].startswith("550")  # no relay
    asking.trustctl("set", "foo", "--allow-from", "198.51.100.0/24")
    asking.export()
    assert asking.mail(None, "ann@foo.test", how="plain")[0].startswith("550")
    asking.trustctl("set", "foo", "--no-allow-from")
    asking.export()


def test_a_pin_that_is_distrusted_is_refused(asking: Server) -> None:
    """And where none is left the mail waits with the partner, instead of bouncing."""
    assert asking.mail(GONE, "ann@gone.test")[-1].startswith("250")
    asking.trustctl("distrust", GONE.fingerprint, "--reason", "stolen", "--yes")
    asking.export("--yes")
    for made in (GONE, STRANGER):
        assert asking.mail(made, "ann@gone.test")[0].startswith("451 4.7.5")


def test_a_pin_that_ended_since_is_refused(asking: Server) -> None:
    """An export knows only its own moment: Exim looks at the clock for itself."""
    old = certs.self_signed(
        "mx.old.test", ca=False, days=1, not_before=int(time.time()) - 9 * certs.DAY
    )
    data = asking.etc / "trustctl" / "current" / "inbound" / "senders.cdb"
    before = data.read_bytes()
    entry = f"peer=old mode=require pins={old.fingerprint.upper()}".encode()
    try:
        asking.put(
            str(data.resolve().relative_to(asking.etc)), cdb.update(before, {b"old.test": entry})
        )
        assert asking.mail(old, "ann@old.test")[0].startswith("550 5.7.5")
    finally:
        asking.put(str(data.resolve().relative_to(asking.etc)), before)


@pytest.mark.parametrize("content", [b"", b"\0" * 4096])
def test_a_damaged_map_lets_nobody_be_anybody(content: bytes, asking: Server) -> None:
    """All mail is put off, whoever it is from; bounces are taken."""
    data = (asking.etc / "trustctl" / "current" / "inbound" / "senders.cdb").resolve()
    before, path = data.read_bytes(), str(data.relative_to(asking.etc))
    try:
        asking.put(path, content)
        for sender in ("ann@foo.test", "eve@elsewhere.test"):
            assert asking.mail(None, sender)[0].startswith("451"), sender
        assert asking.mail(None, "")[0].startswith("250")
    finally:
        asking.put(path, before)


@pytest.mark.parametrize("sender", ["ann@foo.test", "eve@elsewhere.test"])
def test_smtp_from_this_machine_is_asked_too(sender: str, asking: Server) -> None:
    """Without a network, from a local program: nobody here is the partner either."""
    said = f"EHLO x\r\nMAIL FROM:<{sender}>\r\nQUIT\r\n".encode()
    told = asking.run("/usr/sbin/exim4", "-bs", stdin=said).stdout.decode()
    assert ("550 5.7.10" in told) is (sender == "ann@foo.test"), told
