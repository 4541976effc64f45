"""Keys made beforehand: published in time, then used; a host that goes by DANE stays reachable."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from tests.authority import OwnCa
from tests.tools import output, require
from trustctl.inventory import dane
from trustctl.inventory.transaction import writing
from trustctl.resources import resource

HOST = "mx1.bar.test"
_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def folder(own: OwnCa) -> Path:
    """Where the files of a certified host are."""
    own.init("--permit", "bar.test")
    own.issue(HOST)
    return own.console.folder / "issued"


def _pin(path: Path) -> str:
    """The SPKI pin of a key or a certificate in a file, by the library alone."""
    data = path.read_bytes()
    if b"PRIVATE KEY" in data:
        public = load_pem_private_key(data, None).public_key()
    else:
        public = x509.load_pem_x509_certificate(data).public_key()
    return hashlib.sha256(public.public_bytes(*_SPKI)).hexdigest()


def _pins(folder: Path) -> tuple[str, str]:
    return _pin(folder / f"{HOST}.key"), _pin(folder / f"{HOST}.crt")


def _published(own: OwnCa, *pins: str, ago: int, ttl: int = 3600, port: int = 25) -> None:
    """Somebody said so long ago that these keys stand in DNS."""
    with writing(own.console.db, "Ann", int(time.time()) - ago) as tx:
        for pin in pins:
            dane.publish(tx, "main", HOST, port, ttl, pin)


def _next(own: OwnCa, folder: Path) -> str:
    own("next-key", HOST, "--out", str(folder))
    return _pin(folder / f"{HOST}.next.key")


def _renew(own: OwnCa, folder: Path, *words: str) -> str:
    ran = own("renew", HOST, "--out", str(folder), *words)
    key, certificate = _pins(folder)
    assert key == certificate, "the pair does not belong together"
    own.console("journal", "verify")
    return ran.err


def test_the_next_key_is_new_secret_and_recorded(own: OwnCa, folder: Path) -> None:
    """0600, of the host's kind, known to the inventory; asked for again it stays."""
    before = _pins(folder)
    pin = _next(own, folder)
    path = folder / f"{HOST}.next.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert pin not in before
    assert _pins(folder) == before
    assert b"BEGIN PRIVATE KEY" in path.read_bytes()
    assert "already there" in own("next-key", HOST, "--out", str(folder)).out
    assert _pin(path) == pin
    entries = [one for one in own.console("journal", "--json").json if "dane" in one["action"]]
    assert [(one["action"], one["subject"]) for one in entries] == [("dane.next-key", pin)]
    own.console("journal", "verify")


def test_renewing_takes_the_next_key(own: OwnCa, folder: Path) -> None:
    """Without TLSA records at once; its file is gone then, and the next renewal makes a new one."""
    pin = _next(own, folder)
    assert _renew(own, folder) == ""
    assert _pins(folder) == (pin, pin)
    assert not (folder / f"{HOST}.next.key").exists()
    _renew(own, folder)
    assert _pins(folder)[0] != pin


def test_a_host_with_tlsa_records_keeps_its_key_until_the_next_is_known(
    own: OwnCa, folder: Path
) -> None:
    """Without a next key, with one that is not published, with one that resolvers may not have;
    the TTL of the records from before has to pass."""
    first = _pins(folder)[0]
    _published(own, first, ago=90_000, ttl=7200)
    assert "no next key is" in _renew(own, folder)
    assert _pins(folder)[0] == first
    pin = _next(own, folder)
    assert "not published yet" in _renew(own, folder)
    assert _pins(folder)[0] == first
    _published(own, first, pin, ago=7100, ttl=60)
    assert "may be used from" in _renew(own, folder)
    assert _pins(folder)[0] == first
    assert (folder / f"{HOST}.next.key").exists()


def test_a_published_next_key_is_used_when_its_time_has_come(own: OwnCa, folder: Path) -> None:
    """Then resolvers know both keys, and the host may have either."""
    first = _pins(folder)[0]
    _published(own, first, ago=90_000, ttl=7200)
    pin = _next(own, folder)
    _published(own, first, pin, ago=7300, ttl=60)
    assert _renew(own, folder) == ""
    assert _pins(folder)[0] == pin


def test_every_published_port_counts(own: OwnCa, folder: Path) -> None:
    """A key that is published for one of two ports is not known to all clients."""
    first = _pins(folder)[0]
    pin = _next(own, folder)
    for port in (25, 465):
        _published(own, first, ago=90_000, port=port)
    _published(own, pin, ago=80_000, port=25)
    assert "not published yet" in _renew(own, folder)
    _published(own, pin, ago=80_000, port=465)
    assert _renew(own, folder) == ""
    assert _pins(folder)[0] == pin


