"""Tests of trustctl.publish.exim, answers and mta: with Debian's real Exim, in a namespace."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.built import demanded
from tests.publish.box import DAEMON, Box
from trustctl.export.exim import configuration as texts_for

pytestmark = pytest.mark.lab
Make = Callable[..., Box]
OURS = ["trustctl", "trustctl_address", "trustctl_verify", "trustctl_wait"]
TEXTS = texts_for("/etc/exim4")
FIRST = "begin routers\n"
TAKES_ALL = "grabs_all:\n  driver = dnslookup\n  domains = *\n  transport = remote_smtp\n\n"


def change(path: Path, old: str, new: str) -> None:
    """Edit a file as an administrator would."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def add_router(box: Box, text: str, *, split: bool, before: bool = True) -> None:
    """An administrator's own router, before or after ours."""
    if split:
        name = "010_mine" if before else "060_mine"
        (box.etc / "conf.d/router" / name).write_text(text)
    elif before:
        change(box.etc / "exim4.conf.template", FIRST, f"{FIRST}\n{text}")
    else:
        change(box.etc / "exim4.conf.template", "mail4root:", f"{text}\nmail4root:")


def add_macro(box: Box, text: str, *, split: bool) -> None:
    """A local macro, where the layout reads it from."""
    name = "conf.d/main/000_localmacros" if split else "exim4.conf.localmacros"
    (box.etc / name).write_text(text)


def effective(box: Box) -> bool:
    """What the audit is told."""
    return bool(box.trustctl("state")["said"]["effective"])


@pytest.mark.parametrize("split", [False, True])
def test_it_comes_into_force_and_goes_without_a_trace(exim: Make, split: bool) -> None:
    """Exim has our routers first, a second time writes nothing, and uninstall leaves each byte."""
    box = exim(split=split)
    (box.etc / "trustctl/lock").touch(mode=0o600)
    before, routers = box.tree(), box.routers()
    assert not effective(box)
    assert "error" not in box.trustctl("apply")
    assert box.routers() == [*OURS, *routers]
    assert box.trustctl("state", "foo.test")["said"] == {
        "effective": True, "differences": [], "why": "", "notices": [],
        "tls": "OpenSSL" if demanded() else "GnuTLS",
    }  # fmt: skip
    applied = box.tree()
    inodes = {one: one.lstat().st_ino for one in (*box.etc.rglob("*"), *box.lib.rglob("*"))}
    assert "error" not in box.trustctl("apply")
    assert box.tree() == applied
    assert {one: one.lstat().st_ino for one in inodes} == inodes
    assert box.trustctl("withdraw") == {"said": True}
    assert box.tree() == before
    assert box.routers() == routers
    assert not effective(box)


@pytest.mark.parametrize("configtype", ["smarthost", "satellite", "local"])
@pytest.mark.parametrize("split", [False, True])
def test_other_types_get_snippets_and_a_plain_word(
    exim: Make, configtype: str, split: bool
) -> None:
    """Exim's configuration stays as it is, the command fails and says where the texts are."""
    box = exim(configtype, split=split)
    before = box.tree()
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert "NOT IN FORCE" in answer["message"]
    new = {one for one in box.tree().keys() - before.keys() if "/snippets/" in one}
    assert {Path(one).name for one in new} == {"README", "router.conf", "transport.conf"}
    assert {k: v for k, v in box.tree().items() if k in before} == before
    assert not effective(box)
    box.trustctl("withdraw")
    assert {k: v for k, v in box.tree().items() if not k.endswith("/lock")} == before


def test_a_snippet_put_in_place_by_hand_is_effective(exim: Make) -> None:
    """A smarthost's administrator may follow the README; then Exim is asked, and it counts."""
    box = exim("smarthost", split=True)
    box.trustctl("apply")
    for name in ("router", "transport"):
        text = (box.etc / f"trustctl/snippets/{name}.conf").read_bytes()
        (box.etc / f"conf.d/{name}/050_trustctl").write_bytes(text)
    answer = box.trustctl("apply")
    assert "stays first" in answer["said"][-1]
    assert effective(box)
    assert box.routers()[:5] == [*OURS, "hubbed_hosts"]


