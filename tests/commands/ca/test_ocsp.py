"""Tests of ``trustctl ca ocsp``, and of what an export makes of lists and staples."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from tests.authority import OwnCa
from trustctl.facts.moment import parse_stamp

HOSTS = ("mx1.foo.test", "mx2.foo.test")


@pytest.fixture
def hosts(own: OwnCa) -> dict[str, int]:
    """Two hosts' serial numbers, by host."""
    own.init("--permit", "foo.test")
    own.issue(*HOSTS)
    return {one["host"]: int(one["serial"], 16) for one in own("list", "--json").json}


def status(path: Path) -> tuple[str, int]:
    """What a staple says, and of which serial number."""
    found = ocsp.load_der_ocsp_response(path.read_bytes())
    return found.certificate_status.name.lower(), found.serial_number


def export(own: OwnCa, *words: str) -> str:
    """Export to an Exim's folder; what is remarked."""
    target = str(own.console.target)
    return own.console("export", "--to", target, "--format", "exim", "--yes", *words).err


def current(own: OwnCa) -> Path:
    """The generation in force."""
    return own.console.target / "trustctl/current"


def test_every_host_gets_a_staple(own: OwnCa, hosts: dict[str, int]) -> None:
    """Good, and after its revocation revoked; signed anew only where it is due."""
    out = own.console.folder
    own("ocsp", "--out", str(out))
    for host, serial in hosts.items():
        assert status(out / f"{host}.ocsp") == ("good", serial)
    before = [(out / f"{host}.ocsp").read_bytes() for host in HOSTS]
    own.absent()
    own("ocsp", "--out", str(out))
    assert [(out / f"{host}.ocsp").read_bytes() for host in HOSTS] == before
    own("revoke", HOSTS[0], "--reason", "superseded", "--yes")
    own.console.fails("ca", "ocsp", "--out", str(out), code=2)
    own.present()
    own("ocsp", HOSTS[0], "--out", str(out))
    assert status(out / f"{HOSTS[0]}.ocsp") == ("revoked", hosts[HOSTS[0]])
    assert (out / f"{HOSTS[1]}.ocsp").read_bytes() == before[1]
    own.console("journal", "verify")


def test_an_older_certificate_keeps_a_staple_of_its_own(own: OwnCa, hosts: dict[str, int]) -> None:
    """HOST.ocsp is about the newest that is not revoked: a staple of another certificate is
    refused by clients."""
    host = HOSTS[0]
    own("issue", host, "--out", str(own.console.folder / "again"))
    newest = int(own("list", "--host", host, "--json").json[-1]["serial"], 16)
    own("ocsp", "--out", str(own.console.folder))
    assert status(own.console.folder / f"{host}.ocsp") == ("good", newest)
    older = own.console.folder / f"{host}-{hosts[host]:x}.ocsp"
    assert status(older) == ("good", hosts[host])
    own("revoke", f"{newest:x}", "--reason", "superseded", "--yes")
    own("ocsp", "--out", str(own.console.folder))
    assert status(own.console.folder / f"{host}.ocsp") == ("good", hosts[host])
    assert status(own.console.folder / f"{host}-{newest:x}.ocsp") == ("revoked", newest)


def test_a_staple_is_for_servers_that_there_are(own: OwnCa, hosts: dict[str, int]) -> None:
    """Not for a host that only sends, nor for one that the CA does not know; nothing is written."""
    own("issue", "out.foo.test", "--client", "--out", str(own.console.folder / "client"))
    own.console.fails("ca", "ocsp", "out.foo.test", code=5)
    own.console.fails("ca", "ocsp", HOSTS[0], "mx9.foo.test", code=5)
    own("ocsp", "--days", "3")
    assert sorted(one.name for one in own.console.folder.glob("*.ocsp")) == [
        f"{one}.ocsp" for one in HOSTS
    ]
    assert ocsp.load_der_ocsp_response(
        (own.console.folder / f"{HOSTS[0]}.ocsp").read_bytes()
    ).next_update_utc


