"""Who may send as a protected domain: asked of a real Postfix, by the partner and by impostors."""

from __future__ import annotations

import re
import time

import pytest

from tests import certs
from tests.lab.conftest import unavailable
from tests.lab.lab import Lab
from tests.lab.postfix import UNPACKED
from tests.lab.postfix_server import CONF, Server

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-postfix-receiving")]

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
_UMLAUT = "xn--mller-kva.test"
_MASTER = "127.0.0.1:10025 inet n - n - - smtpd -o smtpd_sender_restrictions=\n"


@pytest.fixture(scope="module")
def us(_lab: Lab) -> Server:
    """A server of ours that nobody has to show a certificate yet."""
    if not UNPACKED.is_dir():
        unavailable(f"Postfix is not unpacked in {UNPACKED}: tests/run does that")
    made = Server(_lab, OWN, "postfix-receiving.test")
    made.add(FOO, "foo", "--domain", _UMLAUT)
    made.add(NEXT, "foo")
    made.add(BAR, "bar")
    made.add(GONE, "gone")
    made.export("--yes")
    return made


@pytest.fixture(scope="module")
def guarded(us: Server) -> Server:
    """The same, from now on asking."""
    us.clear()
    us.trustctl("set", "foo", "--inbound", "require", "--relay")
    us.trustctl("set", "bar", "--inbound", "offer")
    us.trustctl("set", "gone", "--inbound", "require")
    assert "it decides who may send as which domain" in us.export("--yes")
    return us


@pytest.fixture
def asking(guarded: Server) -> Server:
    """It asks, and nothing was delivered or logged."""
    guarded.clear()
    return guarded


@pytest.mark.parametrize("who", IMPOSTORS)
def test_anybody_is_the_partner_without_it(who: str, us: Server) -> None:
    """The attack: Postfix as it comes takes the partner's mail from whoever sends it."""
    us.clear()
    assert us.mail(IMPOSTORS[who], "ann@foo.test")[-1].startswith("250")
    assert "ann@foo.test" in us.mailbox, us.logged_lines()
    assert "Trustctl-Peer" not in us.mailbox


def test_nothing_of_the_server_is_written_before(us: Server) -> None:
    """Without a peer that is asked for anything, Postfix's settings for receiving are its own."""
    assert not (us.conf / "trustctl" / "current" / "inbound").exists()
    text = us.ok("postconf", "-c", CONF, "-n") + us.ok("postconf", "-c", CONF, "-M")
    assert "private/trustctl" not in text
    assert "ask_ccert" not in text
    assert "spawn" not in text


@pytest.mark.parametrize("how", ["tls", "plain"])
@pytest.mark.parametrize("who", IMPOSTORS)
def test_an_impostor_is_refused(who: str, how: str, asking: Server) -> None:
    """Whatever certificate it has or has not, also to postmaster, also without TLS."""
    told = asking.told(
        IMPOSTORS[who], "MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>",
        "RCPT TO:<postmaster@us.test>", "DATA", ".", "RSET", "MAIL FROM:<ann@foo.test>",
        "RCPT TO:<postmaster>", "DATA", ".", how=how,
    )  # fmt: skip
    refused = "550 5.7.10 " if how == "plain" else "550 5.7.5 "
    assert [one[: len(refused)] for one in told[1:3]] == [refused] * 2, told
    assert told[3].startswith("554")
    assert told[6].startswith("250")  # Postfix asks nobody about this one
    assert told[7].startswith(refused)
    assert asking.mailbox == ""
    assert asking.logged_lines().count("reject: RCPT from unknown[") == 2


@pytest.mark.parametrize("recipient", ["bob@us.test", "postmaster"])
def test_an_impostor_who_sends_in_chunks_is_refused(recipient: str, asking: Server) -> None:
    """BDAT (RFC 3030) comes without DATA."""
    for made, answer in ((STRANGER, "5"), (FOO, "2")):
        told = asking.told(
            made, "MAIL FROM:<ann@foo.test>", f"RCPT TO:<{recipient}>", "BDAT 5 LAST", "a:b",
            "QUIT", how="pipelined",
        )  # fmt: skip
        assert told[0].startswith("250")
        assert told[2][0] == answer, told


