"""Where the lists go in Exim's configuration, what is kept of the user's, and how they get out."""

from __future__ import annotations

import os
import sys

import pytest

from tests import certs
from tests.authority import OwnCa
from tests.console import Console
from tests.lab.lab import Lab
from tests.lab.server import TO_FILES, Server, server

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-receiving")]

OWN = certs.self_signed("mx.us.test")
FOO = certs.self_signed("mx.foo.test", ca=False)
_OWN_LISTS = (
    "acl_own_mail:\n"
    "  deny\n    senders = *@blocked.test : blocked@foo.test\n    message = blocked here\n"
    "  discard\n    senders = *@void.test\n  drop\n    senders = *@drop.test\n"
    "    message = go away\n  accept\n"
)


def _asking(lab: Lab, name: str, *, split: bool = True, macros: str = "") -> Server:
    def make() -> Server:
        made = server(lab, OWN, name, split=split, macros=macros)
        made.add(FOO, "foo")
        made.put("conf.d/acl/10_own", _OWN_LISTS)
        if not split:
            template = made.etc / "exim4.conf.template"
            text = template.read_text()
            template.write_text(text.replace("begin acl\n", f"begin acl\n{_OWN_LISTS}", 1))
        made.export("--yes")
        return made

    found = lab.sender(name, make)
    found.trustctl("set", "foo", "--inbound", "require")
    found.export()
    found.clear()
    return found


def _holds(host: Server) -> bool:
    """Whether the partner is taken and nobody else."""
    taken = host.mail(FOO, "ann@foo.test")[-1]
    return taken.startswith("250") and host.mail(None, "ann@foo.test")[0].startswith("550 5.7.5")


@pytest.mark.parametrize("split", [True, False])
def test_the_users_own_list_decides_after_ours(lab: Lab, split: bool) -> None:
    """A list that somebody named is not lost, whatever it decides; in both layouts."""
    macros = "MAIN_ACL_CHECK_MAIL = acl_own_mail\n"
    host = _asking(lab, f"own-{split}.test", split=split, macros=macros)
    host.trustctl("set", "foo", "--relay")
    host.export()
    assert _holds(host)
    assert host.mail(None, "x@blocked.test")[0] == "550 blocked here"
    assert host.mail(None, "x@else.test", "bob@us.test")[-1].startswith("250")
    assert host.told(None, "MAIL FROM:<x@drop.test>") == ["550 go away"]
    host.clear()
    # what was verified of a message that the user's list refused is no good for the next
    told = host.told(
        FOO, "MAIL FROM:<blocked@foo.test>", "MAIL FROM:<>", "RCPT TO:<x@elsewhere.test>",
        "RCPT TO:<bob@us.test>", "DATA", "Subject: x", "", "x", ".",
    )  # fmt: skip
    assert [one[:3] for one in told] == ["550", "250", "550", "250", "354", "250"]
    assert "Trustctl-Peer" not in host.mailbox
    host.clear()
    assert host.mail(None, "x@void.test")[0].startswith("250")
    assert host.mailbox == ""
    assert "nothing found" in host.trustctl("audit") or "mta" not in host.trustctl("audit")


def test_unsplit_as_it_comes(lab: Lab) -> None:
    """Debian's default layout, with Debian's own lists; out again with uninstall, to the byte."""
    name = "unsplit.test"
    host = server(lab, OWN, name, split=False)
    host.add(FOO, "foo")
    before = host.tree()
    host.export("--yes")
    sending = host.tree()
    host.trustctl("set", "foo", "--inbound", "require")
    told = host.export()
    assert "it decides who may send as which domain" in told
    assert _holds(host)
    host.trustctl("set", "foo", "--inbound", "off")
    host.export()
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")
    template = str(host.etc / "exim4.conf.template")
    assert {k: v for k, v in host.tree().items() if k.endswith(template)} == {
        k: v for k, v in sending.items() if k.endswith(template)
    }
    host.trustctl("set", "foo", "--inbound", "require")
    host.export()
    host.trustctl("uninstall", "--from", "/etc/exim4", "--yes")
    assert host.tree() == before
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")


def test_off_takes_the_lists_out(lab: Lab) -> None:
    """Without --reload Exim goes on asking, and gets an answer: no mail is lost on the way."""
    host = _asking(lab, "off.test")
    assert _holds(host)
    host.trustctl("set", "foo", "--inbound", "off")
    shown = host.trustctl("export", "--to", "/etc/exim4", "--dry-run", "--diff")
    assert "- from foo.test: peer=foo mode=require pins=" in shown
    assert "who may send as these is told no longer: foo.test" in shown
    assert _holds(host)
    host.trustctl("export", "--to", "/etc/exim4")
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")
    assert host.mail(None, "eve@elsewhere.test")[-1].startswith("250")
    host.export()
    assert host.ok("exim4", "-bP", "acl_smtp_mail") == "acl_smtp_mail = acl_check_mail\n"
    assert not (host.etc / "conf.d" / "acl" / "050_trustctl").exists()
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")


