"""Proof on a real Postfix: what is installed holds, and what leads past it is found out."""

from __future__ import annotations

import pytest

from tests import certs
from tests.prove.postfix_site import PostfixSite
from tests.prove.site import Proof

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove-postfix")]

_TABLE = "hash:/etc/postfix/trustctl/live/tls_policy"
_EXPORT = "trustctl export --format postfix --to /etc/postfix --reload"
_NONE = "smtp_tls_policy_maps="
_LEVELS: dict[str, tuple[tuple[str, ...], set[str], set[str]]] = {
    "may": ((), {"self-signed", "public-ca", "stripped"}, set()),
    "encrypt": (("smtp_tls_security_level=encrypt",), {"self-signed"}, {"stripped", "refused"}),
    "dane": (
        ("smtp_tls_security_level=dane", "smtp_dns_support_level=dnssec"),
        {"tlsa", "stripped", "self-signed"},
        set(),
    ),
    "dane-only": (
        ("smtp_tls_security_level=dane-only", "smtp_dns_support_level=dnssec"),
        {"tlsa"},
        {"self-signed", "stripped"},
    ),
    "public-folder": (("smtp_tls_security_level=verify",), {"public-ca"}, {"self-signed"}),
    "public-file": (
        ("smtp_tls_security_level=verify", "smtp_tls_CApath=", "smtp_tls_CAfile=/etc/postfix/all"),
        {"public-ca"},
        {"self-signed"},
    ),
    "public-service": (
        (
            "smtp_tls_CApath=",
            "smtp/unix/smtp_tls_security_level=verify",
            "smtp/unix/smtp_tls_CAfile=/etc/postfix/all",
        ),
        {"public-ca"},
        {"self-signed"},
    ),
}
"""What people have instead of a policy: to whom it delivers, and to whom not."""
_PAST = {
    "relayhost": "relayhost=smart.test",
    "transport": "transport_maps=inline:{foo.test=smtp:[mx.foo.test]}",
    "everything": "transport_maps=inline:{*=smtp:[smart.test]}",
    "fallback": "smtp_fallback_relay=[backup.test]",
    "table-before": f"smtp_tls_policy_maps=inline:{{foo.test=may}}, {_TABLE}",
    "service": "smtp/unix/smtp_tls_policy_maps=",
    "rewritten": "recipient_canonical_maps=inline:{prove@foo.test=bob@elsewhere.test}",
}


def test_what_export_installs_holds(postfix_proof: Proof) -> None:
    """The true peer gets its mail, every attack is deferred, with throwaway data and installed."""
    assert postfix_proof.failed == set()
    assert postfix_proof.problems == []
    assert postfix_proof.did("none") == {"delivered"}
    rows = postfix_proof.rows
    assert {one["data"] for one in rows if one["did"] == "delivered"} == {"throwaway"}
    assert {one["did"] for one in rows} == {"delivered", "deferred"}
    played = [one for one in rows if not one["attack"].startswith("data-")]
    assert all(one["reached"] for one in played), "what was never connected to proves nothing"
    assert all(one["log"] for one in rows)


@pytest.mark.parametrize("what", _LEVELS)
def test_a_level_without_a_policy_is_found_out(postfix: PostfixSite, what: str) -> None:
    """Each delivers to whom it is known to deliver; the true peer cannot be played, and what to
    type is said."""
    settings, fails, holds = _LEVELS[what]
    public = postfix.box.root / "etc/ssl/certs"
    (postfix.box.etc / "all").write_bytes((public / "ca-certificates.crt").read_bytes())
    # as configure-instance.sh does when the service starts: its clients are chrooted
    inside = postfix.box.root / "var/spool/postfix/etc/ssl/certs"
    inside.mkdir(parents=True, exist_ok=True)
    some = sorted(public.glob("*.0"))[0]
    (inside / some.name).write_bytes(some.read_bytes())
    with postfix.edited(_NONE, *settings):
        proof = postfix.some(*fails, *holds)
    assert proof.failed == {*fails, "none"}
    for attack in holds:
        assert proof.did(attack, "installed") == {"deferred"}
    assert proof.did("none") == {"not tried"}
    assert proof.problems == [f"smtp_tls_policy_maps names no table of trustctl's: {_EXPORT}"]