SPELLINGS = (
    "ann@FOO.test", "ann@Foo.TesT", "@a.test,@b.test:ann@foo.test", '"a b"@foo.test',
    "ann@foo.test.", "ann%foo.test", "foo.test!ann", 'ann@"foo.test"', "ann@fo\\o.test",
    "ann@foo(x).test", "Ann <ann@foo.test>", "foo.test!ann%x.test", "x.test!ann%foo.test",
    f"ann@{_UMLAUT}", f"ann@{_UMLAUT.upper()}", "@foo.test", "ann@foo .test",
)  # fmt: skip


@pytest.mark.parametrize("sender", SPELLINGS)
def test_no_spelling_of_the_domain_passes(sender: str, asking: Server) -> None:
    """Capitals, routes, quotes, comments, a trailing dot, A-labels, and what Postfix turns into an
    address of the domain only afterwards."""
    assert asking.mail(STRANGER, sender)[1].startswith("550"), sender
    assert asking.mail(FOO, sender)[1].startswith("250")


def test_what_becomes_no_address_of_the_domain_is_taken(asking: Server) -> None:
    """The negative control: what Postfix does not turn into one."""
    for sender in ("ann%foo.test@us.test", "foo.test!ann@us.test", '"ann@foo.test"@us.test',
                   "ann@[203.0.113.9]", "ann", "eve@sub.foo.test", "eve@xfoo.test"):  # fmt: skip
        asking.clear()
        assert asking.mail(None, sender)[-1].startswith("250"), sender
        (kept,) = re.findall(r"qmgr.*from=<([^>]*)>", asking.logged_lines())
        assert not kept.endswith("@foo.test")
    assert "Trustctl-Peer" not in asking.mailbox


@pytest.mark.parametrize(
    "domain",
    ["müller.test", "MÜLLER.test", "mu\u0308ller.test", "\uff46oo.test", "fo\u00ado.test",
     "fo\u200bo.test", "foo\u3002test", "\U0001d41foo.test", "f\u24de\u24de.test"],
)  # fmt: skip
def test_no_letters_beyond_ascii_pass(domain: str, asking: Server) -> None:
    """A domain in UTF-8 (RFC 6531) is the one that UTS 46 makes of it."""
    told = asking.mail(STRANGER, f"ann@{domain}", parameters=" SMTPUTF8")
    assert told[1].startswith("550 5.7.5"), told
    assert asking.mail(FOO, f"ann@{domain}", parameters=" SMTPUTF8")[1].startswith("250")


def test_the_partner_is_taken_and_marked(asking: Server) -> None:
    """With a header and a line in the log, once for a message whatever its recipients; with the
    next pin too."""
    for made in (FOO, NEXT):
        asking.clear()
        told = asking.told(
            made, "MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>", "RCPT TO:<eve@us.test>",
            "DATA", "Subject: hello", "", "hello", ".",
        )  # fmt: skip
        assert told[-1].startswith("250")
        mark = f"Trustctl-Peer: foo; domain=foo.test; certificate={made.fingerprint}\n"
        assert asking.mailbox.count(mark) == asking.mailbox.count("Trustctl-Peer") == 2
        line = f"trustctl: verified foo: certificate={made.fingerprint}; from=<ann@foo.test>"
        assert asking.logged_lines().count(line) == 1


