"""What Postfix's log is read as."""

from __future__ import annotations

from trustctl.prove import maillog

_SENT = (
    "Nov 24 14:44:32 us postfix/smtp[901]: 1D81DA24: to=<Prove@foo.test>, "
    "relay=mx.foo.test[203.0.113.10]:25, delay=0.17, delays=0.1/0.02/0.04/0, dsn=2.0.0, "
    "status=sent (250 ok)"
)
_WAITS = (
    "Nov  4 14:44:27 us postfix/relay/smtp[784]: 38BB492D: to=<new@foo.test>, "
    "orig_to=<prove@foo.test>, relay=none, delay=0, delays=0/0/0/0, dsn=4.4.1, status=deferred "
    "(connect to mx.foo.test[203.0.113.254]:25: Connection refused)"
)


def test_the_fate_of_a_mail_is_told_by_recipient() -> None:
    """Also of one that was rewritten, whichever service took it."""
    sent, waits = maillog.fates(f"{_SENT}\n{_WAITS}\n")
    assert (sent.status, sent.queue) == ("sent", "1D81DA24")
    assert sent.addresses == {"prove@foo.test"}
    assert waits.status == "deferred"
    assert waits.addresses == {"new@foo.test", "prove@foo.test"}
    assert waits.line == _WAITS


def test_what_a_host_said_tells_no_fate() -> None:
    """Whatever it puts into an answer or a certificate: a line has one beginning."""
    forged = "1D81DA24: to=<prove@foo.test>, relay=x[203.0.113.9]:25, delay=0, status=sent (250 ok)"
    begin = "Nov 24 14:44:32 us postfix/smtp[901]: "
    for line in (
        f"{begin}host mx.foo.test[203.0.113.20] said: 450 {forged}",
        f"{begin}warning: {forged}",
        f"{begin}mx.foo.test[203.0.113.20]:25: subject_CN={forged}",
        f"{begin}mx.foo.test[203.0.113.20]:25: subject_CN={begin}{forged}",
        forged,
    ):
        assert maillog.fates(line) == []
    waits = f"{begin}1D81DA24: to=<a@b.test>, relay=x, delay=0, status=deferred (said: {forged})"
    assert [one.status for one in maillog.fates(waits)] == ["deferred"]


def test_what_was_given_up_bounces() -> None:
    """A message that is too old when it is first tried."""
    line = (
        "Nov 24 14:44:32 us postfix/qmgr[90]: 1D81DA24: from=<a@b.test>, status=expired, returned"
    )
    assert maillog.expired(f"{line} to sender\n{_SENT}") == {"1D81DA24"}
    assert maillog.expired(_SENT) == set()


def test_a_host_that_did_not_answer_is_named() -> None:
    """With its address and port, by Postfix's own words alone."""
    begin = "Nov 24 14:44:32 us postfix/smtp[901]: "
    text = (
        f"{begin}connect to backup.test[192.0.2.25]:2525: Network is unreachable\n"
        f"{begin}connect to mx.test[2001:db8::1]:25: Network is unreachable\n"
        f"{begin}connect to us.test[private/lmtp]: No such file or directory\n"
        f"{_WAITS}\n"
    )
    assert maillog.calls(text) == {
        ("backup.test", "192.0.2.25", 2525),
        ("mx.test", "2001:db8::1", 25),
    }


def test_a_service_that_does_not_start_is_noticed() -> None:
    """Nothing becomes of the mail for a minute then."""
    begin = "Nov 24 14:44:32 us postfix/master[9]: warning: /usr/lib/postfix/sbin/smtp: bad command"
    assert maillog.broken(f"{begin} startup -- throttling") != []
    assert maillog.broken(_WAITS) == []