def test_a_change_of_type_does_not_take_protection_away(exim: Make) -> None:
    """Ours stay first in Exim when the machine becomes a smarthost's client."""
    box = exim()
    box.trustctl("apply")
    box.set(configtype="smarthost")
    assert "stays first" in box.trustctl("apply")["said"][-1]
    assert box.routers()[:4] == OURS
    assert effective(box)


def test_a_hand_written_configuration_counts_if_it_holds_ours(exim: Make) -> None:
    """exim4.conf is never written; without our texts it is refused, with them it is effective."""
    box = exim()
    plain = (
        "domainlist local_domains = localhost\nbegin routers\n@R@\n"
        "other:\n  driver = dnslookup\n  domains = ! +local_domains\n  transport = out\n"
        "begin transports\n@T@\nout:\n  driver = smtp\nbegin retry\n* * F,2h,15m\n"
    )
    by_hand = box.etc / "exim4.conf"
    by_hand.write_text(plain.replace("@R@", "").replace("@T@", ""))
    before = box.tree()
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert "written by hand" in answer["message"]
    assert {k: v for k, v in box.tree().items() if k in before} == before
    whole = plain.replace("@R@", TEXTS["router"]).replace("@T@", TEXTS["transport"])
    by_hand.write_text(whole)
    assert "already" in box.trustctl("apply")["said"][0]
    assert effective(box)
    for old, new, said in [
        ("begin retry\n* * F,2h,15m\n", "", "no retry rule"),
        ("domainlist local_domains = localhost\n", "", "no domainlist local_domains"),
        ("domainlist", "dns_again_means_nonexist = *\ndomainlist", "dns_again_means_nonexist"),
    ]:
        by_hand.write_text(whole.replace(old, new, 1))
        state = box.trustctl("state")["said"]
        assert not state["effective"]
        assert any(said in one for one in state["differences"]), state


@pytest.mark.parametrize("split", [False, True])
def test_a_configuration_that_exim_refuses_changes_nothing(exim: Make, split: bool) -> None:
    """With a broken local macro the error is Exim's own, and no byte has changed."""
    box = exim(split=split)
    add_macro(box, "MAIN_BROKEN = x\nnonsense = y\n", split=split)
    before = box.tree()
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert 'main option "nonsense" unknown' in answer["message"]
    assert {k: v for k, v in box.tree().items() if not k.endswith("/lock")} == before


@pytest.mark.parametrize("split", [False, True])
def test_a_router_that_comes_first_and_takes_all_is_refused(exim: Make, split: bool) -> None:
    """Exim accepts that configuration, and mail would go unverified: named, and nothing changed."""
    box = exim(split=split)
    if not split:
        # a block of ours goes in before it, and it is put before the block afterwards
        assert "error" not in box.trustctl("apply")
        change(box.etc / "exim4.conf.template", FIRST, FIRST + TAKES_ALL)
        box.command("update-exim4.conf")
        state = box.trustctl("state")["said"]
        assert "grabs_all comes before trustctl_wait" in state["differences"][0]
        assert "error" not in box.trustctl("apply"), "the block goes back to the first place"
        assert box.routers()[:5] == [*OURS, "grabs_all"]
        assert effective(box)
        return
    add_router(box, TAKES_ALL, split=True)
    before = box.tree()
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert "grabs_all comes before trustctl_wait" in answer["message"]
    assert {k: v for k, v in box.tree().items() if not k.endswith("/lock")} == before
    box.trustctl("write")
    box.command("update-exim4.conf")
    assert box.routers()[0] == "grabs_all", "Exim accepts it: the trap is real"


