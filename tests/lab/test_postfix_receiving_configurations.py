"""A Postfix that receives, as administrators set it up: what is composed with what is there, what
is refused, and that nothing is left."""

from __future__ import annotations

from itertools import count

import pytest

from tests import certs
from tests.authority import OwnCa
from tests.console import Console
from tests.lab.conftest import unavailable
from tests.lab.lab import Lab
from tests.lab.postfix import UNPACKED
from tests.lab.postfix_server import CONF, Server
from tests.lab.senders import fingerprint
from tests.publish.box import tree

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-postfix-receiving")]

OWN = certs.self_signed("mx.us.test")
FOO = certs.self_signed("mx.foo.test", ca=False)
STRANGER = certs.self_signed("mx.foo.test", ca=False)
_NUMBER = count()
# what an administrator has already: lists of his own, over several lines, and a way in of its own
OWN_LISTS = """
smtpd_sender_restrictions =
    check_sender_access inline:{{ {{blocked.test = 550 blocked here}} }},
    permit_mynetworks
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
header_checks = regexp:/mnt/own_headers
"""


def _made(lab: Lab, main: str = "", master: str = "") -> Server:
    if not UNPACKED.is_dir():
        unavailable(f"Postfix is not unpacked in {UNPACKED}: tests/run does that")
    made = Server(lab, OWN, f"postfix-set-{next(_NUMBER)}.test", main, master)
    (made.base / "own_headers").write_text("/^X-Own:/ REPLACE X-Own: seen\n")
    made.add(FOO, "foo", "--inbound", "require", "--relay")
    return made


def _holds(host: Server) -> bool:
    """Whether foo may send and nobody else."""
    host.clear()
    stranger = host.mail(STRANGER, "ann@foo.test")[1]
    return stranger.startswith("550 5.7.5") and host.mail(FOO, "ann@foo.test")[1][:3] == "250"


def test_it_is_composed_with_what_is_there_and_taken_out_again(lab: Lab) -> None:
    """Ours is asked first, the administrator's lists decide after it; what is off for all is taken
    out; and uninstall leaves every byte as it was, of main.cf and of master.cf."""
    host = _made(lab, OWN_LISTS)
    before = tree(host.conf)
    lists = {
        one: host.value(one)
        for one in ("smtpd_sender_restrictions", "smtpd_relay_restrictions",
                    "smtpd_data_restrictions", "header_checks", "nested_header_checks")
    }  # fmt: skip
    host.export()
    assert _holds(host)
    for name, own in lists.items():
        assert host.value(name).endswith(own), name
        assert (host.value(name) != own) == (name != "nested_header_checks")
    assert host.mail(None, "eve@blocked.test")[1].startswith("550 5.7.1")
    host.clear()
    assert host.mail(FOO, "ann@foo.test", header="X-Own: mine")[-1].startswith("250")
    assert "X-Own: seen" in host.mailbox
    assert "Trustctl-Peer: foo" in host.mailbox
    assert host.mail(None, "eve@else.test", "x@elsewhere.test")[1].startswith("554")
    assert host.mail(FOO, "ann@foo.test", "x@elsewhere.test")[1].startswith("250")
    # without --relay that list is the administrator's again
    host.trustctl("set", "foo", "--no-relay")
    host.export()
    assert host.value("smtpd_relay_restrictions") == lists["smtpd_relay_restrictions"]
    assert host.mail(FOO, "ann@foo.test", "x@elsewhere.test")[1].startswith("554")
    assert "nothing has changed" in host.export()
    host.trustctl("set", "foo", "--inbound", "off")
    host.trustctl("export", "--format", "postfix", "--to", CONF)
    # Postfix goes on asking, and gets an answer
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")
    host.export()
    for name, own in lists.items():
        assert host.value(name) == own
    assert host.value("smtpd_tls_ask_ccert") == "no"
    assert host.ok("postconf", "-c", CONF, "-M", "trustctl/unix") == ""
    assert before_master(host) == before_master(host, before)
    live = sorted(one.name for one in (host.conf / "trustctl" / "live").iterdir())
    assert not {"senders.py", "word", "marks"} & set(live), live
    host.trustctl("set", "foo", "--inbound", "require")
    host.export()
    assert _holds(host)
    host.trustctl("uninstall", "--from", CONF, "--yes")
    assert tree(host.conf) == before
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")


def before_master(host: Server, seen: dict[str, str] | None = None) -> list[str]:
    """master.cf, as :func:`tree` tells of it."""
    return [v for k, v in (seen or tree(host.conf)).items() if k.endswith("master.cf")]