def test_a_dry_run_tells_who_may_send(lab: Lab) -> None:
    """And changes nothing."""
    host = _asking(lab, "off.test")
    host.trustctl("set", "foo", "--inbound", "offer", "--allow-from", "192.0.2.0/24")
    before = host.tree()
    shown = host.trustctl("export", "--to", "/etc/exim4", "--dry-run", "--diff")
    assert "+ from foo.test: peer=foo mode=offer pins=" in shown
    assert "hosts=192.0.2.0/24" in shown
    assert host.tree() == before
    assert "inbound-not-exported" in host.trustctl("audit", code=1)


def test_what_comes_back_answers(lab: Lab) -> None:
    """A generation from before, that does not say who may send, is not put under an Exim that asks:
    all its mail would be put off."""
    host = _asking(lab, "off.test")
    first = host.trustctl("generations", "--of", "/etc/exim4")
    assert first
    numbers = sorted((host.etc / "trustctl" / "generations").iterdir())
    silent = [one for one in numbers if not (one / "inbound").exists()]
    assert silent
    told = host.trustctl(
        "rollback", str(int(silent[0].name)), "--of", "/etc/exim4", "--yes", code=7
    )
    assert "all mail from outside would be put off" in told
    assert _holds(host)


@pytest.mark.parametrize(
    ("macro", "says"),
    [
        ("MAIN_TLS_ADVERTISE_HOSTS = \n", "Exim offers TLS to nobody"),
        ("MAIN_TLS_TRY_VERIFY_HOSTS = :\n", ""),
        ("MAIN_ACL_CHECK_RCPT = acl_check_rcpt\n", ""),
    ],
)
def test_macros_that_stand_already(lab: Lab, macro: str, says: str) -> None:
    """Where nobody could show a certificate it is not put in force; what ours replaces is ours."""
    name = f"macros-{abs(hash(macro)) % 1000}.test"
    host = server(lab, OWN, name, macros=macro)
    host.add(FOO, "foo")
    host.export("--yes")
    before = host.ok("exim4", "-bP", "config")
    host.trustctl("set", "foo", "--inbound", "require")
    told = host.export(code=8 if says else 0)
    if says:
        assert says in told
        assert host.ok("exim4", "-bP", "config") == before
    else:
        assert _holds(host)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("conf.d/acl/050_trustctl", "{require}}", "{never}}", "trustctl_check_mail is another one"),
        ("conf.d/acl/050_trustctl", "${if eq{${extract{relay}{$acl_m_trustctl_entry}}}{yes}}",
         "yes", "trustctl_check_rcpt is another one"),
        ("conf.d/main/00_trustctl", "MAIN_ACL_CHECK_MAIL = trustctl_check_mail",
         "MAIN_ACL_CHECK_MAIL = acl_check_mail", "acl_smtp_mail is not trustctl_check_mail"),
        ("conf.d/main/00_trustctl", "MAIN_TLS_TRY_VERIFY_HOSTS = *",
         "MAIN_TLS_TRY_VERIFY_HOSTS = :", "tls_try_verify_hosts is not *"),
    ],
)  # fmt: skip
def test_an_edit_is_noticed(lab: Lab, file: str, old: str, new: str, says: str) -> None:
    """Audit asks Exim itself; export mends it where it is told to."""
    host = _asking(lab, "edited.test")
    place = host.etc / file
    before = place.read_text()
    assert old in before
    try:
        place.write_text(before.replace(old, new))
        host.generate()
        told = host.trustctl("audit", code=1)
        assert says in told
        assert "edited by hand" in told
        host.export(code=7)
    finally:
        host.export("--force")
    assert place.read_text() == before
    assert _holds(host)


_BY_HAND = """\
primary_hostname = hand.test
local_interfaces = {address}
log_file_path = /var/log/exim4/%slog
domainlist local_domains = us.test
tls_advertise_hosts = *
tls_certificate = /etc/exim4/chain.pem
tls_privatekey = /etc/exim4/host.key
{server}
begin acl
check_rcpt:
  accept
    domains = +local_domains
  deny
    message = relay not permitted here
{acl}
begin routers
{router}
local:
  driver = accept
  domains = +local_domains
  transport = file
begin transports
{transport}
file:
  driver = appendfile
  file = /var/log/exim4/bob
  user = Debian-exim
begin retry
* * F,2h,15m
"""


