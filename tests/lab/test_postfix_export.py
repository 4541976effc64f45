"""``export --format postfix`` on a real Postfix: what it changes, what it asks, what it refuses,
and that nothing is left of it."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made
from tests.lab.conftest import unavailable
from tests.lab.lab import Lab
from tests.lab.postfix import UNPACKED, Sender
from tests.publish.box import tree

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-postfix")]
FOO = "foo.test"
_NUMBER = count()
CONF = "/mnt/conf"
ADMINISTRATOR = """
# the administrator's own line, and a table of his
smtp_tls_policy_maps = inline:{{friend.test=none}},
    inline:{{ {{other.test = may}} }}
"""


class Administered(Sender):
    """A Postfix whose administrator types trustctl's commands."""

    def trustctl(self, *words: str, code: int = 0) -> str:
        """What the command says, results and complaints; ``code`` is the expected exit code."""
        program = str(Path(sys.executable).with_name("trustctl"))
        ran = self.run(program, "--db", "/mnt/inventory/trustctl.db", *words)
        told = (ran.stdout + ran.stderr).decode()
        assert ran.returncode == code, (words, ran.returncode, told)
        assert "Traceback" not in told
        return told

    def add(self, made: Made, name: str, *more: str) -> str:
        """Add a peer's certificate, compared over the phone."""
        (self.base / "peer.pem").write_bytes(made.pem)
        return self.trustctl(
            "add", "/mnt/peer.pem", "--peer", name, "--domain", f"{name}.test", "--via", "phone",
            "--fingerprint", made.fingerprint, "--vouched-by", "Ann <ann@us.test>", *more,
        )  # fmt: skip

    def export(self, *more: str, code: int = 0) -> str:
        """Put the inventory in force."""
        words = ("export", "--format", "postfix", "--to", CONF, "--reload", *more)
        return self.trustctl(*words, code=code)

    def main(self) -> bytes:
        """main.cf."""
        return (self.conf / "main.cf").read_bytes()

    def value(self, name: str) -> str:
        """A parameter as Postfix takes it."""
        return self.ok("postconf", "-c", CONF, "-xh", name).strip()


@pytest.fixture
def us(lab: Lab) -> Administered:
    """A Postfix with settings of somebody's own, and two peers in the inventory."""
    if not UNPACKED.is_dir():
        unavailable(f"Postfix is not unpacked in {UNPACKED}: tests/run does that")
    made = Administered(lab.network, f"postfix-us-{next(_NUMBER)}.test", ADMINISTRATOR)
    made.add(lab.foo_cert, "foo")
    made.add(lab.bar_cert, "bar")
    return made


def test_from_export_to_uninstall(lab: Lab, us: Administered) -> None:
    """Without --reload mail goes as before, and the lines are said; with it only to the peer; what
    is distrusted waits from the next message on; and uninstall leaves every byte as it was."""
    before = tree(us.conf)
    lab.route(FOO, lab.stranger)
    told = us.trustctl("export", "--format", "postfix", "--to", CONF)
    assert "NOT IN FORCE" in told
    assert "postconf -e 'smtp_tls_policy_maps = hash:/mnt/conf/trustctl/live/tls_policy, " in told
    assert us.main() == before_main(before, us)
    assert us.send(f"bob@{FOO}").went
    told = us.export()
    assert "it holds the mail of 2 domains to the pins" in told
    assert us.value("smtp_tls_policy_maps") == (
        "hash:/mnt/conf/trustctl/live/tls_policy, inline:{friend.test=none}, "
        "inline:{ {other.test = may} }, regexp:/mnt/conf/trustctl/current/tls_spellings"
    )
    assert us.value("smtp_tls_fingerprint_digest") == "sha256"
    assert us.send(f"bob@{FOO}").waits
    lab.route(FOO, lab.foo)
    assert us.send(f"bob@{FOO}").went
    assert "nothing has changed" in us.export()
    us.trustctl("audit", "--fail-on", "error")
    us.trustctl("distrust", lab.foo_cert.fingerprint, "--reason", "stolen", "--yes")
    # no reload: the clients that run see that their table is another
    us.trustctl("export", "--format", "postfix", "--to", CONF, "--yes")
    assert us.send(f"bob@{FOO}").waits
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert tree(us.conf) == before
    assert us.send(f"bob@{FOO}").went


def before_main(before: dict[str, str], us: Administered) -> bytes:
    """main.cf, which is as it was."""
    now = tree(us.conf)
    assert {key: now[key] for key in before if "main.cf" in key} == {
        key: value for key, value in before.items() if "main.cf" in key
    }
    return us.main()


