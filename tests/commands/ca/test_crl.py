"""Tests of ``trustctl ca crl``, and of ``ca revoke`` before it."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509

from tests.authority import OwnCa, first
from tests.tools import require

HOSTS = ("mx1.foo.test", "mx2.foo.test")


@pytest.fixture
def chains(own: OwnCa) -> dict[str, Path]:
    """Two hosts' chain files, by host."""
    own.init("--permit", "foo.test")
    return dict(zip(HOSTS, own.issue(*HOSTS), strict=True))


def number(text: str) -> int:
    """The number of a CRL in PEM."""
    found = x509.load_pem_x509_crl(text.encode())
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def verified(own: OwnCa, lists: Path, chain: Path, *more: str) -> bool:
    """Whether OpenSSL takes a host's certificate by these lists, wanting one of every CA."""
    require("openssl")
    told = subprocess.run(
        ["openssl", "verify", "-crl_check_all", "-x509_strict", *more,
         "-CAfile", str(own.certificate("root")), "-untrusted", str(chain),
         "-CRLfile", str(lists), str(first(chain))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if told.returncode:
        assert (
            "certificate revoked" in told.stderr or "unable to get certificate CRL" in told.stderr
        )
    return told.returncode == 0


def test_openssl_refuses_what_was_revoked(own: OwnCa, chains: dict[str, Path]) -> None:
    """By the lists of root and issuing CA together; the other host is taken. The issuing CA's list
    alone is not enough for a check of the whole chain."""
    lists = own.console.folder / "crl.pem"
    own("crl", "--of", "all", "--out", str(lists))
    assert verified(own, lists, chains["mx1.foo.test"])
    own("revoke", "mx1.foo.test", "--reason", "key-compromise", "--yes")
    own("crl", "--of", "all", "--out", str(lists))
    assert not verified(own, lists, chains["mx1.foo.test"])
    assert verified(own, lists, chains["mx2.foo.test"])
    own("crl", "--out", str(lists))
    assert not verified(own, lists, chains["mx2.foo.test"])
    own("revoke", "main/issuing-1", "--reason", "superseded", "--yes")
    own("crl", "--of", "all", "--out", str(lists))
    assert not verified(own, lists, chains["mx2.foo.test"])


def test_a_delta_adds_to_its_base(own: OwnCa, chains: dict[str, Path]) -> None:
    """OpenSSL applies it; it names what was revoked since, and nothing else."""
    base, both = own.console.folder / "base.pem", own.console.folder / "both.pem"
    own.console.fails("ca", "crl", "--delta", code=5)
    own("revoke", "mx2.foo.test", "--reason", "superseded", "--yes")
    plain = own("crl", "--of", "all").out
    text = own("crl", "--of", "all", "--delta-url", "http://crl.foo.test/delta.crl").out
    base.write_text(text)
    own("revoke", "mx1.foo.test", "--reason", "superseded", "--yes")
    delta = own("crl", "--delta").out
    assert len(x509.load_pem_x509_crl(delta.encode())) == 1
    both.write_text(text + delta)
    assert text != plain  # without the place of its deltas OpenSSL would not look at one
    assert verified(own, base, chains["mx1.foo.test"], "-use_deltas", "-extended_crl")
    assert not verified(own, both, chains["mx1.foo.test"], "-use_deltas", "-extended_crl")
    assert own("crl", "--delta").out == delta
    # the next whole list names both; a delta to it is empty
    assert len(x509.load_pem_x509_crl(own("crl").out.encode())) == 2
    assert len(x509.load_pem_x509_crl(own("crl", "--delta").out.encode())) == 0
    # where deltas are is said from then on, unasked
    found = x509.load_pem_x509_crl(own("crl", "--force").out.encode())
    assert found.extensions.get_extension_for_class(x509.FreshestCRL)
    own.console.fails("ca", "crl", "--delta-url", "http://a b", code=2)


def test_a_list_is_signed_when_it_is_due(own: OwnCa, chains: dict[str, Path]) -> None:
    """Not while it is fresh and says the same; then nobody is asked for the passphrase either."""
    one = own("crl").out
    own.absent()
    assert own("crl").out == one
    own.present()
    assert number(own("crl", "--force").out) == number(one) + 1
    assert number(own("crl", "--days", "3").out) == number(one) + 2
    assert number(own("crl", "--days", "3").out) == number(one) + 2
    own("revoke", "mx1.foo.test", "--reason", "unspecified", "--yes")
    assert number(own("crl").out) == number(one) + 3
    own("revoke", "mx2.foo.test", "--reason", "unspecified", "--yes")
    own.absent()
    own.console.fails("ca", "crl", code=2)


def test_a_list_is_recorded_and_its_number_is_never_used_again(
    own: OwnCa, chains: dict[str, Path]
) -> None:
    """The inventory has each that ever left, and refuses another under its number."""
    for _round in range(3):
        own("crl", "--force")
    own.console("journal", "verify")
    import sqlite3

    with closing(sqlite3.connect(own.console.db)) as raw:
        rows = raw.execute("SELECT number, der FROM crl ORDER BY number").fetchall()
        assert [row[0] for row in rows] == [1, 2, 3]
        for statement in (
            "INSERT OR REPLACE INTO crl SELECT * FROM crl WHERE number = 3",
            "UPDATE crl SET der = x'00'",
            "DELETE FROM crl",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(statement)


def test_a_file_is_replaced_in_one_step(own: OwnCa, chains: dict[str, Path]) -> None:
    """It is there before and after, as PEM or DER; several lists are no DER file."""
    path = own.console.folder / "a.crl"
    own("crl", "--out", str(path), "--der")
    assert x509.load_der_x509_crl(path.read_bytes()).next_update_utc is not None
    own("crl", "--out", str(path))
    assert x509.load_pem_x509_crl(path.read_bytes()).next_update_utc is not None
    assert [one.name for one in own.console.folder.iterdir() if "tmp" in one.name] == []
    own.console.fails("ca", "crl", "--of", "all", "--der", "--out", str(path), code=2)
    own.console.fails("ca", "crl", "--of", "nobody", code=2)


def test_a_list_signed_elsewhere_is_taken_if_it_is_newer(
    own: OwnCa, chains: dict[str, Path]
) -> None:
    """Once; a forged one, another CA's or one that forgets a revocation is refused."""
    old = own("crl").out
    new = own.console.write("new.crl", own("crl", "--force").out.encode())
    own.console.fails("ca", "crl", "--accept", new, code=5)
    own.console.fails("ca", "crl", "--accept", own.console.write("old", old.encode()), code=5)
    own.console.fails("ca", "crl", "--accept", str(own.certificate("root")), code=4)
    own("init", "--name", "other")
    foreign = own.console.write("foreign", own("crl", "--ca", "other").out.encode())
    own.console.fails("ca", "crl", "--ca", "main", "--accept", foreign, code=4)
    own.console.fails("ca", "crl", "--ca", "main", "--accept", new, "--delta", code=2)


def test_a_list_from_where_the_root_is(own: OwnCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed by a copy of the inventory, as on a machine that is offline, and taken by this one;
    not when it leaves out what is revoked here."""
    import shutil

    from tests.console import Console

    own.init()
    own.issue("mx1.foo.test", "mx2.foo.test")
    shutil.copytree(own.console.db.parent, own.console.folder / "offline" / "inventory")
    offline = Console(own.console.folder / "offline")
    blank = offline.folder / "blank.crl"
    offline("ca", "crl", "--out", str(blank))
    offline("ca", "revoke", "mx1.foo.test", "--reason", "superseded", "--yes")
    offline("ca", "crl", "--of", "all", "--out", str(offline.folder / "full.crl"))
    own("revoke", "mx1.foo.test", "--reason", "superseded", "--yes")
    own.console.fails("ca", "crl", "--accept", str(blank), code=5)
    # the moment of the revocation is part of neither: the serial number counts
    said = own("crl", "--accept", str(offline.folder / "full.crl")).out
    assert re.findall(r"main/\S+, number \d", said) == [
        "main/root-1, number 1",
        "main/issuing-1, number 2",
    ]
    own.console("journal", "verify")
    own.console.fails("ca", "crl", "--accept", str(offline.folder / "full.crl"), code=5)