def test_what_was_changed_since_stays(lab: Lab) -> None:
    """Only ours is taken out of what somebody edited after the export; a default comes back as
    one."""
    host = _made(lab)
    host.export()
    host.set("mynetworks = 203.0.113.0/24")
    host.ok("postconf", "-c", CONF, "-M", "extra/unix=extra unix - - n - - discard")
    host.set("smtpd_sender_restrictions = $OLD, reject_unknown_sender_domain".replace(
        "$OLD", host.value("smtpd_sender_restrictions")))  # fmt: skip
    host.trustctl("uninstall", "--from", CONF, "--yes")
    given = host.ok("postconf", "-c", CONF, "-n")
    assert "trustctl" not in given + host.ok("postconf", "-c", CONF, "-M")
    assert host.value("smtpd_sender_restrictions") == "reject_unknown_sender_domain"
    for name in ("smtpd_relay_restrictions", "smtpd_data_restrictions", "header_checks",
                 "nested_header_checks", "ask_ccert", "smtpd_tls_fingerprint"):  # fmt: skip
        assert name not in given
    assert "extra " in host.ok("postconf", "-c", CONF, "-M")
    assert not (host.conf / "trustctl").exists()


PAST = {
    "sender": ("-o smtpd_sender_restrictions=permit", "nobody is asked first"),
    "blind": ("-o smtpd_tls_security_level=none", "no client can show its certificate"),
    "silent": ("-o smtpd_tls_ask_ccert=no", "no client is asked for its certificate"),
    "md5": ("-o smtpd_tls_fingerprint_digest=md5", "the pins are"),
    "mark": ("-o receive_override_options=no_header_body_checks", "a mark may be forged"),
    "data": ("-o smtpd_data_restrictions=", "smtpd_data_restrictions does not begin"),
}


def test_a_service_that_leads_past_it_is_refused(lab: Lab) -> None:
    """What master.cf sets for one way in counts for that one: nothing is put in force, and every
    byte is as it was."""
    options = " ".join(option for option, _said in PAST.values())
    host = _made(lab, master=f"ADDRESS:587 inet n - n - - smtpd {options}\n")
    before = tree(host.conf)
    told = host.export(code=8)
    for _option, said in PAST.values():
        assert f"{host.address}:587/inet: " in told
        assert said in told
    now = tree(host.conf)
    assert {k: v for k, v in now.items() if "trustctl" not in k} == before
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")


def test_a_filter_on_this_machine_is_let_and_named(lab: Lab) -> None:
    """What a content filter hands back arrives at a port of this machine alone: an audit names it,
    and it keeps the mark that was made on the way in."""
    options = "-o smtpd_sender_restrictions= -o receive_override_options=no_header_body_checks"
    master = f"127.0.0.1:10025 inet n - n - - smtpd {options}\n"
    host = _made(lab, master=master)
    host.export()
    assert _holds(host)
    told = host.trustctl("audit", code=1)
    assert "mta-differs" not in told
    assert "127.0.0.1:10025/inet" in told
    assert "it listens on this machine alone" in told
    # in the middle of the dialogue it hands on what nobody has looked through yet
    host.ok("postconf", "-c", CONF, "-e", "smtpd_proxy_filter=127.0.0.1:10024")
    assert "receive_override_options has no_header_body_checks" in host.export(code=8)


def test_a_service_for_users_may_have_its_own_lists(lab: Lab) -> None:
    """As Debian's submission has, with ours first among the senders': users are not the partner
    either; who may relay there is the administrator's."""
    ours = "check_policy_service { unix:private/trustctl, policy_context=sender }"
    master = (
        f"ADDRESS:587 inet n - n - - smtpd -o {{ smtpd_sender_restrictions = {ours} permit }}\n"
        "  -o smtpd_relay_restrictions=permit_mynetworks,reject "
        "-o smtpd_tls_security_level=encrypt\n"
    )
    host = _made(lab, master=master)
    host.export()
    assert _holds(host)
    assert "mta" not in host.trustctl("audit")


def test_what_is_left_without_the_state_is_taken_out(lab: Lab) -> None:
    """Whoever lost the file that says how main.cf was, gets rid of ours all the same."""
    host = _made(lab)
    host.export()
    (host.conf / "trustctl" / "live" / "state.json").unlink()
    host.trustctl("uninstall", "--from", CONF, "--yes")
    assert "trustctl" not in host.ok("postconf", "-c", CONF, "-n")
    assert "trustctl" not in host.ok("postconf", "-c", CONF, "-M")
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")


def test_where_nobody_could_be_verified_it_says_so(lab: Lab) -> None:
    """All mail as the peer would be refused, or some address would pass: it is not put in force."""
    host = _made(lab)
    host.ok("postconf", "-c", CONF, "-e", "smtpd_tls_security_level=none",
            "smtpd_tls_chain_files=", "append_dot_mydomain=yes")  # fmt: skip
    before = tree(host.conf)
    told = host.export(code=8)
    assert "no client can show its certificate" in told
    assert "Postfix has no certificate as a server" in told
    assert "append_dot_mydomain is yes" in told
    now = tree(host.conf)
    assert {k: v for k, v in now.items() if "trustctl" not in k} == before