def test_written_by_hand(lab: Lab) -> None:
    """Done as the README beside the snippets says, it holds, and export and audit see that; a list
    that was forgotten lets nobody relay."""
    host = server(lab, OWN, "hand.test")
    host.put(
        "exim4.conf",
        _BY_HAND.format(address=host.address, server="", acl="", router="", transport=""),
    )
    host.add(FOO, "foo", "--inbound", "require")
    told = host.export(code=8)
    assert "NOT IN FORCE" in told
    snippets = host.etc / "trustctl" / "snippets"
    parts = {one: (snippets / f"{one}.conf").read_text() for one in ("acl", "router", "transport")}
    readme = [
        one.removeprefix("#").strip() for one in (snippets / "README").read_text().split("\n")
    ]
    start = readme.index("acl_smtp_mail = trustctl_check_mail")
    lines = [one for one in readme[start:] if " = " in one and "NEXT_MAIL" not in one]
    lines = ["TRUSTCTL_NEXT_RCPT = check_rcpt" if "NEXT_RCPT" in one else one for one in lines]
    assert len(lines) == 5
    for forgotten in (True, False):
        ours = [one for one in lines if not (forgotten and "NEXT_RCPT" in one)]
        host.put(
            "exim4.conf", _BY_HAND.format(address=host.address, server="\n".join(ours), **parts)
        )
        told = host.export()
        assert "written by hand and holds what trustctl needs" in told
        host.ok("sh", "-c", "kill -HUP $(cat /run/exim4/exim.pid)")
        host.restarted()
        assert host.mail(None, "ann@foo.test")[0].startswith("550 5.7.5")
        relay = host.mail(None, "eve@elsewhere.test", "x@elsewhere.test")[1]
        assert relay.startswith("550 5.7.1 relay" if forgotten else "550 relay not permitted here")
        assert host.mail(FOO, "ann@foo.test")[1].startswith("550" if forgotten else "250")
    assert "mta-differs" not in host.trustctl("audit")


def test_behind_a_smarthost(lab: Lab) -> None:
    """Who sends through another host can receive all the same: the two files put in by hand stay,
    and are kept up to date."""
    host = server(lab, OWN, "behind.test", configtype="smarthost")
    host.add(FOO, "foo", "--inbound", "require")
    assert "NOT IN FORCE" in host.export(code=8)
    assert host.mail(None, "ann@foo.test")[-1].startswith("250")
    for snippet, place in (("acl", "acl/050_trustctl"), ("main", "main/00_trustctl")):
        text = (host.etc / "trustctl" / "snippets" / f"{snippet}.conf").read_bytes()
        host.put(f"conf.d/{place}", text)
    host.generate()
    host.ok("sh", "-c", "kill -HUP $(cat /run/exim4/exim.pid)")
    host.restarted()
    for _again in range(2):
        assert _holds(host)
        host.export(code=8)
        host.generate()


def test_two_servers_know_each_other(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each requires the other's certificate, and presents its own by trustctl's transports: the
    pair that our CA made and ``--install exim`` placed, with no macro set; in both directions."""
    with pytest.MonkeyPatch.context() as patch:
        ca = OwnCa(Console(tmp_path_factory.mktemp("ca")), patch)
        ca.init("--permit", "one.test", "--permit", "two.test")
        hosts = {}
        for name in ("one.test", "two.test"):
            address = lab.network.address()
            macros = f"MAIN_TLS_ENABLE = yes\n{TO_FILES}"
            host = Server(
                lab.network, name, address=address, macros=macros,
                settings={"dc_local_interfaces": address}, aliases="bob: /var/log/exim4/bob\n",
            )  # fmt: skip
            hosts[name] = host
            host.ok("/usr/sbin/exim4", "-bd", "-oP", "/run/exim4/exim.pid")
            host.ok(
                "env", f"TRUSTCTL_DB={ca.console.db}", f"PYTHONPATH={os.pathsep.join(sys.path)}",
                f"TRUSTCTL_CA_PASSPHRASE_FILE={ca.secret}",
                sys.executable, "-m", "trustctl", "ca", "issue", f"mx.{name}", "--install", "exim",
            )  # fmt: skip
            lab.network.mail_for(name, (f"mx.{name}", address))
        for name, host in hosts.items():
            other = next(one for one in hosts if one != name)
            pem = hosts[other].etc / "exim.crt"
            leaf = certs.openssl("x509", "-in", str(pem), "-outform", "DER")
            host.add_seen(
                pem.read_bytes(), leaf, other.partition(".")[0], other, "--inbound", "require"
            )
            host.export("--yes")
        for name, host in hosts.items():
            other = next(one for one in hosts if one != name)
            assert host.send(f"bob@{other}", sender=f"ann@{name}").delivered
            line = f"trustctl: verified {name.partition('.')[0]}: F=<ann@{name}>"
            assert line in hosts[other].logged_lines()
            # the same message without it
            assert hosts[other].mail(None, f"ann@{name}", "postmaster")[0].startswith("550 5.7.5")