def test_uninstall_keeps_what_was_changed_since(us: Administered) -> None:
    """Only ours is taken out of a main.cf that somebody changed after the export."""
    us.export()
    us.set("mynetworks = 203.0.113.0/24")
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert "trustctl" not in us.main().decode()
    assert (
        us.value("smtp_tls_policy_maps")
        == "inline:{friend.test=none}, inline:{ {other.test = may} }"
    )
    assert us.value("mynetworks") == "203.0.113.0/24"
    us.export()
    us.set("mynetworks = 203.0.113.1", "smtp_tls_policy_maps = inline:{third.test=may}")
    us.export()  # puts ours first again; the copy of main.cf has none of that
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert us.value("mynetworks") == "203.0.113.1"
    assert us.value("smtp_tls_policy_maps") == "inline:{third.test=may}"
    assert "smtp_tls_fingerprint_digest" not in us.main().decode()
    assert not (us.conf / "trustctl").exists()


PAST = {
    "relayhost=[mx.foo.test]": "relayhost is set",
    "smtp_fallback_relay=[mx.foo.test]": "smtp_fallback_relay is set",
    "transport_maps=inline:{foo.test=smtp:[mx.foo.test]}": "foo.test: transport_maps",
    "transport_maps=inline:{*=smtp:[mx.foo.test]}": "foo.test: transport_maps",
    "default_transport=smtp:[mx.foo.test]": "default_transport is",
    "sender_dependent_relayhost_maps=inline:{ann@us.test=[mx.foo.test]}": (
        "sender_dependent_relayhost_maps is set"
    ),
}


def test_what_leads_past_the_policy_is_refused(lab: Lab, us: Administered) -> None:
    """With each of these an impostor gets foo's mail under our very policy; an audit finds it, and
    an export says so and changes nothing."""
    lab.route(FOO, lab.stranger)
    us.export()
    default = us.value("default_transport")
    for setting, said in PAST.items():
        us.set(setting)
        assert us.send(f"bob@{FOO}").went, setting
        assert said in us.trustctl("audit", "--fail-on", "error", code=1)
        us.ok("postconf", "-c", CONF, "-X", setting.partition("=")[0])
    us.set(f"default_transport={default}")
    us.trustctl("uninstall", "--from", CONF, "--yes")
    for setting, said in PAST.items():
        us.ok("postconf", "-c", CONF, "-e", setting)
        before = us.main()
        assert said in us.export(code=8)
        assert us.main() == before
        us.ok("postconf", "-c", CONF, "-X", setting.partition("=")[0])
    us.ok("postconf", "-c", CONF, "-e", f"default_transport={default}")
    us.export()
    assert us.send(f"bob@{FOO}").waits


def test_a_client_of_its_own_settings_is_found(us: Administered) -> None:
    """What master.cf says for one service counts for that service: it is compared too."""
    us.ok("postconf", "-c", CONF, "-P", "smtp/unix/smtp_tls_policy_maps=")
    assert "master.cf says otherwise for the service smtp/unix" in us.export(code=8)
    us.ok("postconf", "-c", CONF, "-PX", "smtp/unix/smtp_tls_policy_maps")
    us.export()


def test_a_chrooted_client_finds_the_anchors(lab: Lab, us: Administered) -> None:
    """Debian's clients are chrooted: an anchor that only lies outside would hold the peer's mail,
    so it is copied into the queue's folder, and taken away again."""
    ca = certs.authority("Baz CA")
    host = lab.mx("postfix-baz", certs.issue(ca, "mx.baz.test"), ca)
    lab.route("baz.test", host)
    us.add(ca, "baz", "--role", "authority")
    queue = us.base / "queue"
    (queue / "etc").mkdir()
    for name in ("services", "resolv.conf"):
        text = us.ok("cat", f"/etc/{name}")
        (queue / "etc" / name).write_text(text)
    us.ok("postconf", "-c", CONF, "-F", "smtp/unix/chroot=y")
    us.export()
    assert us.send("bob@baz.test").went
    (copy,) = (queue / "mnt/conf/trustctl/current/ta").iterdir()
    copy.unlink()
    us.reload()
    assert us.send("bob@baz.test").waits
    assert "the SMTP client is chrooted" in us.trustctl("audit", "--fail-on", "error", code=1)
    us.forget()
    us.export()
    assert us.send("bob@baz.test").went
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert sorted(one.name for one in queue.iterdir() if one.name in ("mnt", "etc")) == ["etc"]