def test_no_records_any_more_means_no_waiting(own: OwnCa, folder: Path) -> None:
    """--unpublished ends it, and a new key is made again."""
    first = _pins(folder)[0]
    own("tlsa", HOST, "--published")
    assert "keeps its key" in _renew(own, folder)
    ran = own("tlsa", HOST, "--unpublished")
    assert "has no TLSA records" in ran.out
    assert _renew(own, folder) == ""
    assert _pins(folder)[0] != first


def test_a_lost_key_is_replaced_at_once_where_somebody_says_so(own: OwnCa, folder: Path) -> None:
    """--new-key waits for nothing, and says what resolvers do not know."""
    first = _pins(folder)[0]
    own("tlsa", HOST, "--published")
    assert "do not name its new key" in _renew(own, folder, "--new-key")
    second = _pins(folder)[0]
    assert second != first
    pin = _next(own, folder)
    _published(own, second, pin, ago=90_000)
    assert _renew(own, folder, "--new-key") == ""
    assert _pins(folder)[0] == pin
    _next(own, folder)
    _renew(own, folder, "--same-key")
    assert _pins(folder)[0] == pin


def test_a_next_key_that_is_elsewhere_stops_no_renewal(own: OwnCa, folder: Path) -> None:
    """A timer goes on: with the same key where DNS names it, with a new one else."""
    first = _pins(folder)[0]
    pin = _next(own, folder)
    (folder / f"{HOST}.next.key").rename(own.console.folder / "elsewhere.key")
    assert "gets a new one" in _renew(own, folder)
    second = _pins(folder)[0]
    assert second not in (first, pin)
    _published(own, second, pin, ago=90_000)
    assert "keeps its key" in _renew(own, folder)
    assert _pins(folder)[0] == second
    ran = own.console.fails("ca", "next-key", HOST, "--out", str(folder), code=5)
    assert "--anew makes another" in ran.err
    own("next-key", HOST, "--out", str(folder), "--anew")
    assert _pin(folder / f"{HOST}.next.key") != pin


def test_what_killed_runs_left_is_finished(own: OwnCa, folder: Path) -> None:
    """A next key that was written and not recorded; one that was certified and not placed."""
    pin = _next(own, folder)
    left = (folder / f"{HOST}.next.key").read_bytes()
    old = (folder / f"{HOST}.key").read_bytes(), (folder / f"{HOST}.crt").read_bytes()
    _published(own, _pins(folder)[0], pin, ago=90_000)
    _renew(own, folder)
    for suffix, content in zip((".next.key", ".key", ".crt"), (left, *old), strict=True):
        (folder / f"{HOST}{suffix}").write_bytes(content)
        (folder / f"{HOST}{suffix}").chmod(0o600)
    _renew(own, folder)
    assert _pins(folder) == (pin, pin)
    unrecorded = folder / f"{HOST}.next.key"
    unrecorded.write_bytes(output("openssl", "genpkey", "-algorithm", "ED25519"))
    unrecorded.chmod(0o600)
    assert "made:" in own("next-key", HOST, "--out", str(folder)).out
    shown = own("tlsa", HOST, "--json").json[0]["records"]
    assert _pin(unrecorded) in [one["data"] for one in shown if one["key"] == "next"]


@pytest.mark.parametrize("what", ["link", "readable", "junk"])
def test_a_next_key_that_is_not_as_it_was_made_is_not_used(
    own: OwnCa, folder: Path, what: str
) -> None:
    """A link to somewhere, a key that everybody may read, no key at all: nothing is renewed."""
    _next(own, folder)
    path = folder / f"{HOST}.next.key"
    if what == "link":
        os.rename(path, folder / "other")
        path.symlink_to("other")
    elif what == "readable":
        path.chmod(0o644)
    else:
        path.write_bytes(b"junk")
    code = 4 if what == "junk" else 7
    own.console.fails("ca", "renew", HOST, "--out", str(folder), code=code)
    own.console.fails("ca", "next-key", HOST, "--out", str(folder), code=code)


def test_what_has_no_certificate_gets_no_next_key(own: OwnCa, folder: Path) -> None:
    """Nor a host that only sends: it has no TLSA records."""
    own("issue", "out.bar.test", "--client", "--out", str(folder))
    for host in ("mx9.bar.test", "out.bar.test"):
        own.console.fails("ca", "next-key", host, "--out", str(folder), code=5)
        own.console.fails("ca", "tlsa", host, code=5)
    assert "out.bar.test" not in own("tlsa").out
    own("revoke", HOST, "--reason", "superseded", "--yes")
    own.console.fails("ca", "next-key", HOST, "--out", str(folder), code=5)