@pytest.mark.parametrize(
    "router",
    [
        "mine:\n  driver = accept\n  domains = +local_domains\n  transport = mail_spool\n",
        "mine:\n  driver = accept\n  verify_only\n",
        "mine:\n  driver = ipliteral\n  domains = ! +local_domains\n  transport = remote_smtp\n",
    ],
)
def test_a_router_that_is_local_only_may_come_first(exim: Make, router: str) -> None:
    """What cannot take a mail to a protected domain is no reason to refuse."""
    box = exim(split=True)
    add_router(box, router, split=True)
    assert "error" not in box.trustctl("apply")
    assert box.routers()[:5] == ["mine", *OURS]
    assert effective(box)


@pytest.mark.parametrize("split", [False, True])
def test_a_redirection_past_ours_is_refused(exim: Make, split: bool) -> None:
    """An alias that continues at dnslookup would send mail to a protected domain unverified."""
    box = exim(split=split)
    router = (
        "mine:\n  driver = redirect\n  domains = +local_domains\n  data = a@foo.test\n"
        "  redirect_router = {}\n\n"
    )
    add_router(box, router.format("dnslookup"), split=split, before=False)
    answer = box.trustctl("apply")
    assert "hands what it redirects to a router after trustctl" in answer["message"]
    assert "trustctl" not in box.routers()
    place = box.etc / ("conf.d/router/060_mine" if split else "exim4.conf.template")
    change(place, "redirect_router = dnslookup", "redirect_router = trustctl")
    assert "error" not in box.trustctl("apply")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize(
    ("macro", "said"),
    [
        ("MAIN_X = y\nTRUSTCTL_KEY = other.test\n", 'macro "TRUSTCTL_KEY" is already defined'),
        ("CERT_ = \nDNS_ = \n", None),
        ("REMOTE_SMTP_HELO_DATA = mail.example\nDKIM_SELECTOR = s1\n", None),
    ],
)
def test_macros(exim: Make, split: bool, macro: str, said: str | None) -> None:
    """One that would change our key is refused; Debian's own for remote_smtp hold for us too."""
    box = exim(split=split)
    add_macro(box, macro, split=split)
    answer = box.trustctl("apply")
    if said is None:
        assert "error" not in answer
        assert effective(box)
    else:
        assert said in answer["message"]
        assert "trustctl" not in box.routers()


@pytest.mark.parametrize("split", [False, True])
def test_a_macro_that_changes_an_option_is_noticed(exim: Make, split: bool) -> None:
    """A macro is replaced anywhere in a line, in ours too: Exim would obey, so it is refused."""
    box = exim(split=split)
    assert "DNS names" in TEXTS["router"]
    add_macro(box, "DNS = nobody\n", split=split)
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert "the router trustctl_wait has another data than trustctl wrote" in answer["message"]
    assert "trustctl" not in box.routers()
    box.trustctl("write")
    box.command("update-exim4.conf")
    told = box.command("exim4", "-bP", "router", "trustctl_wait").stdout
    assert "nobody names no host" in told, "the trap is real"


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ("tls_verify_hosts = *", "tls_verify_hosts = ! *"),
        ("multi_domain = false", "multi_domain = true"),
        ("connection_max_messages = 1", "connection_max_messages = 500"),
        ("hosts_require_tls = *", "hosts_require_tls ="),
        ("hosts_try_dane = :", "hosts_try_dane = *"),
    ],
)
def test_a_changed_option_is_seen_in_exim_itself(exim: Make, option: str, changed: str) -> None:
    """The audit names the option that Exim really has, wherever the change came from."""
    box = exim()
    box.trustctl("apply")
    assert effective(box)
    change(box.lib / "config.autogenerated", option, changed)
    state = box.trustctl("state")["said"]
    assert state["differences"] == [
        f"the transport trustctl_smtp has another {option.split()[0]} than trustctl wrote"
    ]


def test_files_of_the_split_layout_in_an_unsplit_one_are_caught(exim: Make) -> None:
    """The silent trap: the files are in conf.d, Exim ignores them, and the audit says so."""
    box = exim(split=True)
    assert "error" not in box.trustctl("apply")
    box.set(split=False)
    state = box.trustctl("state")["said"]
    assert state["effective"], "what was generated still holds"
    assert any("once update-exim4.conf runs again" in one for one in state["notices"])
    box.command("update-exim4.conf")
    assert "trustctl" not in box.routers()
    state = box.trustctl("state")["said"]
    assert not state["effective"]
    assert any(
        "conf.d/router/050_trustctl holds" in one and "unsplit" in one
        for one in state["differences"]
    )
    assert "error" not in box.trustctl("apply")
    assert effective(box)
    assert not (box.etc / "conf.d/router/050_trustctl").exists()


