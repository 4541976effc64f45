"""``trustctl prove`` where Postfix is installed: what it says, and what it leaves of itself."""

from __future__ import annotations

import re
import signal

import pytest

from tests.prove.postfix_site import PostfixSite
from tests.prove.site import numbered

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove-postfix")]


def test_without_an_export_all_fails_and_it_says_what_to_type(bare_postfix: PostfixSite) -> None:
    """Opportunistic TLS, as Debian sets it, delivers to anybody."""
    with bare_postfix.edited("smtp_tls_policy_maps="):
        said = bare_postfix("prove", "--keep", str(bare_postfix.folder / "kept"), code=1).out
    lines = said.splitlines()
    assert re.search("^  STARTTLS is stripped +delivered  FAILED$", said, re.MULTILINE)
    assert re.search("^  the true peer +not tried  FAILED$", said, re.MULTILINE)
    assert "--format postfix --to /etc/postfix --reload" in lines[-2]
    tried = numbered(said) - said.count("  not tried") + 1
    assert lines[-1] == f"NOT PROVEN: {tried} of {tried} came out as they must not"
    assert all(len(one) <= 80 for one in lines if not one.startswith("PROBLEM: "))
    kept = bare_postfix.folder / "kept"
    assert sorted(one.name for one in kept.iterdir()) == [
        "attempts", "maillog", "main.cf", "master.cf",
    ]  # fmt: skip
    assert "to=<prove@foo.test>" in (kept / "maillog").read_text()
    assert "inet_interfaces = loopback-only" in (kept / "main.cf").read_text()


def test_a_configuration_that_postfix_refuses_is_told(postfix: PostfixSite) -> None:
    """In Postfix's own words: nothing was attacked, and nothing is proven."""
    with postfix.edited("mail_owner=nobody-of-this-name"):
        said = postfix("prove", code=8)
    assert "nobody-of-this-name" in said.err
    assert "proven" not in said.out
    with postfix.edited("data_directory=/nonexistent/data"):
        assert "/nonexistent/data" in postfix("prove", code=8).err


def test_the_running_mta_is_not_touched(postfix: PostfixSite) -> None:
    """It runs on; its queue, its log and what it remembers are the same to the byte, also when a
    proof is killed; and no process of a proof outlives it."""
    box = postfix.box
    with postfix.edited("maillog_file=/var/log/maillog", "inet_interfaces=loopback-only",
                        "master_service_disable=inet", "defer_transports=smtp"):  # fmt: skip
        box.command("postfix", "start")
        try:
            box.command("sh", "-c", "echo | sendmail -f ann@us.test bob@foo.test")
            box.command(
                "sh", "-c", "until grep -q status=deferred /var/log/maillog; do sleep 0.05; done"
            )
            master = int((box.root / "var/spool/postfix/pid/master.pid").read_text())
            before = postfix.everything()
            assert postfix.interrupt(signal.SIGKILL) == -signal.SIGKILL
            assert postfix.everything() == before
            postfix.some("self-signed")
            assert postfix.everything() == before
            assert box.command("postfix", "status") == ""
            assert int((box.root / "var/spool/postfix/pid/master.pid").read_text()) == master
            assert "bob@foo.test" in box.command("postqueue", "-p")
        finally:
            box.command("postfix", "stop")


def test_of_two_that_are_installed_the_inventory_tells_which(postfix: PostfixSite) -> None:
    """By what was exported; where it knows nothing, it has to be said."""
    box = postfix.box
    box.command("ln", "-s", "/bin/true", "/usr/sbin/exim4")
    try:
        asked = postfix("prove", "--peer", "nobody", code=5).err
        assert "there is no peer nobody" in asked
        empty = ("env", f"TRUSTCTL_DB={postfix.folder}/empty/t.db")
        pem = str(postfix.folder / "foo.pem")
        postfix("add", pem, "--peer", "foo", before=empty)
        said = postfix("prove", code=2, before=empty).err
        assert "exim and postfix are both installed here: which one is it?" in said
        assert "hint: trustctl prove --mta exim" in said
        assert "no peer has" in postfix("prove", "--mta", "postfix", code=5, before=empty).err
    finally:
        box.command("rm", "/usr/sbin/exim4")