def test_an_export_has_lists_and_staples(own: OwnCa, hosts: dict[str, int]) -> None:
    """In the generation and its manifest; one revocation and one export bring the next ones."""
    assert "warning" not in export(own)
    assert (current(own) / "crl/main.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    folder = current(own) / "ocsp/main"
    assert sorted(os.listdir(folder)) == [f"{one}.ocsp" for one in HOSTS]
    manifest = (current(own) / "manifest").read_text()
    assert all(f"/ocsp/main/{one}.ocsp\n" in manifest for one in HOSTS)
    assert "/crl/main.pem\n" in manifest
    assert (
        "nothing has changed"
        in own.console("export", "--to", str(own.console.target), "--format", "exim").out
    )
    own("revoke", HOSTS[0], "--reason", "superseded", "--yes")
    export(own)
    assert status(folder / f"{HOSTS[0]}.ocsp")[0] == "revoked"
    text = (current(own) / "crl/main.pem").read_bytes()
    second = b"-----BEGIN X509 CRL-----" + text.split(b"-----BEGIN X509 CRL-----")[2]
    found = x509.load_pem_x509_crl(second)
    assert [one.serial_number for one in found] == [hosts[HOSTS[0]]]
    rules = {one["rule"] for one in own.console("audit", "--json", "--fail-on", "never").json}
    assert not rules & {"revocation-not-exported", "revocation-unlisted", "file-altered"}


def test_what_was_altered_or_is_gone_is_noticed(own: OwnCa, hosts: dict[str, int]) -> None:
    """A list that somebody emptied is written anew with --force; a staple that is gone, at once."""
    export(own)
    path = current(own) / "crl/main.pem"
    good = path.read_bytes()
    path.write_bytes(b"")
    own.console.fails("export", "--to", str(own.console.target), "--format", "exim", code=7)
    export(own, "--force")
    assert (current(own) / "crl/main.pem").read_bytes() == good
    (current(own) / f"ocsp/main/{HOSTS[0]}.ocsp").unlink()
    export(own)
    assert status(current(own) / f"ocsp/main/{HOSTS[0]}.ocsp")[0] == "good"
    os.chmod(current(own) / "crl", 0o777)  # noqa: S103
    found = own.console("audit", "--json", "--fail-on", "never").json
    assert [one["subject"] for one in found if one["rule"] == "file-altered"] == [
        str(current(own).resolve() / "crl")
    ]


def test_old_generations_go_with_their_lists(own: OwnCa, hosts: dict[str, int]) -> None:
    """Nothing stays of those that are pruned; an uninstalled target is empty."""
    for _round in range(7):
        own("crl", "--force")
        export(own)
    kept = sorted(os.listdir(own.console.target / "trustctl/generations"))
    assert kept == [f"{one:08}" for one in range(3, 8)]
    own.console("rollback", "6", "--of", str(own.console.target), "--format", "exim", "--yes")
    assert (current(own) / "crl/main.pem").is_file()
    own.console("uninstall", "--from", str(own.console.target), "--format", "exim", "--yes")
    assert not (own.console.target / "trustctl").exists()


def test_without_the_passphrase_the_old_list_stays_and_its_end_is_told(
    own: OwnCa, hosts: dict[str, int]
) -> None:
    """The export succeeds; a staple that would call the revoked one good is not exported."""
    export(own)
    before = (current(own) / "crl/main.pem").read_bytes()
    own("revoke", HOSTS[0], "--reason", "superseded", "--yes")
    own.absent()
    said = export(own)
    assert "the CRL of main/issuing-1 is due and was not signed" in said
    assert "the last one holds until" in said
    assert (current(own) / "crl/main.pem").read_bytes() == before
    assert os.listdir(current(own) / "ocsp/main") == [f"{HOSTS[1]}.ocsp"]
    rules = {one["rule"] for one in own.console("audit", "--json", code=1).json}
    assert "revocation-unlisted" in rules
    own.present()
    assert "warning" not in export(own)
    assert status(current(own) / f"ocsp/main/{HOSTS[0]}.ocsp")[0] == "revoked"


def test_a_wrong_passphrase_keeps_nobody_from_exporting(own: OwnCa, hosts: dict[str, int]) -> None:
    """It is told; --no-sign does not try, and a dry run signs nothing."""
    own.console("export", "--to", str(own.console.target), "--format", "exim", "--dry-run")
    assert own("list", "--json").code == 0
    own.secret.write_bytes(b"some other words entirely\n")
    assert "the passphrase is not the key's" in export(own)
    assert not (current(own) / "crl").exists()
    assert "warning" not in export(own, "--no-sign")


def test_a_list_that_never_was_signed_closes_what_needs_it(
    own: OwnCa, hosts: dict[str, int]
) -> None:
    """And an audit says which domain waits, and what to type."""
    own.trust_for("foo")
    own.absent()
    export(own)
    found = own.console("audit", "--json", code=1).json
    assert [(one["subject"], one["severity"]) for one in found if one["rule"] == "crl-missing"] == [
        ("foo.test", "error")
    ]
    own.present()
    export(own)
    assert "crl-missing" not in {one["rule"] for one in own.console(
        "audit", "--json", "--fail-on", "never").json}  # fmt: skip


def test_an_audit_warns_before_anything_ends(own: OwnCa, hosts: dict[str, int]) -> None:
    """Ten days' staples from the seventh day on, a month's list from the twentieth, three days
    before it as an error; and hosts and authorities in their time."""
    export(own)

    def rules(days: int) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for one in own.console("audit", "--json", "--fail-on", "never", "--at", f"+{days}d").json:
            found.setdefault(one["rule"], set()).add(one["subject"])
        return found

    # 10 days: a third is 3.3, a sixth 1.7
    assert "revocation-ends-soon" not in rules(6)
    assert rules(7)["revocation-ends-soon"] == set(HOSTS)
    assert rules(9)["revocation-ends"] == set(HOSTS)
    assert "main/issuing-1" not in rules(19).get("revocation-ends-soon", ())
    assert "main/issuing-1" in rules(21)["revocation-ends-soon"]
    assert "main/issuing-1" in rules(28)["revocation-ends"]
    assert "main/root-1" in rules(181)["revocation-ends"]
    end = parse_stamp(own("list", "--json").json[0]["not_after"])
    left = (end - int(time.time())) // 86400
    assert "host-expires-in-30-days" not in rules(left - 31)
    assert rules(left - 29)["host-expires-in-30-days"] == set(HOSTS)
    assert rules(left - 6)["host-expires-in-7-days"] == set(HOSTS)
    assert "ca-expires" not in rules(30)
    assert "main/issuing-1" in rules(5 * 365 - 60)["ca-expires"]
    assert "main/issuing-1" in rules(5 * 365 - 20)["ca-expires-in-30-days"]


def test_two_hierarchies_stand_side_by_side(own: OwnCa, hosts: dict[str, int]) -> None:
    """Each has its lists and staples; there is one file with all lists, and it is whole or none."""
    own("init", "--name", "next", "--key", "ed25519")
    own("issue", HOSTS[0], "--ca", "next", "--out", str(own.console.folder / "next"))
    export(own)
    names = {one.name: one.read_bytes() for one in (current(own) / "crl").iterdir()}
    assert names["_all.pem"] == names["main.pem"] + names["next.pem"]
    assert os.listdir(current(own) / "ocsp/next") == [f"{HOSTS[0]}.ocsp"]
    assert status(current(own) / f"ocsp/main/{HOSTS[0]}.ocsp")[1] == hosts[HOSTS[0]]