def test_a_damaged_table_is_found_and_made_again(us: Administered) -> None:
    """An audit compares every domain with what the table says; the next export makes it again."""
    us.export()
    table = us.conf / "trustctl/live/tls_policy.db"
    good = table.read_bytes()
    (us.base / "other").write_text("foo.test none\n")
    us.ok("postmap", "-c", CONF, "hash:/mnt/other")
    table.write_bytes((us.base / "other.db").read_bytes())
    told = us.trustctl("audit", "--fail-on", "error", code=1)
    assert "foo.test: the table says something else of it" in told
    assert "bar.test: the table says nothing of it" in told
    us.export()
    us.trustctl("audit", "--fail-on", "error")
    assert len(table.read_bytes()) == len(good)


def test_a_digest_of_somebody_else_s_choice_is_named(us: Administered) -> None:
    """Our pins are of SHA-256; whoever had others in tables of his own is told, and gets his
    setting back."""
    us.set("smtp_tls_fingerprint_digest = md5")
    before = us.main()
    assert "smtp_tls_fingerprint_digest was md5" in us.export()
    us.trustctl("uninstall", "--from", CONF, "--yes")
    assert us.main() == before


def test_a_generation_is_brought_back(lab: Lab, us: Administered) -> None:
    """The table follows a rollback."""
    us.export()
    us.trustctl("retire", lab.foo_cert.fingerprint, "--reason", "old", "--yes")
    us.export("--yes")
    lab.route(FOO, lab.foo)
    assert us.send(f"bob@{FOO}").waits
    us.trustctl("rollback", "--of", CONF, "--format", "postfix", "--yes")
    assert us.send(f"bob@{FOO}").went


def test_posttls_finger_agrees(lab: Lab, us: Administered) -> None:
    """Postfix's own program, held to the fingerprints and the anchors that were exported, verifies
    the peers and nobody else; and by itself ends well whatever it finds."""
    ca = certs.authority("Baz CA")
    issued = lab.mx("finger-issued", certs.issue(ca, "mx.baz.test"), ca)
    elsewhere = lab.mx("finger-elsewhere", certs.issue(ca, "mx.elsewhere.test"), ca)
    us.add(ca, "baz", "--role", "authority")
    us.export()
    good = [("foo", lab.foo), ("bar", lab.bar), ("baz", issued)]
    for name, host in good:
        lab.route(f"{name}.test", host)
    named = [word for name, _host in good for word in ("--finger", f"{name}.test")]
    assert us.export(*named).count(": verified\n") == 3
    other = "its host presents a certificate that is not trusted for it"
    for domain, host, why in (
        (FOO, lab.stranger, other),
        (FOO, lab.certified, other),
        (FOO, lab.bar, other),
        ("baz.test", elsewhere, other),
        ("baz.test", lab.stranger, other),
        (FOO, lab.stripper, "no host of it was reached over TLS"),
    ):
        lab.route(domain, host, f"mx.{domain}")
        told = us.export("--finger", domain, code=1)
        assert f"{domain}: would wait: {why}" in told
    finger = us.run("env", f"MAIL_CONFIG={CONF}", "posttls-finger", "-c", "-l", "fingerprint",
                    "-d", "sha256", FOO, lab.foo_cert.fingerprint)  # fmt: skip
    assert finger.returncode == 0
    assert b"Verified TLS" not in finger.stdout
    lab.network.dns({})
    assert "DNS names no host for it" in us.export("--finger", FOO, code=1)
    assert "says nothing of it" in us.export("--finger", "free.test", code=8)


def test_a_distrusted_certificate_below_an_authority_is_taken_and_named(
    lab: Lab, us: Administered
) -> None:
    """Postfix has no list of what is refused: mail goes there all the same, and an export and an
    audit say so of that peer; with its host pinned instead it waits."""
    ca = certs.authority("Qux CA")
    leaf, good = certs.issue(ca, "mx.qux.test"), certs.self_signed("mx.qux.test", ca=False)
    host = lab.mx("postfix-distrusted", leaf, ca)
    lab.route("qux.test", host)
    us.add(ca, "qux", "--role", "authority")
    us.trustctl("distrust", leaf.fingerprint, "--reason", "stolen", "--yes")
    assert "qux: Postfix cannot refuse" in us.export()
    assert us.send("bob@qux.test").went
    assert "qux: Postfix cannot refuse" in us.trustctl("audit", code=1)
    us.add(good, "qux")
    us.trustctl("retire", ca.fingerprint, "--reason", "hosts are pinned", "--yes")
    assert "cannot refuse" not in us.export()
    assert us.send("bob@qux.test").waits
    assert "cannot refuse" not in us.trustctl("audit")