def test_records_are_what_other_programs_make(own: OwnCa, folder: Path) -> None:
    """GnuTLS's danetool from the same files, for each name of the certificate and each key."""
    require("danetool", "openssl")
    own("issue", "mx2.bar.test,mail.bar.test", "--out", str(folder))
    own("next-key", "mx2.bar.test", "--out", str(folder))
    public = folder / "next.pub"
    public.write_bytes(
        output("openssl", "pkey", "-in", str(folder / "mx2.bar.test.next.key"), "-pubout")
    )
    theirs = {
        _fields(_danetool(host, port, *source))
        for host in ("mx2.bar.test", "mail.bar.test")
        for port in ("25", "465")
        for source in (
            ("--load-certificate", str(folder / "mx2.bar.test.crt")),
            ("--load-pubkey", str(public)),
        )
    }
    ours = own("tlsa", "mail.bar.test", "--port", "25", "--port", "465", "--ttl", "600").out
    assert {_fields(one.replace(" 600 IN", " IN")) for one in ours.splitlines()} == theirs
    assert len(theirs) == 8
    assert all(one.split()[1] == "600" for one in ours.splitlines())


def _danetool(host: str, port: str, *source: str) -> str:
    return output(
        "danetool", "--tlsa-rr", "--host", host, "--port", port, "--proto", "tcp", "--domain",
        *source,
    ).decode()  # fmt: skip


def _fields(line: str) -> tuple[object, ...]:
    words = line.partition(";")[0].replace("(", " ").replace(")", " ").split()
    owner, *_in_tlsa, usage, selector, kind, data = words
    return owner, int(usage), int(selector), int(kind), data


def test_the_key_before_is_named_for_a_while(own: OwnCa, folder: Path) -> None:
    """The MTA may not have been reloaded; a revoked key is not named at all."""
    first = _pins(folder)[0]
    _renew(own, folder)
    second = _pins(folder)[0]
    shown = own("tlsa", HOST, "--json").json[0]["records"]
    assert [(one["key"], one["data"]) for one in shown] == [
        ("current", second),
        ("previous", first),
    ]
    (serial,) = [one["serial"] for one in own("list", "--json").json if one["spki"] == first]
    own("revoke", serial, "--reason", "key-compromise", "--yes")
    shown = own("tlsa", HOST, "--json").json[0]["records"]
    assert [one["data"] for one in shown] == [second]


def test_what_was_said_to_be_published_is_known(own: OwnCa, folder: Path) -> None:
    """By key, port and TTL; a later call names the same ports without being told."""
    _next(own, folder)
    ran = own("tlsa", HOST, "--published", "--port", "25", "--port", "465", "--ttl", "300")
    assert "for port 25 465, 2 keys" in ran.out
    assert "its next key may be used from" in ran.out
    shown = own("tlsa", HOST, "--json").json[0]
    assert shown["published_ports"] == [25, 465]
    assert all(one["published"] for one in shown["records"])
    assert len(shown["records"]) == 4
    assert shown["next_key_usable_from"] is not None
    own.console("journal", "verify")
    own.console.fails("ca", "tlsa", "--published", code=2)
    own.console.fails("ca", "tlsa", HOST, "--published", "--unpublished", code=2)
    own.console.fails("ca", "tlsa", HOST, "--port", "0", code=2)


def test_the_audit_says_what_dns_lacks(own: OwnCa, folder: Path) -> None:
    """A renewal that is due without a next key in DNS; a key that was never published."""

    def rules(*words: str) -> set[str]:
        found = own.console("audit", "--json", "--fail-on", "never", *words).json
        return {one["rule"] for one in found if one["rule"].startswith("tlsa")}

    assert rules("--at", "+340d") == set()
    own("tlsa", HOST, "--published")
    assert rules() == set()
    assert rules("--at", "+340d") == {"tlsa-next-missing"}
    _next(own, folder)
    assert rules("--at", "+340d") == {"tlsa-next-missing"}
    own("tlsa", HOST, "--published")
    assert rules("--at", "+340d") == set()
    own("issue", HOST, "--out", str(own.console.folder / "again"))
    assert rules() == {"tlsa-current-unpublished"}


def test_the_keys_of_the_json_are_those_of_the_page(own: OwnCa, folder: Path) -> None:
    """share/doc/json.md names each, and no other."""
    page = resource("share").joinpath("doc/json.md").read_text()
    section = page.partition("## `trustctl ca tlsa --json`")[2].partition("\n## ")[0]
    (shown,) = own("tlsa", HOST, "--json").json
    keys = list(shown)
    at = keys.index("records") + 1
    keys[at:at] = [f"records[].{one}" for one in shown["records"][0]]
    assert re.findall(r"^\| `([\w\[\].]+)` \|", section, re.MULTILINE) == keys
    assert shown["next_key_usable_from"] is None