def test_an_edit_is_noticed(lab: Lab) -> None:
    """Audit asks Postfix itself; the next export mends it."""
    host = _made(lab)
    host.export()
    host.ok("postconf", "-c", CONF, "-e", "smtpd_sender_restrictions=permit",
            "smtpd_tls_ask_ccert=no", "header_checks=")  # fmt: skip
    host.ok("postconf", "-c", CONF, "-MX", "trustctl/unix")
    told = host.trustctl("audit", code=1)
    for says in (
        "smtpd_sender_restrictions does not begin with what trustctl wrote: nobody is asked first",
        "smtpd_tls_ask_ccert is not yes: no client is asked for its certificate",
        "header_checks does not begin with what trustctl wrote: a mark may be forged",
        "master.cf: the service trustctl/unix is not what trustctl wrote",
    ):
        assert says in told
    host.export()
    assert _holds(host)
    host.trustctl("audit")


def test_what_comes_back_answers(lab: Lab) -> None:
    """A generation from before, that does not say who may send, is not put under a Postfix that
    asks: all its mail would be put off."""
    host = _made(lab)
    host.trustctl("set", "foo", "--inbound", "off")
    host.export()
    host.trustctl("set", "foo", "--inbound", "require")
    shown = host.trustctl("export", "--format", "postfix", "--to", CONF, "--dry-run", "--diff")
    assert "+ from foo.test: peer=foo mode=require pins=" in shown
    assert "inbound-not-exported" in host.trustctl("audit", code=1)
    told = host.trustctl("export", "--format", "postfix", "--to", CONF)
    assert "who may send as which domain is asked with --reload alone" in told
    host.export()
    told = host.trustctl("rollback", "1", "--of", CONF, "--yes", code=7)
    assert "all mail from outside would be put off" in told
    assert _holds(host)


def test_a_chrooted_server_asks_too(lab: Lab) -> None:
    """Debian's server and cleanup are chrooted: the socket lies in the queue's folder, and tables
    are opened before."""
    host = _made(lab, "compatibility_level = 3.6\n")
    for one in (f"{host.address}:smtp/inet", "cleanup/unix"):
        host.ok("postconf", "-c", CONF, "-F", f"{one}/chroot=y")
    host.export()
    assert _holds(host)
    host.clear()
    assert host.mail(FOO, "ann@foo.test", header="Trustctl-Peer: forged")[-1].startswith("250")
    assert host.mailbox.count("Trustctl-Peer") == 1
    assert "forged" not in host.mailbox


def test_two_servers_know_each_other(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each requires the other's certificate, and presents its own when it sends: the pair that our
    CA made, set as share/doc/receiving.md says; in both directions."""
    with pytest.MonkeyPatch.context() as patch:
        ca = OwnCa(Console(tmp_path_factory.mktemp("ca")), patch)
        ca.init("--permit", "one.test", "--permit", "two.test")
        hosts = {}
        for name in ("one.test", "two.test"):
            host = Server(lab, OWN, f"mx.{name}")
            hosts[name] = host
            ca.console("ca", "issue", f"mx.{name}", "--out", str(host.base / "tls"))
            pair = f"/mnt/tls/mx.{name}.key, /mnt/tls/mx.{name}.crt"
            host.set(f"virtual_mailbox_domains={name}", f"smtpd_tls_chain_files={pair}",
                     f"smtp_tls_chain_files={pair}")  # fmt: skip
            lab.network.mail_for(name, (f"mx.{name}", host.address))
        for name, host in hosts.items():
            other = next(one for one in hosts if one != name)
            chain = (hosts[other].base / "tls" / f"mx.{other}.crt").read_bytes()
            (host.base / "peer.pem").write_bytes(chain)
            leaf = fingerprint(certs.openssl("x509", "-outform", "DER", stdin=chain))
            host.trustctl(
                "add", "/mnt/peer.pem", "--peer", other[:3], "--domain", other, "--fingerprint",
                leaf, "--via", "phone", "--vouched-by", "Ann <ann@us.test>", "--inbound", "require",
            )  # fmt: skip
            host.export("--yes")
        for name, host in hosts.items():
            other = next(one for one in hosts if one != name)
            assert host.send(f"bob@{other}", sender=f"ann@{name}").went
            assert f"trustctl: verified {name[:3]}: " in hosts[other].log()
            # the same without it: from anybody, and from us where it is not set
            assert hosts[other].mail(None, f"ann@{name}", "postmaster")[2].startswith("550 5.7.5")
        one = hosts["one.test"]
        one.set("smtp_tls_chain_files=")
        sent = one.send("bob@two.test", sender="ann@one.test")
        assert sent.status["bob@two.test"] == "bounced"
        assert "550 5.7.5" in sent.text