def test_a_file_of_a_partner_s_authority_alone_is_no_public_store(postfix: PostfixSite) -> None:
    """The played public authority is not put into it."""
    (postfix.box.etc / "own.pem").write_bytes(certs.authority("Foo CA").pem)
    verify = (
        "smtp_tls_security_level=verify",
        "smtp_tls_CApath=",
        "smtp_tls_CAfile=/etc/postfix/own.pem",
    )
    try:
        with postfix.edited(_NONE, *verify):
            assert postfix.some("public-ca").did("public-ca", "installed") == {"deferred"}
    finally:
        (postfix.box.etc / "own.pem").unlink()


@pytest.mark.parametrize("what", _PAST)
def test_what_leads_past_the_policy_is_found_out(postfix: PostfixSite, what: str) -> None:
    """By an impostor's getting the mail, whatever trustctl's table holds."""
    with postfix.edited(_PAST[what]):
        proof = postfix.some("self-signed")
    assert "self-signed" in proof.failed
    assert proof.did("self-signed", "installed") == proof.did("self-signed") == {"delivered"}


def test_a_host_that_nobody_can_play_is_named(postfix: PostfixSite) -> None:
    """A fallback at an address of its own and another port does not answer in here: every attack
    waits, but it is no proof."""
    with postfix.edited("smtp_fallback_relay=[192.0.2.25]:2525"):
        proof = postfix.some("self-signed")
    assert proof.failed == set()
    (problem,) = proof.problems
    assert "192.0.2.25[192.0.2.25]:2525, which nobody's DNS names" in problem


@pytest.mark.parametrize(
    "name", ["sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"]
)
def test_a_route_by_sender_is_told(postfix: PostfixSite, name: str) -> None:
    """It was not played: nobody knows who sends."""
    with postfix.edited(f"{name}=inline:{{ann@us.test=smtp:[smart.test]}}"):
        proof = postfix.some("self-signed")
    assert proof.failed == set()
    assert proof.problems == [
        f"{name} is set: mail of some senders is taken elsewhere, and that was not played"
    ]


def test_the_table_of_spellings_is_missed(postfix: PostfixSite) -> None:
    """Without it a full-width letter leads past the policy."""
    with postfix.edited(f"smtp_tls_policy_maps={_TABLE}"):
        proof = postfix.some("spelling", "self-signed", "capitals")
    assert proof.failed == {"spelling"}
    assert proof.did("spelling") == {"delivered"}
    with postfix.edited(f"smtp_tls_policy_maps={_TABLE}", "smtputf8_enable=no"):
        assert postfix.some("spelling").did("spelling") == {"not tried"}


def test_a_digest_that_is_not_the_pins_is_found_out(postfix: PostfixSite) -> None:
    """Nobody gets any mail then, the true peer neither."""
    with postfix.edited("smtp_tls_fingerprint_digest=md5"):
        proof = postfix.some("self-signed")
    assert proof.failed == {"none"}
    assert proof.did("none") == {"deferred"}


def test_open_connections_serve_their_own_domain_alone(postfix: PostfixSite) -> None:
    """Where TLS connections are used again, too."""
    service = "tlsproxy/unix=tlsproxy unix - - y - 0 tlsproxy"  # Debian's master.cf has none
    with postfix.edited("smtp_tls_connection_reuse=yes"):
        postfix.box.command("postconf", "-M", service)
        proof = postfix.some("waiting", "two-domains", "spoofed")
    assert (proof.failed, proof.problems) == (set(), [])
    assert proof.did("waiting") == {"deferred"}


def test_filters_and_copies_are_left_out(postfix: PostfixSite) -> None:
    """Who looks at mail, or gets a copy of it, is not in the namespace: that is no failure."""
    beside = (
        "content_filter=smtp:[127.0.0.1]:10024",
        "pickup/unix/content_filter=smtp:[127.0.0.1]:10024",
        "non_smtpd_milters=unix:/run/milter",
        "always_bcc=archive@elsewhere.test",
        "maillog_file=/var/log/mail.of.somebody",
        "inet_interfaces=192.0.2.1",
    )
    with postfix.edited(*beside):
        proof = postfix.some("self-signed")
    assert (proof.failed, proof.problems) == (set(), [])
    assert proof.did("none") == {"delivered"}