def test_a_rul_file_in_our_place_is_refused(exim: Make) -> None:
    """update-exim4.conf reads FILE.rul instead of FILE; leftovers of dpkg it does not read."""
    box = exim(split=True)
    overruling = box.etc / "conf.d/router/050_trustctl.rul"
    (box.etc / "conf.d/router/050_trustctl.dpkg-old").write_text(TAKES_ALL)
    overruling.write_text("mine:\n  driver = dnslookup\n  transport = remote_smtp\n")
    answer = box.trustctl("apply")
    assert answer["error"] == "TargetError"
    assert "050_trustctl.rul" in answer["message"]
    box.trustctl("write")
    box.command("update-exim4.conf")
    assert "trustctl" not in box.routers(), "the trap is real"
    overruling.unlink()
    assert "error" not in box.trustctl("apply")
    assert effective(box)


def test_a_protected_domain_that_is_local_is_named(exim: Make) -> None:
    """Mail to a domain that Exim takes for its own never meets our router; others do."""
    box = exim()
    change(
        box.etc / "update-exim4.conf.conf", "dc_other_hostnames='", "dc_other_hostnames='foo.test:"
    )
    box.trustctl("apply")
    state = box.trustctl("state", "bar.test", "foo.test")["said"]
    assert len(state["differences"]) == 1
    assert state["differences"][0].startswith("foo.test is a local domain")


def test_a_later_failure_brings_everything_back(exim: Make) -> None:
    """A daemon that cannot reload is noticed after the files were written: all of it goes back."""
    box = exim()
    # started by its bare name it could not find itself again: reloading would kill it
    box.command("env", "PATH=/usr/sbin:/usr/bin:/bin", "exim4", *DAEMON)
    before = box.tree()
    answer = box.trustctl("apply")
    assert answer["error"] == "NotEnforcedError"
    assert "cannot reload itself" in answer["message"]
    assert {k: v for k, v in box.tree().items() if not k.endswith("/lock")} == before
    pid = (box.run / "exim.pid").read_text().strip()
    assert Path(f"/proc/{pid}").exists()


def test_a_running_daemon_is_reloaded(exim: Make) -> None:
    """The daemon goes on under its number and logs that it read its configuration again."""
    box = exim()
    pid = box.daemon()
    assert box.trustctl("apply") == {"said": [f"Exim reloaded (pid {pid})"]}
    assert Path(f"/proc/{pid}").exists()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if "SIGHUP received: re-exec daemon" in (box.log / "mainlog").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the daemon did not log a reload")


def test_another_folder_is_tried_and_said_not_to_be_live(exim: Make, tmp_path: Path) -> None:
    """A copy elsewhere is written once a trial of it passed; it is no success for --reload."""
    box = exim()
    other = tmp_path / "copy"
    box.command("cp", "-a", "/etc/exim4", str(other))
    answer = box.trustctl("apply", directory=str(other))
    assert answer["error"] == "NotEnforcedError"
    assert "is not the folder that the installed Exim reads" in answer["message"]
    assert "# BEGIN trustctl router" in (other / "exim4.conf.template").read_text()
    assert "trustctl" not in box.routers()
    assert box.trustctl("state", directory=str(other))["said"]["effective"] is None
    (other / "exim4.conf.localmacros").write_text("nonsense\n")
    (box.etc / "exim4.conf.localmacros").write_text("")
    before = box.command("sha256sum", str(other / "exim4.conf.template")).stdout
    assert "nonsense" in box.trustctl("apply", directory=str(other))["message"]
    assert box.command("sha256sum", str(other / "exim4.conf.template")).stdout == before