def test_other_domains_are_as_ever(asking: Server) -> None:
    """From anybody, unmarked; from the partner too, which is the partner for its own alone."""
    for made in (None, STRANGER, FOO):
        assert asking.mail(made, "eve@elsewhere.test")[-1].startswith("250")
        assert asking.mail(made, "eve@sub.foo.test")[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox


@pytest.mark.parametrize("sender", ["eve@elsewhere.test", "ann@foo.test", "", "eve@bar.test"])
def test_a_forged_mark_is_taken_out(sender: str, asking: Server) -> None:
    """Nobody marks his own mail: in any spelling, more than once, over several lines, and under the
    name that another generation's was called by."""
    made = FOO if sender == "ann@foo.test" else STRANGER
    forged = (
        "TRUSTCTL-PEER: foo; domain=foo.test\r\nTrustctl-Peer:\r\n forged\r\ntrustctl-peer : x\r\n"
        f"Trustctl-Peer-{'0' * 32}: forged"
    )
    assert asking.mail(made, sender, header=forged)[-1].startswith("250")
    lines = [one for one in asking.mailbox.splitlines() if one.lower().startswith("trustctl-peer")]
    true = [f"Trustctl-Peer: foo; domain=foo.test; certificate={FOO.fingerprint}"]
    assert lines == (true if made is FOO else [])
    assert "forged" not in asking.mailbox


def test_a_forged_mark_stays_without_the_table(asking: Server) -> None:
    """The attack: what the table of headers is for; and no local program can mark its mail."""
    place = asking.conf / "trustctl" / "live" / "marks"
    before = place.read_bytes()
    try:
        place.write_text("/^X-Nothing:/ IGNORE\n")
        asking.reload()
        asking.mail(None, "eve@elsewhere.test", header="Trustctl-Peer: forged")
        assert "Trustctl-Peer: forged" in asking.mailbox
        assert "a mark may be forged" in asking.trustctl("audit", code=1)
    finally:
        place.write_bytes(before)
        asking.reload()
    asking.clear()
    text = b"Trustctl-Peer: forged\nSubject: x\n\nx\n"
    asking.ok_in(text, "sendmail", "-C", CONF, "-i", "-f", "ann@us.test", "--", "bob@us.test")
    for _attempt in range(500):
        if ": removed" in asking.logged_lines():
            break
        time.sleep(0.02)
    assert "Subject: x" in asking.mailbox
    assert "forged" not in asking.mailbox


def test_a_mark_in_an_attached_message_stays(asking: Server) -> None:
    """What is sent on as an attachment may be signed: not a letter of it is changed."""
    inner = "Trustctl-Peer: foo; domain=foo.test\r\nSubject: y\r\n\r\ny"
    header = "MIME-Version: 1.0\r\nContent-Type: message/rfc822"
    told = asking.told(
        None, "MAIL FROM:<eve@else.test>", "RCPT TO:<bob@us.test>", "DATA",
        *header.split("\r\n"), "", *inner.split("\r\n"), ".",
    )  # fmt: skip
    assert told[-1].startswith("250")
    assert "\nTrustctl-Peer: foo; domain=foo.test\nSubject: y" in asking.mailbox


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
    told = asking.told(
        FOO, "MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>", *message,
        "MAIL FROM:<eve@elsewhere.test>", "RCPT TO:<bob@us.test>", *message,
        "MAIL FROM:<>", "RCPT TO:<x@elsewhere.test>", "RSET", "MAIL FROM:<ann@bar.test>",
        "RCPT TO:<x@elsewhere.test>",
    )  # fmt: skip
    assert [one[:3] for one in told[:8]] == ["250", "250", "354", "250", "250", "250", "354", "250"]
    assert asking.mailbox.count("Trustctl-Peer") == 1
    assert [one[:2] for one in told[8:]] == ["25", "45", "25", "25", "45"]  # Postfix puts it off


def test_a_pipelined_impostor_is_refused(asking: Server) -> None:
    """The whole dialogue in one write (RFC 2920)."""
    told = asking.told(
        STRANGER, "MAIL FROM:<ann@foo.test>", "RCPT TO:<bob@us.test>", "DATA", "QUIT",
        how="pipelined",
    )  # fmt: skip
    assert [one[:3] for one in told] == ["250", "550", "554", "221"]


def test_the_partner_relays_as_itself_alone(asking: Server) -> None:
    """To anybody, without a password; others do not, nor does it as somebody else."""
    assert asking.mail(FOO, "ann@foo.test", "x@elsewhere.test")[1].startswith("250")
    for made, sender in (
        (STRANGER, "eve@elsewhere.test"), (FOO, "eve@elsewhere.test"), (FOO, ""),
        (BAR, "ann@bar.test"), (FOO, "ann@bar.test"), (FOO, "foo.test!ann%bar.test"),
    ):  # fmt: skip
        told = asking.mail(made, sender, "x@elsewhere.test")[1]
        assert told[:3] in ("454", "550"), (sender, told)
    for odd in ("x%elsewhere.test@other.test", "elsewhere.test!x@other.test",
                '"x@elsewhere.test"@other.test'):  # fmt: skip
        assert not asking.mail(FOO, "ann@foo.test", odd)[1].startswith("250"), odd


def test_nobody_is_told_whom_we_trust(asking: Server) -> None:
    """A client sees no name of an authority; a file of them would be sent, and an audit says so."""

    def seen() -> str:
        command = ["openssl", "s_client", "-connect", f"{asking.address}:25", "-starttls", "smtp"]
        return asking.network.run(command, stdin=b"QUIT\r\n").stdout.decode()

    told = seen()
    assert "No client certificate CA names sent" in told
    assert "Requested Signature Algorithms" in told  # it asks for one
    (asking.base / "names.pem").write_bytes(BAR.pem)
    try:
        asking.set("smtpd_tls_CAfile=/mnt/names.pem")
        assert "CN = mx.bar.test" in seen().partition("Acceptable client certificate CA names")[2]
        assert "smtpd_tls_CAfile names a file" in asking.trustctl("audit", code=1)
    finally:
        asking.ok("postconf", "-c", CONF, "-X", "smtpd_tls_CAfile")
        asking.reload()
    assert "No client certificate CA names sent" in seen()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_resumed_session_is_judged_too(version: str, asking: Server) -> None:
    """Who resumes has what the session began with, and no more."""
    dialogue = b"EHLO x.test\nMAIL FROM:<ann@foo.test>\nRCPT TO:<bob@us.test>\nQUIT\n"
    for made, answer in ((FOO, "\n250 2.1.5 Ok"), (None, "\n550 5.7.5")):
        first, again = asking.resumed(version, dialogue, made)
        assert answer in first
        assert answer in again
        assert "\nNew, TLS" in first
        assert "\nReused, TLS" in again


def test_a_list_may_send_where_it_is_allowed(asking: Server) -> None:
    """From its network, unmarked and without a certificate; from elsewhere nobody may."""
    assert asking.mail(None, "ann@foo.test", how="plain")[1].startswith("550")
    asking.trustctl("set", "foo", "--allow-from", f"{asking.address}/32", "--allow-from", "::1/128")
    asking.export()
    assert asking.mail(None, "ann@foo.test", how="plain")[-1].startswith("250")
    assert "Trustctl-Peer" not in asking.mailbox
    assert "trustctl: allowed, not verified; from=<ann@foo.test>" in asking.logged_lines()
    assert asking.mail(None, "ann@foo.test", "x@elsewhere.test")[1].startswith("45")  # no relay
    asking.trustctl("set", "foo", "--allow-from", "198.51.100.0/24")
    asking.trustctl("export", "--format", "postfix", "--to", CONF)  # no reload: it is read anew
    assert asking.mail(None, "ann@foo.test", how="plain")[1].startswith("550")
    asking.trustctl("set", "foo", "--no-allow-from")
    asking.export()


def test_a_pin_that_is_distrusted_is_refused(asking: Server) -> None:
    """And where none is left the mail waits with the partner, instead of bouncing."""
    assert asking.mail(GONE, "ann@gone.test")[-1].startswith("250")
    asking.trustctl("distrust", GONE.fingerprint, "--reason", "stolen", "--yes")
    asking.export("--yes")
    for made in (GONE, STRANGER, None):
        assert asking.mail(made, "ann@gone.test")[1].startswith("451 4.7.5")


@pytest.mark.parametrize("damage", ["empty", "zeroed", "missing", "half", "gone"])
def test_a_damaged_map_lets_nobody_be_anybody(damage: str, asking: Server) -> None:
    """All mail is put off, whoever it is from; bounces are taken."""
    data = (asking.conf / "trustctl" / "current" / "inbound" / "senders.map").resolve()
    before = data.read_bytes()
    folder, hidden = data.parent, data.parent.with_name("hidden")
    new = {"empty": b"", "zeroed": bytes(len(before)), "half": before[: before.index(b"\n") + 1]}
    try:
        if damage == "gone":
            folder.rename(hidden)
        else:
            data.unlink()
        if damage in new:
            data.write_bytes(new[damage])
        for sender in ("ann@foo.test", "eve@elsewhere.test"):
            assert asking.mail(FOO, sender)[1].startswith("451 4.3.0"), sender
        assert asking.mail(None, "")[0].startswith("250")
    finally:
        if damage == "gone":
            hidden.rename(folder)
        data.write_bytes(before)
        data.chmod(0o644)
    assert asking.mail(FOO, "ann@foo.test")[-1].startswith("250")


def test_who_does_not_answer_opens_nothing(asking: Server) -> None:
    """A program that is gone, or is not what was written: all mail is put off, an audit says why,
    and the next export mends it."""
    program = asking.conf / "trustctl" / "live" / "senders.py"
    program.write_text("raise SystemExit(1)\n")
    asking.reload()
    try:
        assert asking.mail(None, "ann@foo.test")[1].startswith("451")
        assert "senders.py is not what trustctl wrote" in asking.trustctl("audit", code=1)
    finally:
        asking.export()
    assert asking.mail(None, "ann@foo.test")[1].startswith("550")
    assert "mta-differs" not in asking.trustctl("audit", "--fail-on", "never")
